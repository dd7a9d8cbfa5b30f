"""Frozen encoders and the content-addressed store of their vectors."""
