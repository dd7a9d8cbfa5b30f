"""Lineage: what an answer rests on and what rests on a drop, found from what every step left.

Nothing here writes: the links are made by the steps, because everything is named by its content.
They are read from the records of runs, from the descriptions of datasets, features, bundles and
forecasts, from the registry and from the prediction log. The parents of published versions
(versioning) are a part of the same: they leave out what was refused, repeated or never published,
and go when a version is pruned. So they are verified here, and followed where only a remote is
known.
"""

from pipelines.lineage.trace import Direction, Trace, read_all, trace

__all__ = ["Direction", "Trace", "read_all", "trace"]
