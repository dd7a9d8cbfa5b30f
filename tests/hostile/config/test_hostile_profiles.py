"""What is tried wrong in a profile, a run's parameters and the environment: the key is named, and
how to mend it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.attacks.on_info import LAUGHS

from pipelines.config import DeploymentPaths, load_profile
from pipelines.errors import ConfigError, DenguardError
from pipelines.registry.lookup import lookup
from pipelines.run import parse_params, run_folder, start_run
from serving.settings import load_settings

CI = (Path(load_profile.__code__.co_filename).parent / "conf" / "ci.yaml").read_text()

# dotted key, value as YAML, words of the message
VALUES: list[tuple[str, str, tuple[str, ...]]] = [
    ("data.source", "ftp", ("data.source",)),
    ("data.source", "../../etc", ("data.source",)),
    ("data.first_week", "2013-w60", ("data.first_week", "epidemiological week")),
    ("data.first_week", "2013-w53", ("data.first_week", "CDC weeks")),
    ("data.first_week", "201301", ("data.first_week", "string")),
    ("data.first_week", "2013-01-01", ("data.first_week",)),
    ("data.text_window.last_week", "soon", ("data.text_window.last_week", "2018-w48")),
    ("data.text_window.municipalities", "05001", ("data.text_window.municipalities", "tuple")),
    ("data.text_window.municipalities", "[5001]", ("municipalities.0", "string")),
    (
        "data.reporting_delay_weeks",
        "-1",
        ("data.reporting_delay_weeks", "greater than or equal to 0"),
    ),
    ("data.reporting_delay_weeks", "1.5", ("data.reporting_delay_weeks", "integer")),
    ("place.language", "xx", ("place.language", "place.prompt")),
    ("place.language", "Spanish", ("place.language", "match pattern")),
    ("place.time_zone", "Bogota", ("place.time_zone", "America/Bogota")),
    ("place.week.numbering", "julian", ("place.week.numbering", "cdc, iso")),
    ("place.codes.pattern", "'['", ("place.codes.pattern", "regular expression")),
    ("data.maturity", "{method: drop}", ("data.maturity", "weeks")),
    ("data.max_weekly_cases", "0", ("data.max_weekly_cases",)),
    ("data.max_blank_share", "50", ("data.max_blank_share", "less than or equal to 1")),
    ("data.scenes.max_pixels", "1000000000000000000", ("data.scenes.max_pixels", "1000000000")),
    ("data.scenes.max_pixels", "-1", ("data.scenes.max_pixels",)),
    ("data.scenes.max_age_weeks", "-13", ("data.scenes.max_age_weeks",)),
    ("data.scenes.blank_max_std", ".nan", ("data.scenes.blank_max_std", "finite")),
    ("data.scenes.blank_max_std", ".inf", ("data.scenes.blank_max_std", "finite")),
    ("embed.image.sha256", "deadbeef", ("embed.image.sha256", "match pattern")),
    ("embed.image.threads", "0", ("embed.image.threads",)),
    ("embed.image.name", "__import__", ("embed.image.name",)),
    ("embed.max_shards", "1000", ("embed.max_shards", "less than or equal to 64")),
    ("train.lambda_grid", "[0.5]", ("train.lambda_grid", "must hold 0")),
    ("train.lambda_grid", "[0.0, 7.0]", ("train.lambda_grid", "within -1..1")),
    ("train.lambda_grid", "[0.0, .nan]", ("train.lambda_grid", "finite")),
    ("train.max_epochs", "9" * 30, ("train.max_epochs",)),
    ("train.learning_rate", ".inf", ("train.learning_rate", "finite")),
    ("train.learning_rate", "-0.1", ("train.learning_rate", "greater than 0")),
    ("train.dropout", "1.0", ("train.dropout", "less than 1")),
    ("train.heads", "[linear, quantum]", ("train.candidates.1",)),
    ("evaluate.test_years", "[]", ("evaluate",)),
    ("evaluate.horizons_weeks", "[99]", ("evaluate.horizons_weeks.0", "12")),
    ("evaluate.primary_horizon_weeks", "3", ("one of horizons_weeks",)),
    ("gate.margin_brier", ".inf", ("gate.margin_brier", "finite")),
    ("gate.margin_brier", "5", ("gate.margin_brier", "0.05")),
    ("gate.margin_brier", "0", ("gate.margin_brier", "greater than 0")),
    ("gate.confidence", "95", ("gate.confidence", "less than 1")),
    ("gate.min_origins", "1", ("gate.min_origins",)),
    ("gate.min_blocks", "0", ("gate.min_blocks",)),
    ("gate.block_weeks", "0", ("gate.block_weeks",)),
    ("gate.max_mean_bias", ".inf", ("gate.max_mean_bias", "finite")),
    ("gate.resamples", "1000000000000", ("gate.resamples", "100000")),
    ("serving.take_over_timeout_s", "-1", ("serving.take_over_timeout_s",)),
    ("password", "hunter2", ("password", "not permitted")),
    ("gate.bypass", "true", ("gate.bypass", "not permitted")),
]


def profile_with(key: str, value: str) -> str:
    document = yaml.safe_load(CI)
    node = document
    *parents, leaf = key.split(".")
    for parent in parents:
        node = node.setdefault(parent, {})
    node[leaf] = "@VALUE@"
    return yaml.safe_dump(document).replace("'@VALUE@'", value)


@pytest.mark.parametrize(
    ("key", "value", "words"), VALUES, ids=[f"{k}={v[:20]}" for k, v, _ in VALUES]
)
def test_a_value_that_cannot_be_is_named_by_its_key(
    tmp_path: Path, key: str, value: str, words: tuple[str, ...]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(profile_with(key, value))
    with pytest.raises(ConfigError) as refused:
        load_profile(str(file))
    error = refused.value
    assert all(word in error.what for word in words), error
    assert error.where == str(file)
    assert error.fix == "correct the keys named"
    assert "hunter2" not in str(error), "a value may be a secret"


def test_the_profile_that_these_are_made_from_is_good(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(profile_with("data.reporting_delay_weeks", "2"))
    assert load_profile(str(file)).data.reporting_delay_weeks == 2


FILES: dict[str, tuple[bytes, str]] = {
    "a billion laughs": (LAUGHS.encode(), "alias"),
    "a merge through an alias": (b"a: &a {profile: x}\n<<: *a\n", "alias"),
    "a tag that would call a program": (
        b"!!python/object/apply:os.system ['touch owned']",
        "constructor",
    ),
    "a thousand brackets": (b"[" * 5000, "nested too deeply"),
    "a key twice, the second one wins elsewhere": (
        CI.encode() + b"profile: other\n",
        "'profile' is there twice",
    ),
    "UTF-16": (CI.encode("utf-16"), "not valid"),
    "bytes of no encoding": (bytes(range(256)), "not valid"),
    "NUL bytes": (CI.encode() + bytes(10), "not valid"),
    "a list": (b"- profile\n", "no keys and values"),
    "one word": (b"sample\n", "no keys and values"),
    "nothing": (b"", "no keys and values"),
    "a megabyte": (b"profile: " + b"x" * 1_000_000, "larger than"),
    "a number of 5,000 digits": (CI.encode() + b"model_name: " + b"9" * 5000 + b"\n", "not valid"),
    "the 31st of February": (CI.encode() + b"model_name: 2018-02-31\n", "day is out of range"),
    "two documents": (CI.encode() + b"---\n" + CI.encode(), "not valid"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_plain_yaml_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(FILES[name][0])
    with pytest.raises(ConfigError) as refused:
        load_profile(str(file), **{"evaluate.horizons_weeks": (4,)})
    assert FILES[name][1] in str(refused.value)
    assert len(str(refused.value)) < 1500
    assert [p.name for p in tmp_path.iterdir()] == ["mine.yaml"]


PATHS: dict[str, Callable[[Path], object]] = {
    "a folder": lambda p: p.mkdir(),
    "a pipe, which would be waited for": lambda p: os.mkfifo(p),
    "a link to nowhere": lambda p: p.symlink_to("/nowhere"),
    "a link to itself": lambda p: p.symlink_to(p),
    "a device that never ends": lambda p: p.symlink_to("/dev/zero"),
    "nothing": lambda p: p.parent.exists(),
}


@pytest.mark.parametrize("name", PATHS)
def test_a_path_that_holds_no_file_is_refused(tmp_path: Path, name: str) -> None:
    PATHS[name](tmp_path / "mine.yaml")
    with pytest.raises(ConfigError) as refused:
        load_profile(str(tmp_path / "mine.yaml"))
    assert "check the path" in refused.value.fix


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nosuch",
        "../sample",
        "/etc/passwd",
        "sample\0.yaml",
        "x" * 5000 + ".yaml",
        "sample\n",
        "пример",
        "con.yaml/../sample",
    ],
)
def test_a_name_that_is_no_profile_is_refused(name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_profile(name)
    assert refused.value.fix
    assert len(str(refused.value)) < 6000


PARAMS: list[tuple[dict[str, Any], str]] = [
    ({"profil": "sample"}, "profil"),
    ({"as_of": "2018-W48"}, "as_of: Value error, '2018-W48'"),
    ({"as_of": "2018-w48\n"}, "as_of"),
    ({"as_of": "2018-12-01"}, "write it as 2018-w48"),
    ({"as_of": "9999-w52"}, "as_of"),
    ({"as_of": 201848}, "as_of"),
    ({"horizons": []}, "horizons"),
    ({"horizons": [13]}, "horizons.0"),
    ({"horizons": ["four"]}, "horizons.0"),
    ({"horizons": "4; drop table"}, "horizons"),
    ({"force": "perhaps"}, "force"),
    ({"profile": ["sample"]}, "profile"),
]


@pytest.mark.parametrize(("conf", "word"), PARAMS, ids=[str(c)[:40] for c, _ in PARAMS])
def test_a_parameter_that_cannot_be_is_named_and_no_run_begins(
    home: Path, conf: dict[str, Any], word: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        start_run("r", conf)
    assert word in str(refused.value)
    assert "known parameters are" in refused.value.fix
    assert not list(home.iterdir())
    with pytest.raises(ConfigError):
        parse_params(conf)


RUN_IDS = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "a\\b",
    "a/../../b",
    "a..b",
    "/etc",
    "-rf",
    "a b",
    "a\n",
    "a\0b",
    "é",
    "٣",
    "a" * 201,
    "run;rm",
    "$(id)",
    "%2e%2e",
    "\u202ea",
]


@pytest.mark.parametrize("run_id", RUN_IDS)
def test_a_run_id_that_could_leave_its_folder_is_refused(home: Path, run_id: str) -> None:
    with pytest.raises(ConfigError, match="not a usable run id"):
        run_folder(DeploymentPaths(home=home), run_id)


ENVIRONMENT = [
    ("DENGUARD_API_KEY_SHA256", "the-key-itself", "64 hexadecimal digits"),
    ("DENGUARD_API_KEY_SHA256", "", "DENGUARD_API_KEY_SHA256"),
    ("DENGUARD_API_KEY_SHA256", ",".join(["0" * 64] * 501), "at most 500"),
    ("DENGUARD_MAX_BODY_BYTES", "lots", "integer"),
    ("DENGUARD_MAX_BODY_BYTES", "-1", "1024"),
    ("DENGUARD_MAX_ROWS", "99999999", "10000"),
    ("DENGUARD_POLL_S", "0", "greater than 0"),
    ("DENGUARD_POLL_S", "nan", "DENGUARD_POLL_S"),
    ("DENGUARD_REQUEST_TIMEOUT_S", "inf", "DENGUARD_REQUEST_TIMEOUT_S"),
    ("DENGUARD_PREDICTION_LOG_DAYS", "-5", "DENGUARD_PREDICTION_LOG_DAYS"),
]


@pytest.mark.parametrize(("name", "value", "words"), ENVIRONMENT)
def test_an_endpoint_with_a_bad_variable_does_not_start_and_shows_no_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv("DENGUARD_API_KEY_SHA256", "0" * 64)
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        load_settings()
    assert words in str(refused.value)
    assert name in str(refused.value)
    assert "the-key-itself" not in str(refused.value)


@pytest.mark.parametrize(
    "uri",
    [
        "nonsense",
        "ftp://x",
        "sqlite:////nowhere/x.db",
        "http://127.0.0.1:9/",
        "sqlite:///\0",
        "postgresql://u:hunter2@127.0.0.1:9/x",
    ],
)
def test_a_registry_address_that_leads_nowhere_is_a_named_error(
    home: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    if "\0" in uri:
        uri = uri.replace("\0", "%00")  # the environment holds no NUL
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(DenguardError) as refused:
        lookup("champion", DeploymentPaths(home=home))
    assert refused.value.fix
    assert "hunter2" not in str(refused.value)
