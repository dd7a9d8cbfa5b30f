"""A label rule whose module imports pandas, which reading a profile must not."""

import pandas as pd
from support.broken.rules import Honest

FRAME = pd.DataFrame


class Heavy(Honest):
    """Else it breaks no promise."""
