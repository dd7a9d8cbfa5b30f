"""The row of the language model where there is no llama.cpp."""

from __future__ import annotations

import pytest

from benchmarks.speed import language


def test_without_llama_the_row_says_so_and_neither_meets_nor_misses_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(language, "find_spec", lambda _: None)
    (row,) = language.rows()
    assert row.met is None and row.rival is None
    assert "`make llama`" in row.note
