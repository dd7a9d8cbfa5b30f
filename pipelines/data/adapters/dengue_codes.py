"""ICD-10's codes of dengue, which differ from edition to edition.

WHO's release of 2019 has A97 alone, the clinical modification A90 and A91 alone
(`findings/icd10_releases_share_no_dengue_code.sh`). A register that was moved from one to the other
holds both, and a rule that keeps one of them makes the other's years look quiet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from pipelines.arrays import Texts

_DENGUE = re.compile(r"A9[017][0-9X]?")  # A970 for A97.0; A90X where a register fills four places


def is_dengue(code: object) -> bool:
    """Whether a text is a code of dengue in any edition, with or without its point."""
    return bool(_DENGUE.fullmatch(str(code).strip().upper().replace(".", "")))


def dengue_beside(found: Texts, kept: Sequence[str], chosen: Sequence[str]) -> dict[str, int]:
    """Code -> records, of dengue that no rule names; none if the kept codes are not of dengue.

    Args:
        found: (N,) a column of records.
        kept: what a rule keeps of that column.
        chosen: what rules keep or leave out of it.
    """
    if not any(is_dengue(code) for code in kept):
        return {}
    counts = pd.Series(found).dropna().astype(str).value_counts().sort_index()
    return {str(c): int(n) for c, n in counts.items() if c not in chosen and is_dengue(c)}
