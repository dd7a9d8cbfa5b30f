"""Frozen encoders, the content-addressed store, and feature versions."""
