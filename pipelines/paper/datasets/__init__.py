"""One file per data set of the paper; each reads a folder into a Study, by either protocol.

A new data set is one new file and one line in contracts.PAPER_DATASETS. The file gives two
functions:
- `read(data, protocol, cache=None) -> Study`: all rows of the full metadata, images joined by id;
- `texts_without_labels(data, protocol) -> dict[sample_id, text]`: the same prompts from a table
  whose label columns say something else in every row (see pipelines.paper.leakage).

files.py and images.py find, read and check files; values.py turns cells into words and numbers.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from pipelines.contracts import PAPER_DATASETS
from pipelines.errors import ConfigError
from pipelines.paper.study import Protocol, Study


def read_study(name: str, data: Path, protocol: Protocol, cache: Path | None = None) -> Study:
    """A data set as a protocol sees it; `guard_text` proves that its texts are free of the label.

    Args:
        data: folder with the data set's files, at any depth.
        cache: JSON file that remembers which images were checked, see data.filecache; None = none.

    Raises:
        ConfigError: no such data set.
        DropError: the folder lacks its table, or the table contradicts itself.
    """
    if name not in PAPER_DATASETS:
        raise ConfigError(f"no data set {name!r}", fix=f"use one of {sorted(PAPER_DATASETS)}")
    study: Study = import_module(PAPER_DATASETS[name]).read(data, protocol, cache)
    return study
