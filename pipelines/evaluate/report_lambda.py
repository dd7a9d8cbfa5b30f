"""The report's table of lambda: what was chosen for each head, and in each test year."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.evaluate import figures
from pipelines.evaluate.decision import words
from pipelines.evaluate.report_numbers import Record, Rows, number

_NAMES = {"noise_sigma": "noise", "alignment_weight": "weight of L_reg"}  # as the reasons say


def lambdas(tuning: Mapping[str, Record], metrics: Record) -> Rows:
    """Lambda of every fused head: its curve if there is one, and the reason in words."""
    return [
        {
            "head": words(head),
            "value": number(found["lambda_shift"], 2),
            "reason": found["lambda_reason"],
            "base": (found.get("base") or {}).get("reason"),
            "bases": _bases(found.get("base") or {}),
            "settings": [_setting(one) for one in found.get("settings") or ()],
            "epochs": found.get("epochs"),
            "by_year": _by_year(head, metrics),
            "picture": figures.lambda_curve(found["lambda_curve"], found["lambda_shift"])
            if swept(found)
            else None,
        }
        for head, found in tuning.items()
    ]


def _bases(base: Record) -> Rows:
    """What the head could have started from: mean Brier over the inner seasons, the best first."""
    means = {name: sum(own) / len(own) for name, own in base.get("brier", {}).items()}
    return [
        {"name": words(name), "brier": number(means[name], 4), "chosen": name == base["kind"]}
        for name in sorted(means, key=lambda name: means[name])
    ]


def _setting(choice: Record) -> dict[str, object]:
    """One setting that was tuned before lambda: every value with its Brier by season."""
    rows = [
        {
            "value": f"{one['value']:g}",
            "brier": number(sum(one["brier"]) / len(one["brier"]), 4),
            "seasons": [number(brier, 4) for brier in one["brier"]],
            "epochs": one["epochs"],
            "chosen": one["value"] == choice["chosen"],
        }
        for one in choice["tried"]
    ]
    return {
        "name": _NAMES.get(choice["setting"], words(choice["setting"])),
        "reason": choice["reason"],
        "seeds": choice["seeds"],
        "rows": rows,
    }


def swept(found: Record) -> bool:
    """Whether more than one lambda was tried; one point is no curve."""
    return len({point["lambda"] for point in found.get("lambda_curve") or ()}) > 1


def _by_year(head: str, metrics: Record) -> str:
    chosen = primary(metrics).get("heads", {}).get(head, {}).get("lambda_shift_by_year", {})
    return ", ".join(f"{number(value, 2)} in {year}" for year, value in chosen.items())


def primary(metrics: Record) -> Record:
    """Scores at the horizon that decides."""
    found: Record = metrics.get("horizons", {}).get(str(metrics.get("primary_horizon_weeks")), {})
    return found
