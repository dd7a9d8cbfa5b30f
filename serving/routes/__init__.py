"""One file per noun: predictions, model, health (with metrics)."""
