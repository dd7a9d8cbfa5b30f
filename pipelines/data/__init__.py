"""Incoming data: drops, checks, samples, labels, splits."""

import os

# Great Expectations reads it on import, from whichever module here comes first; nothing calls home.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
