"""MLflow runs, versions and aliases."""
