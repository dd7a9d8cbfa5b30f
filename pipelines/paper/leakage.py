"""The leakage guard: no text of a study may tell its row's label."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from importlib import import_module

from pipelines.contracts import PAPER_DATASETS
from pipelines.errors import LeakageError
from pipelines.paper.study import Study

log = logging.getLogger(__name__)
_FIX = "compute texts without the label, and without anything that was found out together with it"


def guard_text(study: Study) -> None:
    """Fail if a text names its row's class, or changes when every label is another one.

    The second test reads the table again with other values in its label columns, and under the safe
    protocol also in every column that leaks the label; the texts must come out the same.

    Raises:
        LeakageError: naming the first rows.
    """
    ids, texts = study.rows["sample_id"].tolist(), study.rows["text"].tolist()
    own = [study.classes[at] for at in study.rows["label"]]
    _refuse_named(study, ids, texts, own)
    module = import_module(PAPER_DATASETS[study.name])
    without: Mapping[str, str | None] = module.texts_without_labels(study.data, study.protocol)
    changed = [i for i, text in zip(ids, texts, strict=True) if without.get(i) != text]
    if changed:
        raise LeakageError(
            f"{len(changed)} of {len(ids)} texts change when the labels are others: they are "
            "computed from the label",
            where=_named(study, changed),
            fix=_FIX,
        )


def _refuse_named(
    study: Study, ids: Sequence[str], texts: Sequence[str | None], own: Sequence[str]
) -> None:
    """A class's name in a text of that class.

    A number means many things, and the paper's free texts are repeated as they are: there the label
    counts as told only if every text tells its own, and fewer are logged.
    """
    words = {name: _words(name) for name in study.classes}
    naming = [
        i
        for i, text, name in zip(ids, texts, own, strict=True)
        if text is not None and words[name].strip() and words[name] in _words(text)
    ]
    with_text = sum(text is not None for text in texts)
    numbers = all(re.fullmatch(r"[0-9. ]*", name) for name in study.classes)
    if (numbers or study.protocol == "paper") and len(naming) < with_text:
        log.info(
            "%s: %d of %d texts hold their row's class, as free text may",
            study.name,
            len(naming),
            with_text,
        )
    elif naming:
        raise LeakageError(
            f"{len(naming)} of {with_text} texts name their row's class",
            where=_named(study, naming),
            fix=f"{_FIX}; if the word means something else there, name the class otherwise",
        )


def _words(text: str) -> str:
    """Lower-case words between single spaces, with a space at both ends."""
    return " ".join(["", *re.findall(r"[^\W_]+", text.lower()), ""])


def _named(study: Study, ids: Sequence[str]) -> str:
    return f"{study.name}, protocol {study.protocol}: {', '.join(ids[:3])}"
