"""Letting go of what nothing needs any more: what stays, what goes, saying so, deleting.

pins.py    versions that a person wants kept
stays.py   what must stay, over the graph of lineage
rooms.py   folders and files of this home that may go
shelved.py versions for analysts (DVC): which may go, and taking them off the remote
afar.py    what the store that machines share holds of things that went
recorded.py MLflow's runs and model versions
left.py    leftovers of killed writers
plan.py    all of it put together, without touching anything
doing.py   announcing and deleting, so that kill -9 leaves nothing half made

Drops, answers, decisions, the audit trail, events, vectors and the log of predictions (which has a
retention of its own) are never touched here, nor is any folder that this room does not know.
"""
