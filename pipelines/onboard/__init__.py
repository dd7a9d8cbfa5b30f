"""Onboarding: from a place's own files to its profile, its first drop, and what can be judged with
them.

Files are read by the adapters (data/adapters) and checked by the validation (data/validate.py) of a
run, so that nothing is found here that a run would see otherwise.
"""
