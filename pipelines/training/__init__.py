"""Fits heads on examples; the one visible loop is in train.py."""
