"""Routes of the endpoint."""
