"""What an empty cell says to the rules: nothing, unless drops are the whole truth or a word says
so.
"""

from __future__ import annotations

import pandas as pd
import pytest

from pipelines.data.plausible.assess_drops import unknown_now


@pytest.mark.parametrize(
    ("full", "unknown"), [(False, [False, False, True]), (True, [False, True, True])]
)
def test_an_empty_cell_takes_a_value_back_in_a_full_drop_and_a_word_everywhere(full, unknown):
    cells = pd.DataFrame({"withdrawn": [False, True, False], "unknown_again": [False, False, True]})
    assert unknown_now(cells, full).tolist() == unknown
