"""A kind whose module imports NumPy, which reading a profile must not."""

import numpy as np

from pipelines.candidate_config import ForecasterKind

HEAVY = ForecasterKind("models.bad_forecasters:Honest")
NUMBER = np.float64
