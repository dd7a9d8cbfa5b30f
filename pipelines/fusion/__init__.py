"""What a model is: examples, alignment, heads, calibration, bundle. No training, no I/O but
bundles.
"""
