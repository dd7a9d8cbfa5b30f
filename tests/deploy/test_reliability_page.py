"""docs/reliability.md says what `make stack-test` saw last."""

from __future__ import annotations

from support.stack.page import KEPT, PAGE, placed, read


def test_the_page_of_reliability_shows_the_table_that_is_kept() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert placed(page, read(KEPT)) == page
