"""What deploy/monitoring holds: rules, and the board with its panels."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"


@cache
def rules() -> list[Any]:
    groups = yaml.safe_load((MONITORING / "rules.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


@cache
def board() -> Any:
    """The whole board."""
    file = MONITORING / "grafana" / "boards" / "denguard.json"
    return json.loads(file.read_text(encoding="utf-8"))


def panels() -> list[Any]:
    return list(board()["panels"])


def expressions_of_board() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel.get("targets", ())]
