"""What is tried wrong in a request: status, kind of problem, place and what to send instead."""

from __future__ import annotations

import gzip
import json
import resource
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.api import MULTIPART, ROW, VECTOR, form, refused, row_part, scene_part
from support.attacks import images
from support.attacks.on_files import zipped

JSON = {"Content-Type": "application/json"}
FIELDS, FORM, USUAL = "invalid-fields", "bad-form", "/docs shows a whole example"


@dataclass(frozen=True)
class Attack:
    """A body and its headers, and the problem expected: status, kind, words of it."""

    name: str
    body: bytes | Callable[[], bytes]
    status: int
    slug: str
    words: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=lambda: JSON)


def rows(*changed: dict[str, Any]) -> bytes:
    return json.dumps({"rows": [{**ROW, **c} for c in changed]}).encode()


def vectors(**changed: Any) -> bytes:
    return json.dumps({"vectors": [{**VECTOR, **changed}]}).encode()


def with_token(token: str, where: str = "population") -> bytes:
    """A row in which a number is any text."""
    return rows({where: 123456.5}).replace(b"123456.5", token.encode())


def field_of(name: str, value: Any, *words: str) -> Attack:
    shown = repr(value)[:30]
    return Attack(
        f"{name} = {shown}", rows({name: value}), 422, FIELDS, (f"rows.0.{name}", USUAL, *words)
    )


def a_million(item: bytes, kind: str = "rows") -> Callable[[], bytes]:
    return lambda: b'{"%s": [' % kind.encode() + b",".join([item] * 1_000_000) + b"]}"


VALUES = [
    field_of("municipality_code", 5001, "string"),
    field_of("municipality_code", "05001\n", "match pattern"),
    field_of("municipality_code", "0" * 65, "match pattern"),
    field_of("municipality_code", ["05001"], "string"),
    field_of("municipality_code", None, "string"),
    field_of("origin_week", "2018-w54", "only some years have a w53"),
    field_of("origin_week", "2018-w00", "epidemiological week"),
    field_of("origin_week", "2018-W48", "write it as 2018-w48"),
    field_of("origin_week", "2018-w48\n", "epidemiological week"),
    field_of("origin_week", "２０１８-w48", "epidemiological week"),
    field_of("origin_week", "0001-w01", "epidemiological week"),
    field_of("origin_week", "9999-w52", "epidemiological week"),
    field_of("origin_week", 201848, "string"),
    field_of("horizon_weeks", 4.0, "integer"),
    field_of("horizon_weeks", "4", "integer"),
    field_of("horizon_weeks", True, "integer"),
    field_of("horizon_weeks", -1, "greater than or equal to 0"),
    field_of("horizon_weeks", 10**30, "less than or equal to 12"),
    field_of("recent_cases", [1, 2, 3], "at least 4"),
    field_of("recent_cases", [1] * 54, "at most 53"),
    field_of("recent_cases", [1, 2, 3, -4], "greater than or equal to 0"),
    field_of("recent_cases", [1, 2, 3, 1e7], "less than or equal to 1000000"),
    field_of("recent_cases", [1, 2, 3, "4"], "valid number"),
    field_of("recent_cases", "1234", "valid array"),
    field_of("recent_cases", {"0": 1}, "valid array"),
    field_of("climate", [{"temp_mean_c": 77.0}], "less than or equal to 50"),
    field_of("climate", [{"temp_mean_c": 298.15}], "less than or equal to 50"),
    field_of("climate", [{"rainfall_mm": -1}], "greater than or equal to 0"),
    field_of("climate", [{"rainfall_m": 0.1}], "not permitted"),
    field_of("climate", [{}] * 13, "at most 12"),
    field_of("climate_month", "2018-13", "match pattern"),
    field_of("climate_month", "0000-01", "match pattern"),
    field_of("population", 0, "greater than or equal to 1"),
    field_of("population", 1e-300, "greater than or equal to 1"),
    field_of("households_without_water_pct", 140, "less than or equal to 100"),
    field_of("municipality_name", "x" * 101, "at most 100"),
    field_of("text", "x" * 4001, "at most 4000"),
    field_of("text", "", "at least 1"),
    field_of("cases_of_target_week", 3, "not permitted"),
    field_of("__proto__", {"admin": True}, "not permitted"),
]

TOKENS = [
    Attack(f"the number {token[:20]}", with_token(token), 422, FIELDS, words)
    for token, words in [
        ("NaN", ("population", "finite")),
        ("Infinity", ("population", "finite")),
        ("-Infinity", ("population",)),
        ("1e400", ("population", "finite")),
        ("9" * 5000, ("number out of range",)),
        ("-1e-400", ("population",)),
        ("0x10", ("Invalid JSON",)),
        ("1_000", ("Invalid JSON",)),
        ("+5", ("Invalid JSON",)),
        ("05", ("Invalid JSON",)),
        (".5", ("Invalid JSON",)),
        ("'5'", ("Invalid JSON",)),
        ("undefined", ("Invalid JSON",)),
    ]
]

BODIES = [
    Attack("nothing", b"", 422, FIELDS, ("Invalid JSON", USUAL)),
    Attack("null", b"null", 422, FIELDS, (USUAL,)),
    Attack("a bare number", b"5", 422, FIELDS, (USUAL,)),
    Attack("a list", b"[]", 422, FIELDS, (USUAL,)),
    Attack("no row", b'{"rows": []}', 422, FIELDS, ("at least 1",)),
    Attack("rows and vectors at once", json.dumps({"rows": [ROW], "vectors": [VECTOR]}).encode(), 422, FIELDS, ("either",)),
    Attack("JSON that is cut off", rows({})[:-5], 422, FIELDS, ("Invalid JSON",)),
    Attack("two documents in one body", rows({}) * 2, 422, FIELDS, ("Invalid JSON", "trailing")),
    Attack("a comment in JSON", b"/* hello */" + rows({}), 422, FIELDS, ("Invalid JSON",)),
    Attack("100,000 brackets", b"[" * 100_000, 422, FIELDS, ("Invalid JSON", "recursion")),
    Attack("100,000 nested objects", b'{"rows":' * 100_000, 422, FIELDS, ("recursion",)),
    Attack("a lone surrogate", rows({"municipality_name": "X"}).replace(b'"X"', b'"\\ud800"'), 422, FIELDS, ("Invalid JSON",)),
    Attack("bytes that are not UTF-8", rows({"municipality_name": "X"}).replace(b'"X"', b'"\xff\xfe"'), 422, FIELDS, ("Invalid JSON",)),
    Attack("UTF-16", rows({}).decode().encode("utf-16"), 422, FIELDS, ("Invalid JSON",), {"Content-Type": "application/json; charset=utf-16"}),
    Attack("a byte order mark", b"\xef\xbb\xbf" + rows({}), 422, FIELDS, ("Invalid JSON",)),
    Attack("NUL bytes", rows({}) + bytes(100), 422, FIELDS, ("Invalid JSON",)),
    Attack("1,001 rows", rows(*[{}] * 1001), 422, "too-many-rows", ("at most 1000 rows a call",)),
    Attack("a million rows of nothing", a_million(b"0"), 422, FIELDS, ("at most 10000",)),
    Attack("a million vectors of nothing", a_million(b"{}", "vectors"), 422, FIELDS, ("at most 10000",)),
    Attack("a name of 7 MB", lambda: rows({"municipality_name": "x" * 7_000_000}), 422, FIELDS, ("at most 100",)),
    Attack("an unknown field whose name is 7 MB", lambda: rows({"x" * 7_000_000: 1}), 422, FIELDS, ("not permitted",)),
    Attack("9 MB", lambda: b" " * 9_000_000, 413, "body-too-large", ("DENGUARD_MAX_BODY_BYTES",)),
    Attack("a gzip bomb", lambda: gzip.compress(bytes(1_000_000)) * 500, 415, "content-encoding", ("uncompressed",), {**JSON, "Content-Encoding": "gzip"}),
    Attack("a coding nobody knows", rows({}), 415, "content-encoding", ("uncompressed",), {**JSON, "Content-Encoding": "x" * 5000}),
    Attack("a code in Arabic-Indic digits", rows({"municipality_code": "٠٥٠٠١"}), 422, "unknown-municipality", ("is not known",)),
    Attack("a code with SQL in it", rows({"municipality_code": "05001' OR '1'='1"}), 422, "unknown-municipality", ("is not known",)),
    Attack("a code with a traversal in it", rows({"municipality_code": "../05001"}), 422, "unknown-municipality", ("is not known",)),
    Attack("an unknown municipality", rows({"municipality_code": "05002"}), 422, "unknown-municipality", ("05002 is not known; near it: 05001",)),
    Attack("an unknown horizon", rows({"horizon_weeks": 12}), 422, "unknown-horizon", ("use one of [1, 4]",)),
    Attack("a week that does not exist", rows({"origin_week": "2018-w53"}), 422, "unknown-week", ("write it as 2018-w48",)),
    Attack("climate of the future", rows({"climate_month": "2019-01"}), 422, "unusable-row", ("not known in 2018-w48",)),
    Attack("CSV", b"municipality_code,cases\n05001,3\n", 415, "content-type", ("text/csv", "send application/json"), {"Content-Type": "text/csv"}),
    Attack("no content type", rows({}), 415, "content-type", ("not given",), {}),
    Attack("a content type of 5,000 letters", rows({}), 415, "content-type", ("send application/json",), {"Content-Type": "x" * 5000}),
    Attack("a form of plain fields", b"row=1", 415, "content-type", ("multipart/form-data",), {"Content-Type": "application/x-www-form-urlencoded"}),
    Attack("XML with an entity", b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', 415, "content-type", ("send application/json",), {"Content-Type": "application/xml"}),
    Attack("a pickle", b"\x80\x04\x95\x1d.", 415, "content-type", ("send application/json",), {"Content-Type": "application/octet-stream"}),
]  # fmt: skip

VECTORS = [
    Attack(name, body, 422, FIELDS, words)
    for name, body, words in [
        ("a covariate of the target", vectors(covariates={"cases_next": 1.0}), ("unknown covariates cases_next",)),
        ("100,000 covariates", vectors(covariates={f"c{i}": 1 for i in range(100_000)}), ("unknown covariates",)),
        ("a covariate beyond any log", vectors(covariates={"log1p_cases_lag00": 1e9}), ("less than or equal to 1000",)),
        ("a logarithm that overflows when undone", vectors(covariates={"log1p_cases_lag00": 900}), ("log1p_cases_lag00", "at most 50")),
        ("a covariate as text", vectors(covariates={"log1p_cases_lag00": "3"}), ("valid number",)),
        ("an empty vector", vectors(image=[]), ("at least 1",)),
        ("a vector that overflows when squared", vectors(image=[1e308] * 4), ("less than or equal to 1000000",)),
        ("a vector of 8,193 numbers", vectors(text=[0.5] * 8193), ("at most 8192",)),
        ("a vector with null", vectors(text=[None, 1.0]), ("valid number",)),
        ("a vector of vectors", vectors(text=[[1.0]]), ("valid number",)),
    ]
]  # fmt: skip
VECTORS += [
    Attack(
        "NaN in a vector",
        vectors(image=[123456.5]).replace(b"123456.5", b"NaN"),
        422,
        FIELDS,
        ("finite",),
    )
]

ATTACKS = [*VALUES, *TOKENS, *BODIES, *VECTORS]


@pytest.mark.parametrize("attack", ATTACKS, ids=[a.name for a in ATTACKS])
def test_an_attack_is_refused_with_what_to_send(client: TestClient, attack: Attack) -> None:
    body = attack.body() if callable(attack.body) else attack.body
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    answer = client.post("/predictions", content=body, headers=attack.headers)

    text = refused(answer, attack.status, attack.slug)
    assert all(word in text for word in attack.words), text[:1000]
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024
    assert grown_mb < 200, "a small body made much memory"


HARMLESS = {
    "a key twice: the last one counts, and the answer names it": rows({}).replace(b'"municipality_code": "05001"', b'"municipality_code": "05360", "municipality_code": "05001"'),
    "a code without its leading zero": rows({"municipality_code": "5001"}),
    "the same row a hundred times": rows(*[{}] * 100),
    "no climate at all": rows({"climate": []}),
    "nulls in place of cases": rows({"recent_cases": [None] * 53}),
    "cases at the limit": rows({"recent_cases": [20_000] * 53, "population": 1}),
    "cold and flood at the limit": rows({"climate": [{"temp_mean_c": -30, "rainfall_mm": 5000}] * 12}),
    "the first week of the calendar": rows({"origin_week": "1900-w01"}),
    "the last week of the calendar": rows({"origin_week": "2190-w52"}),
    "a name of emoji and of right-to-left marks": rows({"municipality_name": "🦟\u202eitag\u0000"}),
    "covariates at their limits": vectors(covariates={"log1p_cases_lag00": 9.9, "log1p_cases_lag01": -1000}),
    "a number with a thousand decimals": with_token("5." + "1" * 1000),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_odd_is_answered_with_a_probability(client: TestClient, name: str) -> None:
    answer = client.post("/predictions", content=HARMLESS[name], headers=JSON)

    assert answer.status_code == 200, answer.text[:500]
    for prediction in answer.json()["predictions"]:
        assert 0 <= prediction["probability"] <= 1
        assert prediction["municipality_code"] == "05001"


def upload(
    name: str, data: bytes, status: int, slug: str, *words: str, called: str = "a.png"
) -> Attack:
    return Attack(
        f"scene: {name}",
        form(row_part(), scene_part(data, called)),
        status,
        slug,
        words,
        {"Content-Type": MULTIPART},
    )


def odd_form(name: str, body: bytes, *words: str, kind: str = MULTIPART) -> Attack:
    return Attack(f"form: {name}", body, 422, FORM, words, {"Content-Type": kind})


UPLOADS = [
    upload("cut off", images.GOOD_PNG[:500], 422, "damaged-scene", "download the file again"),
    upload("no bytes", b"", 415, "unknown-format", "neither PNG nor JPEG"),
    upload("a header of 60,000 x 60,000", images.HEADER_BOMB, 413, "pixel-bomb", "smaller extract"),
    upload("a text bomb", images.TEXT_BOMB, 422, "damaged-scene", "too large"),
    upload("a zlib bomb in a TIFF", images.tiff_bomb(), 422, "damaged-scene", "copy or download", called="a.tif"),
    upload("an SVG", images.SVG, 415, "unknown-format", "neither PNG nor JPEG"),
    upload("a zip", zipped(b"x", "../../x"), 415, "unknown-format", "not .tiff, .png or .jpg", called="a.zip"),
    upload("a traversal for a name", images.GOOD_PNG, 415, "unknown-format", "one of these formats", called="../../../../etc/passwd"),
    upload("no extension", images.GOOD_PNG, 415, "unknown-format", "not .tiff, .png or .jpg", called="scene"),
    upload("CMYK", images.CMYK, 422, "wrong-bands", "8-bit RGB", called="a.jpg"),
    upload("8 bands", images.tiff(images.BANDS[:8]), 422, "wrong-bands", "12 Sentinel-2 bands", called="a.tiff"),
    upload("floats", images.tiff(images.BANDS / 255), 422, "wrong-bands", "float64", called="a.tiff"),
    odd_form("no boundary", form(row_part()), "boundary", kind="multipart/form-data"),
    odd_form("another boundary", form(row_part()), kind="multipart/form-data; boundary=other"),
    odd_form("nothing", b"", "lacks a part"),
    odd_form("no scene", form(row_part()), "scene: absent"),
    odd_form("no row", form(scene_part(images.GOOD_PNG)), "row: absent"),
    odd_form("two rows", form(row_part(), row_part(horizon_weeks=1), scene_part(images.GOOD_PNG)), "Too many fields"),
    odd_form("two scenes", form(row_part(), scene_part(images.GOOD_PNG), scene_part(images.GOOD_PNG)), "Too many files"),
    odd_form("a thousand fields", form(*[(f'Content-Disposition: form-data; name="f{i}"', b"1") for i in range(1000)]), "Too many fields"),
    odd_form("a part without a name", form(("Content-Disposition: form-data", b"1")), "cannot be read"),
    odd_form("a part without headers", form(("", b"1")), "cannot be read"),
    odd_form("a part header of 1 MB", form(("X: " + "x" * 1_000_000, b"1")), "cannot be read"),
    odd_form("the row as a file", form(('Content-Disposition: form-data; name="row"; filename="r"', b"{}")), "row: absent"),
    odd_form("cut off in a part", form(row_part(), scene_part(images.GOOD_PNG))[:300]),
    Attack("form: a bad row beside a good scene", form(row_part(population="many"), scene_part(images.GOOD_PNG)), 422, FIELDS, ("row.population",), {"Content-Type": MULTIPART}),
]  # fmt: skip


@pytest.mark.parametrize("attack", UPLOADS, ids=[a.name for a in UPLOADS])
def test_a_hostile_upload_is_refused_with_what_to_send(client: TestClient, attack: Attack) -> None:
    assert isinstance(attack.body, bytes)
    answer = client.post("/predictions", content=attack.body, headers=attack.headers)

    text = refused(answer, attack.status, attack.slug)
    assert all(word in text for word in attack.words), text


def test_a_row_twice_and_weeks_that_are_absent_are_answered_each(client: TestClient) -> None:
    absent = {"recent_cases": [30, 28, None, 35, None, 40]}
    answer = client.post("/predictions", content=rows({}, {}, absent), headers=JSON)

    assert answer.status_code == 200, answer.text
    first, second, with_gaps = (p["probability"] for p in answer.json()["predictions"])
    assert first == second != with_gaps


def test_a_good_upload_of_this_form_is_answered(client: TestClient) -> None:
    """Without this the attacks above could be refused for their form alone."""
    polyglot = form(row_part(), scene_part(images.POLYGLOT, "../../a.png"))
    answer = client.post("/predictions", content=polyglot, headers={"Content-Type": MULTIPART})

    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][0]["scene_quality"] == "ok"
