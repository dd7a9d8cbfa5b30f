"""The page of a reproduction: what stands beside what, what is said to be missing, and that it is
whole.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.study_results import OTHER, PRINTED, results, write

from pipelines.errors import StoreError
from pipelines.paper.page.numbers import number, percent, significant
from pipelines.paper.page.report import write_report
from pipelines.paper.page.views import command

HOSTILE = "<script>alert(1)</script>"


class _Page(HTMLParser):
    """Visible text, tables as rows of cells, and everything that could reach out."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self._words: list[str] = []
        self._cell = False
        self.feed(html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._words).split())

    def section(self, name: str) -> str:
        """Visible text of one section."""
        found = re.search(rf'<section id="{name}">.*?</section>', self.html, re.S)
        return _Page(found[0]).text if found else ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v or "" for k, v in attrs if k in {"src", "href", "action", "data"}]
        if tag == "img":
            self.pictures.append(dict(attrs))
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        self._cell = self._cell and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        self._words.append(data)
        if self._cell:
            self.rows[-1][-1] = " ".join(f"{self.rows[-1][-1]} {data}".split())


def _page(folder: Path) -> _Page:
    return _Page(write_report(folder).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> _Page:
    """Both protocols of a data set whose classes are named by an enemy."""
    out = tmp_path_factory.mktemp("both")
    classes = (HOSTILE, "nv")
    return _page(write(out, results("paper", classes, f1=0.6789), results("safe", classes)))


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> _Page:
    """Only the safe protocol, with the paper's own CLIP and no pairs; another data set
    beside it."""
    out = tmp_path_factory.mktemp("half")
    record = results("safe", ran=(PRINTED, OTHER))
    record["gap"] = {PRINTED: record["gap"][PRINTED], OTHER: None}
    write(out, results("safe", dataset="satellitebench"))
    return _page(write(out, record))


def test_the_first_line_is_the_safe_protocols(page: _Page) -> None:
    safe, paper = (
        page.text.index(f"first line of the {name} protocol") for name in ("safe", "paper")
    )
    assert safe < paper < page.text.index("Restrepo et al.")


def test_a_measured_figure_stands_beside_the_printed_one_and_the_other_protocols(
    page: _Page,
) -> None:
    row = next(r for r in page.rows if r[0].startswith("Lite0 + MiniLM, early"))
    assert row[1:4] == ["0.798", "0.697", "28"]
    assert row[4:8] == ["0.500", "0.679 0.579–0.779", "3 0.629–0.729", "27"]
    assert row[8:] == ["0.500", "0.432 0.332–0.532", "3 0.382–0.482", "27"]


def test_each_modality_alone_stands_below_with_what_fusion_adds(page: _Page) -> None:
    row = next(r for r in page.rows if r[0].startswith("Lite0 + MiniLM, image alone"))
    assert row[1:4] == ["—"] * 3 and row[5].startswith("0.648")
    added = [r for r in page.rows if r[0] == "Lite0 + MiniLM, early" and len(r) == 5]
    assert [r[1:] for r in added] == [
        [f"{p}", "image alone", "+0.031", "−0.022 to +0.084"]
        for p in ("paper protocol, test-selected", "safe protocol")
    ]


def test_other_weights_are_never_shown_as_the_papers_own(page: _Page) -> None:
    other = [
        r
        for r in page.rows
        if r[0].startswith("Lite0 + MiniLM,") and len(r) == 12 and "alone" not in r[0]
    ]
    assert len(other) == 2 and all(
        "other weights printed: Embedding DINOv2 + Llama 2" in r[0] for r in other
    )
    printed = [r for r in page.rows if r[0].startswith("Embedding DINOv2 + Llama 2,")]
    assert printed and not any("0.679" in cell or "0.432" in cell for r in printed for cell in r)


def test_what_was_not_run_has_no_number_and_says_what_to_type(page: _Page) -> None:
    row = next(r for r in page.rows if r[0] == "CLIP ViT-B/32, early")
    assert row[1:4] == ["0.818", "0.715", "21"] and len(row) == 6
    for cell in row[4:]:
        assert "not run" in cell and "denguard weights timm/clip@<commit>/file --fetch" in cell
    listed = page.section("not-run")
    assert "no commit and sha256 is pinned" in listed
    for name in ("BRSET", "COCO-QA", "Fakeddit", "Recipes 5K"):
        assert f"data set {name}" in listed
    assert "denguard fetch brset --to DIR" in listed
    assert "--dataset folder --protocol safe --data DIR --out /runs/out/coco_qa" in listed


def test_nothing_is_filled_in_where_nothing_was_measured(page: _Page) -> None:
    row = next(r for r in page.rows if r[0].startswith("Lite0 + MiniLM, early") and r[1] == "557")
    assert row[3] == "— not measured" and row[6] == "— not measured"
    assert "no readable energy counter on this machine" in page.section("table2")
    assert ["timm_image image", "safe protocol", "—", "—", "—"] in page.rows


def test_figures_that_were_picked_on_test_rows_are_marked(page: _Page) -> None:
    assert "paper protocol test-selected" in page.section("table1")
    assert "safe protocol test-selected" not in page.text
    assert any("paper protocol, test-selected" in (p["alt"] or "") for p in page.pictures)


def test_a_class_has_its_count_beside_its_score(page: _Page) -> None:
    assert f"{HOSTILE} n = 6" in page.section("table1")


def test_text_that_came_with_the_data_is_shown_and_not_obeyed(page: _Page) -> None:
    assert "script" not in page.tags
    assert f"class {HOSTILE}" in page.text


def test_the_page_needs_nothing_from_elsewhere(page: _Page) -> None:
    assert page.pictures and all(a.startswith("data:image/svg+xml;base64,") for a in page.addresses)
    assert not re.search(r"url\(|@import|<link", page.html)


def test_every_picture_says_what_it_shows_with_how_many_rows(page: _Page, half: _Page) -> None:
    alts = [p["alt"] or "" for p in page.pictures + half.pictures]
    assert all(re.search(r"\d", alt) and len(alt) > 60 for alt in alts)
    assert any("20 test rows" in alt for alt in alts) and any(
        "12 test pairs" in alt for alt in alts
    )


def test_equal_results_give_equal_bytes(page: _Page, tmp_path: Path) -> None:
    classes = (HOSTILE, "nv")
    again = write(tmp_path, results("paper", classes, f1=0.6789), results("safe", classes))
    assert write_report(again).read_text(encoding="utf-8") == page.html


def test_a_protocol_that_has_not_run_is_named_with_its_command(half: _Page) -> None:
    typed = (
        "denguard reproduce --dataset ham10000 --protocol paper --data /data/ham --out /runs/out"
    )
    assert (
        "The paper protocol has not run here: it has not been run into this folder. To run it: "
        f"{typed}" in half.text
    )
    row = next(r for r in half.rows if r[0].startswith("Lite0 + MiniLM, early"))
    assert typed in row[4] and row[5:] == ["0.500", "0.432 0.332–0.532", "3 0.382–0.482", "27"]


def test_the_papers_own_approach_stands_in_its_own_row(half: _Page) -> None:
    row = next(r for r in half.rows if r[0].startswith("CLIP ViT-B/32, early"))
    assert row[0] == "CLIP ViT-B/32, early" and row[1:4] == ["0.818", "0.715", "21"]
    assert row[5:7] == ["0.500", "0.432 0.332–0.532"]


def test_a_data_set_beside_it_joins_the_variance_table(page: _Page, half: _Page) -> None:
    beside = [
        "SatelliteBench",
        "here, safe protocol",
        "Lite0 + MiniLM other weights",
        "0.211",
        "32.6",
        "12",
    ]
    assert beside in half.rows and beside not in page.rows
    assert [
        "SatelliteBench",
        "printed (medical)",
        "CLIP ViT-B/32",
        "0.017",
        "3.2",
        "—",
    ] in half.rows
    assert "data set SatelliteBench :" in page.section("not-run")
    assert "data set SatelliteBench :" not in half.section("not-run")


def test_what_could_not_be_measured_says_why(half: _Page) -> None:
    assert "Lite0 + MiniLM, safe protocol: fewer than two rows with image and text" in half.section(
        "gap"
    )
    cone = half.section("cone")
    assert "llama (text): llama has no random initialisation" in cone
    assert "not run, no everyday images and texts were given" in cone and "--general DIR" in cone


def test_slips_of_the_printed_figures_stand_under_them(page: _Page) -> None:
    assert "Tables 1 and 2 say 30 epochs, table 3 says 50." in page.section("table3")
    assert "Fakeddit and Recipes 5K are printed with the same two variances." in page.section("gap")


def test_results_of_an_older_version_are_said_to_be_unusable(tmp_path: Path) -> None:
    old = results("paper")
    del old["request"]
    page = _page(write(tmp_path, old, results("safe", ran=())))
    assert "its results cannot be used: results without request" in page.text
    assert "No approach was taken apart" in page.text


def test_a_data_set_of_ones_own_has_no_printed_figure_beside_it(tmp_path: Path) -> None:
    page = _page(write(tmp_path, results("paper", dataset="folder", f1=0.6789)))
    row = next(r for r in page.rows if r[0].startswith("Lite0 + MiniLM, early"))
    assert row[:4] == ["Lite0 + MiniLM, early other weights", "—", "—", "—"]
    assert "The paper prints no figure for this data set" in page.text
    assert page.text.index("Safe protocol: not run here.") < page.text.index(
        "first line of the paper"
    )


def test_without_any_results_there_is_no_page(tmp_path: Path) -> None:
    folder = tmp_path / "ham10000"
    folder.mkdir()
    with pytest.raises(StoreError, match="neither protocol has results"):
        write_report(folder)
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "—"),
        (0.0, "0"),
        (0.000694, "0.000694"),
        (0.9996, "1.00"),
        (557.2, "557"),
        (5134.0, "5130"),
        (-0.5, "−0.500"),
    ],
)
def test_a_measure_has_three_digits_and_no_power_of_ten(value: float | None, shown: str) -> None:
    assert significant(value) == shown


def test_a_share_never_claims_certainty() -> None:
    assert [percent(s) for s in (1.0, 0.99999, 0.5, 0.00001, 0.0)] == [
        "100.0 %",
        ">99.9 %",
        "50.0 %",
        "<0.1 %",
        "0.0 %",
    ]
    assert number(None) == "—" and number(-0.1234) == "−0.123"


def test_a_command_can_be_typed_whatever_the_folder_is_called() -> None:
    parameters = {
        "dataset": "folder",
        "data": "/my data",
        "out": "/o",
        "study": "/s.yaml",
        "general": None,
    }
    assert command(parameters, "safe") == (
        "denguard reproduce --dataset folder --protocol safe --data '/my data' --out /o "
        "--study /s.yaml"
    )
