"""A kind whose module imports NumPy, which reading a profile must not."""

import numpy as np

from pipelines.candidate_config import ForecasterKind

HEAVY = ForecasterKind("support.broken.forecasters:Honest")
NUMBER = np.float64
