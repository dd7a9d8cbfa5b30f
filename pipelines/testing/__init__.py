"""What every plug-in must pass, ours included: one file a kind of plug-in, one function each.

A check raises AssertionError that says what does not hold, and needs no test framework. Other
distributions import them as `denguard.testing`. Nothing else of the library imports this room.
"""

from pipelines.testing.adapter import check_adapter
from pipelines.testing.calendar import check_calendar
from pipelines.testing.codes import check_unit_codes
from pipelines.testing.encoder import check_encoder
from pipelines.testing.facts import Fact
from pipelines.testing.forecaster import check_forecaster
from pipelines.testing.head import check_fused_head
from pipelines.testing.label_rule import check_label_rule
from pipelines.testing.source import check_source

__all__ = [
    "Fact",
    "check_adapter",
    "check_calendar",
    "check_encoder",
    "check_forecaster",
    "check_fused_head",
    "check_label_rule",
    "check_source",
    "check_unit_codes",
]
