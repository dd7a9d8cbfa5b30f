"""Judges recipes forward in time: metrics, baselines, backtest, gate, report."""
