"""Every fused head of denguard passes the kit; one that breaks a promise does not."""

from __future__ import annotations

import pytest

from denguard.testing import check_fused_head
from pipelines.contracts import FUSED_HEADS

BREACHES = {
    "mixing": "depends on the rows beside it",
    "blind": "does not read the text vector",
    "undefined": "no row has either: a logit is not finite",
    "raw": "would not begin as the linear model",
    "lone": "logits of shape",
    "drawing": "asked twice, it answers otherwise",
    "writing": "changes the vectors",
    "forgetting": "from its own state it answers otherwise",
}


@pytest.mark.parametrize("name", sorted(FUSED_HEADS))
def test_a_built_in_head_keeps_the_contract(name: str) -> None:
    check_fused_head(name)


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FUSED_HEADS, "broken", f"support.broken.heads:{name.upper()}")  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match=BREACHES[name]):
        check_fused_head("broken")
