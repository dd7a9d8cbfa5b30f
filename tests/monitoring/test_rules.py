"""deploy/monitoring: rules that are right, have a page each, and ask for what our code exports."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient
from prometheus_client import generate_latest
from support.monitoring_files import MONITORING, ROOT, expressions_of_board, panels, rules

from pipelines.ops.monitor.figures import GAUGES, Figures
from serving.app import create_app
from serving.settings import Settings

PAGES = ROOT / "docs" / "runbooks"
TESTS = ("rules_test.yml", "rules_days_test.yml")
WHERE = "promtool is not installed here (Debian: apt-get install prometheus)"
OF_PROMETHEUS = {"up", "ALERTS"}
_STRINGS, _GROUPED = re.compile(r'"[^"]*"'), re.compile(r"\b(by|on|without)\s*\([^)]*\)")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\()\b")
_WORDS = {"and", "or", "unless", "bool"}


def metrics_in(expression: str) -> set[str]:
    """Names of the metrics of an expression: words that are no function, label or keyword."""
    bare = _GROUPED.sub("", re.sub(r"\{[^}]*\}", "", _STRINGS.sub('""', expression)))
    bare = re.sub(r"\[[^]]*\]|\b[0-9][0-9.e]*", "", bare)
    return {name for name in _NAME.findall(bare) if name not in _WORDS} - {""}


def kebab(alert: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", alert).lower()


def exported(text: str) -> set[str]:
    """Names that samples of an exporter's answer have, or could have."""
    found = set[str]()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M):
        more = ("_bucket", "_count", "_sum") if kind == "histogram" else ("",)
        found |= {name + end for end in more}
    return found


@pytest.fixture
def of_the_endpoint(home: Path) -> set[str]:
    """What a real endpoint answers to a scrape."""
    hashed = hashlib.sha256(b"a-key-for-tests").hexdigest()
    client = TestClient(create_app(Settings(api_key_sha256=hashed, home=home)))
    return exported(client.get("/metrics").text)


def test_promtool_reads_the_rules_and_the_configuration() -> None:
    for command in (["rules", "rules.yml"], ["config", "prometheus.yml"]):
        promtool("check", *command)


def test_each_rule_fires_and_does_not_fire_as_it_should() -> None:
    promtool("test", "rules", *TESTS)


def promtool(*arguments: str, folder: Path = MONITORING) -> None:
    tool = shutil.which("promtool") or pytest.skip(WHERE)
    done = subprocess.run(
        [tool, *arguments], cwd=folder, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_rule_is_tested_in_both_ways() -> None:
    seen = dict[str, set[bool]]()
    for file in TESTS:
        for one in yaml.safe_load((MONITORING / file).read_text(encoding="utf-8"))["tests"]:
            for asked in one["promql_expr_test"]:
                for alert in re.findall(r'alertname=~?"(\w+)', asked["expr"]):
                    seen.setdefault(alert, set()).add(bool(asked["exp_samples"]))
    both = {True, False}
    assert {rule["alert"] for rule in rules() if seen.get(rule["alert"]) != both} == set()


@pytest.mark.parametrize("rule", rules(), ids=[rule["alert"] for rule in rules()])
def test_a_rule_says_how_urgent_what_it_means_and_where_its_page_is(rule: Any) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["labels"].get("told_by", "watch") == "watch"
    assert rule["for"], "one odd scrape wakes nobody"
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    page = ROOT / notes["runbook_url"]
    text = page.read_text(encoding="utf-8")
    assert page.parent == PAGES
    assert f"`{rule['alert']}`" in text
    assert {"## What it means", "## Look", "## Do", "## Wait"} <= set(text.splitlines())
    assert len(text.splitlines()) < 60, "a page is read at night"


def test_each_page_is_of_a_rule_and_in_the_index() -> None:
    pages = {path.name for path in PAGES.glob("*.md")} - {"index.md"}
    assert pages == {Path(rule["annotations"]["runbook_url"]).name for rule in rules()}
    index = (PAGES / "index.md").read_text(encoding="utf-8")
    assert {name for name in pages if f"]({name})" not in index} == set()
    assert {rule["alert"] for rule in rules() if f"`{rule['alert']}`" not in index} == set()


def test_a_rule_has_the_page_of_its_name() -> None:
    pages = {rule["alert"]: Path(rule["annotations"]["runbook_url"]).stem for rule in rules()}
    assert {name: page for name, page in pages.items() if not kebab(name).startswith(page)} == {}


def test_every_metric_of_rules_and_board_is_exported_by_our_code(of_the_endpoint: set[str]) -> None:
    figures = Figures()
    ours = of_the_endpoint | set(GAUGES) | exported(generate_latest(figures.registry).decode())
    used = dict[str, str]()
    for expression in [rule["expr"] for rule in rules()] + expressions_of_board():
        for name in metrics_in(expression):
            used[name] = expression
    assert {n: e for n, e in used.items() if n not in ours | OF_PROMETHEUS} == {}
    assert len(used) > 20


def test_what_is_no_metric_is_not_taken_for_one_and_a_metric_is_not_missed() -> None:
    asked = (
        'histogram_quantile(0.99, sum by (le) (rate(a_bucket{route!~"/b.*"}[10m]))) > 2 * 86400 '
        "and on (line) time() - c_seconds > 5e9 or absent(d_seconds)"
    )
    assert metrics_in(asked) == {"a_bucket", "c_seconds", "d_seconds"}


def test_each_figure_of_the_watch_is_used_by_a_rule_or_the_board() -> None:
    asked = " ".join([rule["expr"] for rule in rules()] + expressions_of_board())
    assert {name for name in GAUGES if name not in asked} - {
        "denguard_watch_round_seconds"  # how long rounds take: to be looked at by hand
    } == set()


def test_promtool_reads_every_expression_of_the_board(tmp_path: Path) -> None:
    made = [
        {"record": f"board:panel_{n}", "expr": expression}
        for n, expression in enumerate(expressions_of_board())
    ]
    text = yaml.safe_dump({"groups": [{"name": "board", "rules": made}]})
    (tmp_path / "board.yml").write_text(text, encoding="utf-8")
    promtool("check", "rules", "board.yml", folder=tmp_path)


def test_the_board_asks_the_source_that_is_provided_and_finds_itself() -> None:
    provided = MONITORING / "grafana" / "provisioning"
    source = yaml.safe_load((provided / "datasources" / "denguard.yml").read_text())
    named = {one["uid"] for one in source["datasources"]}
    assert set(_sources(panels())) == named
    board = yaml.safe_load((provided / "dashboards" / "denguard.yml").read_text())
    assert [one["options"]["path"] for one in board["providers"]] == ["/etc/grafana/boards"]


def _sources(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        if isinstance(found.get("datasource"), dict):
            yield found["datasource"]["uid"]
        found = list(found.values())
    for one in found if isinstance(found, list) else ():
        yield from _sources(one)


def test_panels_have_a_name_a_number_a_sentence_and_a_place_of_their_own() -> None:
    assert len({panel["id"] for panel in panels()}) == len(panels())
    shown = [panel for panel in panels() if panel["type"] != "row"]
    assert [panel["title"] for panel in shown if not panel["description"]] == []
    places = [panel["gridPos"] for panel in panels()]
    cells = [
        (x, y)
        for at in places
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells)), "two panels share a place"
    assert max(x for x, _ in cells) < 24
