"""How Great Expectations is asked: about no more than the columns in question, and set up once a
check.

GX hashes and copies every column of the frame it is given, and a batch is made anew for each suite
that it is asked about. Of a million cells that took longer than the questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.validator.v1_validator import Validator


def validator_of(batch: Any, frame: pd.DataFrame, expectations: Sequence[Any]) -> Validator:
    """What answers whether suites of these expectations hold of a frame: BASIC results until its
    `result_format` is set otherwise.

    Args:
        batch: GX's definition of a batch that is a whole frame.
    """
    asked = frame_asked_about(frame, expectations)
    return Validator(batch, {"result_format": "BASIC"}, {"dataframe": asked})


def frame_asked_about(frame: pd.DataFrame, expectations: Sequence[Any]) -> pd.DataFrame:
    """The columns that these expectations are about; of one that is absent GX says so."""
    asked = {name for one in expectations for name in _asked_about(one)}
    return frame[[name for name in sorted(asked) if name in frame]]


def _asked_about(expectation: Any) -> Sequence[str]:
    if isinstance(expectation, gxe.ExpectCompoundColumnsToBeUnique):
        return tuple(expectation.column_list)
    if isinstance(expectation, gxe.ExpectColumnPairValuesAToBeGreaterThanB):
        return expectation.column_A, expectation.column_B
    return (expectation.column,)
