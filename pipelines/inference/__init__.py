"""What a prediction needs and nothing more; used by evaluate, forecast and serving alike."""
