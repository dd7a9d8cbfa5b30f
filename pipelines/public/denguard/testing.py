"""The checks that every plug-in must pass, denguard's own included: a plug-in's tests call them.

Each raises AssertionError in plain words, and needs no test framework.

    from denguard.testing import check_forecaster
    check_forecaster("my_forecaster")
"""

from pipelines.testing import (
    Fact,
    check_adapter,
    check_calendar,
    check_encoder,
    check_forecaster,
    check_fused_head,
    check_label_rule,
    check_source,
    check_unit_codes,
)

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
