"""Pictures of a reproduction: axes that can be compared, colours that keep their meaning, bounded
size.
"""

from __future__ import annotations

import base64

from support.study_results import OTHER, results

from pipelines.paper.page import figures

SAFE = results("safe", pairs=400)


def _svg(picture: str) -> str:
    return base64.b64decode(picture.split(",", 1)[1]).decode()


def test_equal_points_give_equal_bytes_and_the_shift_is_seen() -> None:
    points = SAFE["gap"][OTHER]["points"]
    before = figures.scatter_3d(points, shifted=False)
    assert before == figures.scatter_3d(points, shifted=False)
    assert before != figures.scatter_3d(points, shifted=True)


def test_many_points_are_one_bitmap() -> None:
    picture = _svg(figures.scatter(SAFE["gap"][OTHER]["points"], shifted=False))
    assert "data:image/png;base64" in picture and picture.count("<use") < 200
    assert len(picture) < 150_000


def test_axes_before_and_after_the_shift_hold_all_points() -> None:
    points = {
        **SAFE["gap"][OTHER]["points"],
        "image_shifted": [[9.0, 0.0, 0.0]],
        "text": [[0.0, -7.0, 0.0]],
    }
    first, second, third = figures._limits(points)
    assert first[1] > 9.0 and second[0] < -7.0 and third[0] < third[1]


def test_limits_of_curves_hold_the_bands_of_both_protocols() -> None:
    low, high = figures.lambda_limits([*SAFE["lambda"], *results("paper", f1=0.9)["lambda"]])
    assert low < 0.4321 - 0.05 and high > 0.95


def test_a_colour_of_an_approach_is_none_of_a_modality() -> None:
    assert not {figures.IMAGE, figures.TEXT} & set(figures.APPROACH_COLOURS)
    assert len(set(figures.APPROACH_COLOURS)) == len(figures.APPROACH_COLOURS)


def test_the_curve_of_validation_is_drawn_only_where_validation_chose() -> None:
    limits = (0.0, 1.0)
    paper, safe = (
        _svg(figures.lambda_curves(r["lambda"], "#0072b2", limits))
        for r in (results("paper"), SAFE)
    )
    assert paper.count("FillBetween") < safe.count("FillBetween")


def test_a_variance_below_zero_is_left_out_of_a_logarithmic_axis() -> None:
    below, absent, above = (
        _svg(figures.cone([("a", (v, 0.01, None))])) for v in (-0.01, None, 0.5)
    )
    assert below == absent
    assert below.count(figures._PARTS[0][1]) < above.count(figures._PARTS[0][1])
