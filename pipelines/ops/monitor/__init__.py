"""Watching as a service: rounds with alerts as from cron, and figures for Prometheus.

What cannot be read in a round leaves its figures out and is named; the service goes on.
"""
