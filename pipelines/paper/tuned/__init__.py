"""What lambda, noise and L_reg bring where each is chosen on validation: search, rows, page."""
