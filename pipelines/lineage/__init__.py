"""Lineage: what an answer rests on and what rests on a drop, found from what every step left.

Nothing here writes: the links are made by the steps, because everything is named by its content.
"""

from pipelines.lineage.trace import Direction, Trace, read_all, trace

__all__ = ["Direction", "Trace", "read_all", "trace"]
