"""From a body to checked rows: content types, JSON, multipart, and what the champion knows."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from pipelines.errors import ConfigError
from pipelines.fusion.bundle import Bundle
from pipelines.inference.asked_row import PredictionRow
from serving.problems import Problem, invalid_fields
from serving.schemas import PredictionRequest, VectorRow

JSON, MULTIPART = "application/json", "multipart/form-data"
_HOW = (
    f"send {JSON} with rows or vectors, or {MULTIPART} with a field `row` (JSON) and a file `scene`"
)

_Row = TypeVar("_Row", PredictionRow, VectorRow)


@dataclass(frozen=True)
class Asked:
    """What a request asks for: rows of fields (perhaps with one scene) or rows of vectors."""

    rows: Sequence[PredictionRow] = ()
    vectors: Sequence[VectorRow] = ()
    scene: bytes | None = None
    scene_name: str = ""


async def parse(request: Request, body: bytes, max_rows: int) -> Asked:
    """The checked request. Raises Problem: 415 content type or encoding, 422 content."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":  # never unpacked, so nothing can be packed to burst
        raise Problem(
            415,
            "content-encoding",
            f"content encoding {encoding[:40]} is not known here",
            "send the body as it is, uncompressed",
        )
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == JSON:
        return _from_json(body, max_rows)
    if kind == MULTIPART:
        return await _from_form(request, body)
    raise Problem(
        415, "content-type", f"content type {kind[:80] or 'not given'} is not known here", _HOW
    )


def _from_json(body: bytes, max_rows: int) -> Asked:
    try:
        sent = PredictionRequest.model_validate_json(body)
    except ValidationError as err:
        raise invalid_fields(err) from None
    count = len(sent.rows or sent.vectors or ())
    if count > max_rows:
        raise Problem(
            422,
            "too-many-rows",
            f"{count} rows in one call",
            f"send at most {max_rows} rows a call",
            [
                {
                    "where": "rows" if sent.rows else "vectors",
                    "what": f"{count} rows, the limit is {max_rows}",
                }
            ],
        )
    return Asked(rows=sent.rows or (), vectors=sent.vectors or ())


async def _from_form(request: Request, body: bytes) -> Asked:
    """One row and one scene. The body is in memory already, so the form parser reads it again."""

    async def replay() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    again = Request(request.scope, replay)
    try:
        form = await again.form(max_files=1, max_fields=1, max_part_size=len(body) + 1)
        row, scene = form.get("row"), form.get("scene")
    except (HTTPException, KeyError) as err:
        reason = err.detail if isinstance(err, HTTPException) else f"no {err}"
        raise Problem(422, "bad-form", f"the form cannot be read: {reason}", _HOW) from None
    if not isinstance(row, str) or not isinstance(scene, UploadFile):
        missing = [
            {"where": name, "what": "absent"}
            for name, ok in (
                ("row", isinstance(row, str)),
                ("scene", isinstance(scene, UploadFile)),
            )
            if not ok
        ]
        raise Problem(422, "bad-form", "the form lacks a part", _HOW, missing)
    try:
        parsed = PredictionRow.model_validate_json(row)
    except ValidationError as err:
        raise invalid_fields(err, "row") from None
    data, name = await scene.read(), scene.filename or ""
    await form.close()
    return Asked(rows=[parsed], scene=data, scene_name=name)


def no_model(bundle: Bundle, horizon_weeks: int) -> str:
    """Why a horizon is not answered: nobody asked for it, or the bundle leaves it out."""
    left_out = horizon_weeks in bundle.meta.recipe.get("horizons_weeks", ())
    why = (
        ": the champion's recipe is not sane there, and its bundle leaves it out"
        if left_out
        else ""
    )
    return f"no model for {horizon_weeks} weeks ahead{why}"


def check_known(bundle: Bundle, asked: Asked) -> Asked:
    """The request with its codes as the champion's place writes them.

    Refused is what the champion was not trained for, all at once: units, horizons, covariates,
    weeks that its calendar does not have; and any row, if it reads more than a row holds.
    """
    _check_is_enough(bundle, asked)
    kind = "rows" if asked.rows else "vectors"
    sent: Sequence[PredictionRow | VectorRow] = asked.rows or asked.vectors
    codes = _known_codes(bundle, kind, [row.municipality_code for row in sent])
    for i, row in enumerate(sent):
        if row.origin_week is not None:
            known_week(bundle, row.origin_week, f"{kind}.{i}.origin_week")
    _check_covariates(bundle, asked.vectors)
    _check_horizons(bundle, kind, sent)
    return replace(asked, rows=_coded(asked.rows, codes), vectors=_coded(asked.vectors, codes))


def _coded(rows: Sequence[_Row], codes: Sequence[str]) -> list[_Row]:
    return [
        row if row.municipality_code == code else row.model_copy(update={"municipality_code": code})
        for row, code in zip(rows, codes, strict=False)
    ]


def _check_is_enough(bundle: Bundle, asked: Asked) -> None:
    """Refuse rows where the champion reads more than a row holds."""
    if not bundle.lone_row:
        raise Problem(
            422,
            "row-is-not-enough",
            f"the champion ({bundle.meta.head}) reads more than one row holds",
            "ask GET /forecast by municipality_code and horizon_weeks: it answers from the "
            "published forecast",
        )
    if asked.rows and bundle.beyond_fields:
        raise Problem(
            422,
            "row-is-not-enough",
            f"the champion reads {', '.join(bundle.beyond_fields)}, which a row of fields does "
            "not hold",
            "ask GET /forecast, or send vectors with these covariates",
        )


def _check_horizons(bundle: Bundle, kind: str, sent: Sequence[PredictionRow | VectorRow]) -> None:
    horizons = sorted(bundle.models)
    wrong = [
        {
            "where": f"{kind}.{i}.horizon_weeks",
            "what": no_model(bundle, row.horizon_weeks),
        }
        for i, row in enumerate(sent)
        if row.horizon_weeks not in bundle.models
    ]
    if wrong:
        raise Problem(422, "unknown-horizon", wrong[0]["what"], f"use one of {horizons}", wrong)


def known_code(bundle: Bundle, code: str, where: str) -> str:
    """A code as the champion's place writes it. Raises Problem if it does not know the unit."""
    return _known_codes(bundle, where, [code], single=True)[0]


def code_note(bundle: Bundle, code: str) -> str | None:
    """What to say to a person who asked by an old code; None for one of today."""
    declared = bundle.meta.place.codes
    asked, today = declared.delivered.normalise(code), declared.system.normalise(code)
    return None if asked == today else f"{asked} is {today} today"


def code_notes(bundle: Bundle, asked: Asked) -> list[str]:
    """The same about every old code of a request, once each."""
    sent: Sequence[PredictionRow | VectorRow] = asked.rows or asked.vectors
    notes = (code_note(bundle, code) for code in dict.fromkeys(r.municipality_code for r in sent))
    return [note for note in notes if note]


def known_week(bundle: Bundle, label: str, where: str) -> int:
    """Ordinal of a week. Raises Problem, naming the calendar, if the champion's has no
    such week."""
    try:
        return bundle.calendar.week_no(label)
    except ConfigError as err:
        raise Problem(
            422,
            "unknown-week",
            f"{err.what} (epidemiological week of the calendar {bundle.calendar.name})",
            err.fix,
            [{"where": where, "what": err.what}],
        ) from err


def _check_covariates(bundle: Bundle, rows: Sequence[VectorRow]) -> None:
    known = bundle.meta.covariate_names
    for i, row in enumerate(rows):
        unknown = sorted(set(row.covariates) - set(known))
        if unknown:
            named = f"unknown covariates {', '.join(name[:40] for name in unknown[:3])}"
            raise Problem(
                422,
                "invalid-fields",
                named,
                f"known are {', '.join(known)}",
                [{"where": f"vectors.{i}.covariates", "what": named}],
            )


def _known_codes(
    bundle: Bundle, kind: str, codes: Sequence[str], single: bool = False
) -> list[str]:
    """Each as the champion's place writes it. Raises Problem naming those that it does not know."""
    known = bundle.thresholds
    today = [bundle.codes.normalise(code) or code for code in codes]
    wrong = [(i, code) for i, code in enumerate(today) if code not in known]
    if not wrong:
        return today
    hints = {i: f" ({note})" for i, _ in wrong[:20] if (note := code_note(bundle, codes[i]))}
    nearest = {
        code: difflib.get_close_matches(code, known.unit_ids, n=3, cutoff=0.5)
        for code in {c for _, c in wrong[:20]}
    }
    errors = [
        {
            "where": kind if single else f"{kind}.{i}.municipality_code",
            "what": (
                f"{(codes[i] if i in hints else code)[:64]}{hints.get(i, '')} is not known; near "
                f"it: {', '.join(nearest.get(code, [])) or 'none'}"
            ),
        }
        for i, code in wrong[:20]
    ]
    raise Problem(
        422,
        "unknown-municipality",
        f"{len(wrong)} municipality code(s) are not among the {len(known)} that the model knows",
        f"use a {bundle.codes.name} of the training pool ({bundle.codes.shape}; enough cases in "
        "the reference years); near codes are in errors",
        errors,
    )
