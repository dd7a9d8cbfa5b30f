"""What a prediction needs and nothing more, and the week's forecast made of predictions.

Used by evaluate, steps and serving alike.
"""
