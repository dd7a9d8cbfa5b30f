"""Onboarding: from a place's own files to its profile, its first drop, and what can be judged with
them.

Belongs here: looking at files with the adapters that will read them, and asking what nobody can
know but the place itself. Does not belong here: reading files (data/adapters) and checking values
(data/validate.py): both are asked, so that nothing is found here that a run would see otherwise.
"""
