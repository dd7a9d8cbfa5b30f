"""The board against Grafana's own types, where no Grafana can be run.

npm install @grafana/schema typescript; DENGUARD_GRAFANA_SCHEMA=that folder.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.monitoring_files import board, panels

WHERE = "DENGUARD_GRAFANA_SCHEMA names no folder with @grafana/schema and typescript"
RAW = "@grafana/schema/dist/types/raw"
KINDS = {"stat": "Stat", "timeseries": "Series", "table": "Table"}
# Grafana's files hold the words of its enumerations, which TypeScript tells apart from them.
HEAD = f"""
import type {{ Dashboard, Panel, RowPanel }} from "./node_modules/{RAW}/dashboard/x/types.gen";
import type {{ Options as Stat }} from "./node_modules/{RAW}/composable/stat/panelcfg/x/types.gen";
import type {{ Options as Series, FieldConfig }}
  from "./node_modules/{RAW}/composable/timeseries/panelcfg/x/types.gen";
import type {{ Options as Table }}
  from "./node_modules/{RAW}/composable/table/panelcfg/x/types.gen";
type Words<T> = T extends string ? `${{T}}` : T extends number | boolean | null | undefined ? T
  : T extends Array<infer U> ? Array<Words<U>>
  : T extends object ? {{ [K in keyof T]: Words<T[K]> }} : T;
"""


def typed(panel: Any) -> list[str]:
    """Constants of TypeScript, which compile if the panel is as Grafana's types say."""
    name = panel["id"]
    if panel["type"] == "row":
        return [f"export const row{name}: Words<RowPanel> = {json.dumps(panel)};"]
    rest = {k: v for k, v in panel.items() if k not in ("options", "targets", "fieldConfig")}
    options, fields = panel["options"], panel["fieldConfig"]["defaults"]
    return [
        f"export const panel{name}: Words<Panel> = {json.dumps(rest)};",
        f"export const set{name}: Partial<Words<{KINDS[panel['type']]}>> = {json.dumps(options)};",
        f"export const look{name}: Words<FieldConfig> = {json.dumps(fields['custom'])};",
    ]


def compiled(folder: Path, lines: list[str]) -> str:
    """What the compiler says of a program; "" if it has nothing to say."""
    installed = os.environ.get("DENGUARD_GRAFANA_SCHEMA") or pytest.skip(WHERE)
    modules = Path(installed) / "node_modules"
    (folder / "node_modules").symlink_to(modules)
    (folder / "board.ts").write_text(HEAD + "\n".join(lines), encoding="utf-8")
    command = [str(modules / ".bin" / "tsc"), "--noEmit", "--strict", "--skipLibCheck"]
    flags = ["--moduleResolution", "node", "--target", "es2020", "board.ts"]
    done = subprocess.run(
        [*command, *flags], cwd=folder, capture_output=True, text=True, timeout=240
    )
    return done.stdout


def test_every_panel_is_as_grafanas_types_say(tmp_path: Path) -> None:
    whole = json.dumps({name: value for name, value in board().items() if name != "panels"})
    lines = [f"export const board: Words<Omit<Dashboard, 'panels'>> = {whole};"]
    assert compiled(tmp_path, [*lines, *(x for panel in panels() for x in typed(panel))]) == ""


def test_an_option_that_grafana_does_not_know_is_found(tmp_path: Path) -> None:
    wrong = json.loads(json.dumps(panels()[-1]))
    wrong["options"]["tooltip"]["mode"] = "every"
    assert '"every"' in compiled(tmp_path, typed(wrong))
