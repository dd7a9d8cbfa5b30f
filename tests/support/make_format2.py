"""Makes format2/: a small linear bundle that uses all that FORMAT 2 has. It was run once and is
kept.

A later version must load what lies there and never make it anew: `python -m fusion.make_format2
FOLDER` is how it came about, for whoever has to record another one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from pipelines.data.prompts import load_template
from pipelines.data.threshold_lookup import Thresholds
from pipelines.fusion.bundle import Bundle, write_bundle
from pipelines.fusion.calibration import Platt
from pipelines.fusion.horizon import Calibration, HorizonModel
from pipelines.fusion.linear import fit_linear
from pipelines.inference.predict import predict_vectors
from pipelines.inference.vectors import VectorInput
from pipelines.storage import write_json
from pipelines.testing.rows import make_examples
from pipelines.weeks import Calendar
from support.synthetic_bundle import make_bundle

TEMPLATE = """template: "In {municipality} {recent_cases} cases."
unknown: "?"
months: [a, b, c, d, e, f, g, h, i, j, k, l]
"""
PLACE = {
    "week": {"numbering": "iso"},
    "codes": {"kind": "text", "name": "district", "pattern": "[A-Z]{2}-[0-9]{2}"},
    "language": "en",
    "time_zone": "Asia/Bangkok",
}
UNITS, YEARS = ("AB-01", "AB-02"), (2017, 2018)
WEEKS = ("2017-w01", "2018-w30", "2019-w10")


def thresholds() -> Thresholds:
    """By year of the origin and season of the target; one unit has none in the first weeks
    of 2018."""
    unit, year, season = np.meshgrid(np.arange(2), np.arange(2), np.arange(52), indexing="ij")
    cases = 4.0 + 3 * unit + year + 0.25 * season
    cases[1, 1, :3] = np.nan
    return Thresholds(UNITS, YEARS, cases, Calendar("monday"))


def bundle(prompt: Path) -> Bundle:
    """One and four weeks ahead, each with a calibration and a decision threshold of its own."""
    models = {}
    for horizon, platt, threshold in ((1, Platt(1.1, -0.2), 0.4), (4, Platt(), 0.3)):
        calibrated = Calibration(platt, Platt(0.9, 0.1) if horizon == 1 else None)
        linear = fit_linear(make_examples(horizon, units=3), 0.05)
        models[horizon] = HorizonModel(horizon, linear, calibrated, threshold)
    meta = make_bundle(
        make_examples(units=1),
        head="linear",
        lambda_shift=0.0,
        lambda_reason="it reads no vectors",
        epochs=0,
        threshold_cases={},
        label_rule_id="channel_median5_hw2",
        language="en",
        prompt_template_id=load_template("en", prompt).template_id,
        place=PLACE,
    ).meta
    return Bundle(meta, models, prompt_file=prompt, varying=thresholds)


def asked(made: Bundle) -> list[tuple[int, VectorInput]]:
    """Every unit, week and horizon, with covariates that follow from their place in the list."""
    names, out = made.meta.covariate_names, []
    for horizon in sorted(made.models):
        for unit in UNITS:
            for week in WEEKS:
                wave = 2 + np.sin(0.7 * (1 + len(out)) + np.arange(len(names)))
                values = dict(zip(names, wave.round(4).tolist(), strict=True))
                origin = made.calendar.week_no(week)
                out.append((horizon, VectorInput(unit, values, origin_week_no=origin)))
    return out


def main(to: Path) -> None:
    """Write prompt, bundle and the probabilities that it gives."""
    to.mkdir(parents=True)
    (to / "prompt.yaml").write_text(TEMPLATE, encoding="utf-8")
    made = bundle(to / "prompt.yaml")
    write_bundle(made, to / "bundle")
    (to / "prompt.yaml").unlink()
    found = [
        [p.probability, p.threshold_cases, p.outbreak] for p in predict_vectors(made, asked(made))
    ]
    write_json(to / "expected.json", {"answers": found})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
