"""The endpoint: answers predictions with the current champion bundle, and nothing else."""
