"""Incoming data: drops, checks, samples, labels, splits."""
