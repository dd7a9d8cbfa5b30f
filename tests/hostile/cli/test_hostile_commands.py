"""What is tried wrong at the command: exit code 2, a sentence with its fix, no traceback, nothing
made.
"""

from __future__ import annotations

import os
import shutil
from datetime import date
from pathlib import Path

import pytest
from support.attacks import images
from support.attacks.on_files import zipped
from support.desk import table_rows, write_csv

from pipelines import cli
from pipelines.storage import manifest_of

RECEIVED = ("--received", "2018-12-04")
RECORDS = tuple(
    f"artifacts/{name}/" for name in ("runs", "events", "alerts", "locks")
)  # of the refusal itself
SCENE = "image_2018-11-01.png"


@pytest.fixture
def desk(
    home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with what a person could name by mistake, and a deployment of its own."""
    desk = tmp_path_factory.mktemp("desk")
    monkeypatch.chdir(desk)
    table = write_csv(desk / "metadata.csv", table_rows())
    good = table.read_bytes()
    (desk / "utf16.csv").write_bytes(good.decode().encode("utf-16"))
    (desk / "semicolons.csv").write_bytes(good.replace(b",", b";"))
    (desk / "book.xlsx").write_bytes(zipped(good, "xl/workbook.xml"))
    (desk / "notes.csv").write_bytes(b"name,phone\nAna,123\n")
    (desk / "images" / "05001").mkdir(parents=True)
    (desk / "images" / "05001" / SCENE).write_bytes(images.GOOD_PNG)
    (desk / "scenes.zip").write_bytes(zipped(images.GOOD_PNG, "../../etc/cron.d/x"))
    shutil.copytree(desk / "images", desk / "linked")
    (desk / "linked" / "05001" / "image_2018-10-01.png").symlink_to("/etc/passwd")
    shutil.copytree(desk / "images", desk / "latin")
    (Path(os.fsdecode(b"latin/05001/Itag\xfc\xed.png"))).write_bytes(images.GOOD_PNG)
    os.mkfifo(desk / "pipe.csv")
    return desk


def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> tuple[int, str]:
    """The command's exit code and everything that it said; another exception is a failure."""
    monkeypatch.setattr("sys.argv", ["denguard", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    output = capsys.readouterr()
    code = ended.value.code
    return (code if isinstance(code, int) else 1), output.out + output.err


def drop(*more: str, table: str = "metadata.csv") -> tuple[str, ...]:
    return ("drop", "--table", table, *RECEIVED, *more)


COMMANDS: list[tuple[str, tuple[str, ...], str]] = [
    ("a table that is not there", drop(table="nosuch.csv"), "name the metadata.csv file"),
    ("a folder for a table", drop(table="images"), "name the metadata.csv file"),
    ("a pipe for a table, which would be waited for", drop(table="pipe.csv"), "name the metadata.csv file"),
    ("a device for a table, which never ends", drop(table="/dev/zero"), "name the metadata.csv file"),
    ("another CSV for a table", drop(table="notes.csv"), "not a municipal table"),
    ("a table in UTF-16", drop(table="utf16.csv"), "UTF-8, comma delimited"),
    ("a table with semicolons", drop(table="semicolons.csv"), "comma delimited"),
    ("an Excel workbook", drop(table="book.xlsx"), "UTF-8, comma delimited"),
    ("a table of passwords", drop(table="/etc/passwd"), "not a municipal table"),
    ("a zip that would slip out, for the images", drop("--images", "scenes.zip"), "unpack"),
    ("a table for the images", drop("--images", "metadata.csv"), "one folder a municipality code"),
    ("images that are not there", drop("--images", "nosuch"), "one folder a municipality code"),
    ("images with a link out", drop("--images", "linked"), "may not hold links"),
    ("images with a name that is not UTF-8", drop("--images", "latin"), "under a name in UTF-8"),
    ("a day that does not exist", ("drop", "--table", "metadata.csv", "--received", "2018-02-31"), "does not match"),
    ("a day in another order", ("drop", "--table", "metadata.csv", "--received", "04/12/2018"), "does not match"),
    ("a day before any satellite", ("drop", "--table", "metadata.csv", "--received", "0001-01-01"), "received_date"),
    ("a day where dates end", ("drop", "--table", "metadata.csv", "--received", "9999-12-31"), "received_date"),
    ("a week that does not exist", drop("--until", "2018-w60"), "2018-w48"),
    ("a week where dates end", drop("--until", "9999-w52"), "2018-w48"),
    ("a period nobody knows", drop("--scene-period", "fortnight"), "week"),
    ("a latency below zero", drop("--scene-latency-days", "-1"), "0"),
    ("a latency of a million days", drop("--scene-latency-days", "1000000"), "366"),
    ("a latency that is no number", drop("--climate-latency-days", "soon"), "integer"),
    ("no table at all", ("drop", *RECEIVED), "--table"),
    ("a run of no profile", ("run", "--run-id", "r", "--profile", "nosuch"), "use one of"),
    ("a run id with a path", ("run", "--run-id", "../x", "--profile", "ci"), "letters, digits"),
    ("a run id that ends in a line break", ("run", "--run-id", "x\n", "--profile", "ci"), "letters, digits"),
    ("a run id of 5,000 letters", ("run", "--run-id", "x" * 5000, "--profile", "ci"), "letters, digits"),
    ("a horizon of 99 weeks", ("run", "--run-id", "r", "--profile", "ci", "--horizon", "99"), "horizons"),
    ("a horizon in letters", ("run", "--run-id", "r", "--horizon", "four"), "integer"),
    ("an origin that is no week", ("run", "--run-id", "r", "--profile", "ci", "--as-of", "today"), "2018-w48"),
    ("a step that is none", ("step", "nosuch", "--run-id", "r"), "use start, or one of"),
    ("a step of a run that never began", ("step", "ingest", "--run-id", "nosuch"), "run the earlier step"),
    ("a profile that is a device", ("profile", "/dev/zero"), "use one of"),
    ("a command that is none", ("nosuch",), "No such command"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "words"), COMMANDS, ids=[c[0] for c in COMMANDS])
def test_a_wrong_command_says_what_to_do_and_makes_nothing(
    desk: Path,
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    before = manifest_of(desk)
    code, output = run(capsys, monkeypatch, *arguments)
    assert code == 2, output
    assert words in " ".join(output.replace("│", " ").split()), output
    assert "Traceback" not in output
    assert len(output) < 7000
    assert manifest_of(desk) == before
    made = {p.relative_to(home).as_posix() for p in home.rglob("*") if p.is_file()}
    assert all(p.startswith(RECORDS) for p in made), made
    assert not any(p.endswith("/run.json") for p in made), "a run began"


def test_the_good_drop_beside_them_is_made(
    desk: Path, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, output = run(capsys, monkeypatch, *drop("--images", "images"))
    assert code == 0, output
    made = home / "data" / "drops" / date(2018, 12, 4).isoformat()
    assert (made / "images" / "05001" / SCENE).read_bytes() == images.GOOD_PNG


@pytest.mark.parametrize("kind", ["a file", "a device", "below a file", "a name too long"])
def test_a_home_that_cannot_be_one_is_a_sentence(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    file = desk / "metadata.csv"
    homes = {
        "a file": file,
        "a device": Path("/dev/null"),
        "below a file": file / "x",
        "a name too long": desk / ("x" * 300),
    }
    monkeypatch.setenv("DENGUARD_HOME", str(homes[kind]))
    code, output = run(capsys, monkeypatch, *drop())
    assert code == 2
    assert "DENGUARD_HOME" in output
    assert "Traceback" not in output
