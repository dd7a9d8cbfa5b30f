"""The small supervisor behind `make up` and `make demo`."""
