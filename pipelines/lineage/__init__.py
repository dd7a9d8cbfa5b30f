"""Lineage: what an answer rests on and what rests on a drop, found from what every step left.

Belongs here: reading finished artifacts, the registry and the prediction log into one graph,
walking it both ways and naming links that are broken. Does not belong here: anything that writes;
the links themselves are made by the steps, because everything is named by its content.
"""

from pipelines.lineage.trace import Direction, Trace, read_all, trace

__all__ = ["Direction", "Trace", "read_all", "trace"]
