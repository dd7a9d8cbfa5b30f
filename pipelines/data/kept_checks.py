"""A check of the same values by the same rules is not made again.

    artifacts/cache/checked/<content>/result.json   what Great Expectations found, as it writes it
                                      about.json    its hash

A check follows from the columns that its rules ask about, from the rules and from code. Of an
unchanged week every check but those beside the last accepted version is one of the week before; of
a new week the cells of older drops are rows of one of the week before (added_checks.py).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from great_expectations.core import expectation_validation_result as results

from pipelines.contracts import content_id
from pipelines.errors import StoreError
from pipelines.storage import discard, new_folder, read_json, sha256_file, write_atomic, write_json
from pipelines.storage.code import code_id
from pipelines.storage.kept import note_use, write_in_use

log = logging.getLogger(__name__)
_RESULT, _ABOUT = "result.json", "about.json"
_PLAIN = {"string", "floating", "integer", "boolean", "empty"}  # whose hash no other value has
_LIBRARIES = ("great-expectations", "numpy", "pandas")


class KeptChecks:
    """Results of checks by content.

    Args:
        folder: where they are kept; None = make every check.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder, self._used = folder, set[str]()

    def places(
        self, name: str, frame: pd.DataFrame, expectations: Sequence[Any], parts: Sequence[int] = ()
    ) -> list[Path | None]:
        """Where the result of a check is kept, and of the same check of so many first rows; None
        where values have no sure hash.

        Args:
            frame: the columns that are asked about, and no others.
        """
        sizes = [len(frame), *parts]
        if self._folder is None:
            return [None for _ in sizes]
        columns = [_columns(frame[column], sizes) for column in sorted(map(str, frame))]
        asked = [one.configuration.to_json_dict() for one in expectations]
        versions = [importlib.metadata.version(library) for library in _LIBRARIES]
        out: list[Path | None] = []
        for nth, size in enumerate(sizes):
            values = [column[nth] for column in columns]
            key = content_id([name, size, values, asked, versions, code_id("data")])
            out.append(None if None in values else self._folder / key)
        self._used |= {place.name for place in out[:1] if place is not None}
        return out

    def find(self, place: Path | None) -> Any:
        """The result as GX has it in memory; None if none is kept, or it is damaged."""
        if place is None or not place.is_dir():
            return None
        try:
            if read_json(place / _ABOUT).get("sha256") == sha256_file(place / _RESULT):
                note_use(place)
                return results.expectationSuiteValidationResultSchema.load(
                    json.loads((place / _RESULT).read_bytes())
                )
        except (StoreError, OSError) as err:
            log.warning("a kept check cannot be read and is made again: %s", err)
        return None

    def keep(self, place: Path | None, result: Any) -> None:
        """Keep a result, unless GX could not make the check: such a one names no rows."""
        made = all(r.success or "unexpected_index_list" in r.result for r in result.results)
        if place is None or not made:
            return
        discard(place)  # a damaged one
        with new_folder(place) as temp:
            write_atomic(temp / _RESULT, json.dumps(result.to_json_dict()))
            write_json(temp / _ABOUT, {"sha256": sha256_file(temp / _RESULT)})

    def note_used(self) -> None:
        """Note which were used: `denguard prune` removes the others later."""
        if self._folder is not None:
            write_in_use(self._folder, self._used)


def _columns(values: pd.Series, sizes: Sequence[int]) -> list[list[str] | None]:
    """Type and hash of so many first values of a column, in their order; None where different
    values may share a hash, as 1 and "1" do in a column of both."""
    kinds = [pd.api.types.infer_dtype(values[:size], skipna=True) for size in sizes]
    if kinds[0] not in _PLAIN:
        return [None for _ in sizes]
    missing = values.isna().to_numpy()
    filled = values.where(~missing, "") if values.dtype == object else values
    hashes = pd.util.hash_pandas_object(filled, index=False).to_numpy()
    out: list[list[str] | None] = []
    for size, kind in zip(sizes, kinds, strict=True):
        digest = hashlib.sha256(hashes[:size].tobytes())
        digest.update(missing[:size].tobytes())
        out.append([str(values.name), str(values.dtype), kind, digest.hexdigest()])
    return out
