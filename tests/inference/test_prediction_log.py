"""The prediction log: whole lines from any number of writers, found again, kept so long and no
longer.
"""

from __future__ import annotations

import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.inference.prediction_log import (
    DamagedLine,
    LoggedAnswer,
    LoggedPrediction,
    PredictionLog,
    log_folder,
    logged_days,
    mark_day,
    prune,
    read_day,
    read_predictions,
)

NOON = datetime(2024, 3, 31, 12, tzinfo=UTC)
TODAY = NOON.date()


def answer(trace_id: str = "t1", rows: int = 1, at: datetime = NOON) -> LoggedAnswer:
    row = LoggedPrediction(
        municipality_code="05001",
        horizon_weeks=4,
        origin_week="2018-w48",
        target_week="2018-w52",
        probability=0.25,
        outbreak=False,
    )
    return LoggedAnswer(
        trace_id=trace_id,
        at=at,
        input_sha256="a" * 64,
        bundle_id="b1",
        model_version="3",
        predictions=[row] * rows,
    )


@pytest.fixture
def paths(tmp_path: Path) -> DeploymentPaths:
    return DeploymentPaths(home=tmp_path)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: the kernel takes part of a write, then refuses."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def only_file(paths: DeploymentPaths) -> Path:
    (path,) = log_folder(paths).glob("*/*")
    return path


def test_an_answer_is_read_back_as_it_was_written(paths: DeploymentPaths) -> None:
    log = PredictionLog(paths)
    log.append(answer("first", rows=2))
    log.append(answer("second"))

    assert list(read_day(paths, TODAY)) == [answer("first", rows=2), answer("second")]
    assert read_predictions(paths, "second") == answer("second")
    assert read_predictions(paths, "third") is None


def test_without_a_log_nothing_is_found(paths: DeploymentPaths) -> None:
    assert read_predictions(paths, "t1") is None
    assert list(read_day(paths, TODAY)) == logged_days(paths) == []


def test_an_answer_after_midnight_opens_the_next_day(paths: DeploymentPaths) -> None:
    log = PredictionLog(paths)
    late = NOON.replace(hour=23, minute=59)
    log.append(answer("old", at=late))
    log.append(answer("new", at=late + timedelta(minutes=2)))

    assert logged_days(paths) == [date(2024, 4, 1), TODAY]
    assert [a.trace_id for a in read_day(paths, TODAY)] == ["old"]
    assert read_predictions(paths, "old") is not None


def test_nobody_else_may_read_it(paths: DeploymentPaths) -> None:
    before = os.umask(0)
    try:
        PredictionLog(paths).append(answer())
    finally:
        os.umask(before)

    path = only_file(paths)
    assert [stat.S_IMODE(p.stat().st_mode) for p in (path, path.parent, path.parents[1])] == [
        0o600,
        0o700,
        0o700,
    ]


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from inference.test_prediction_log import answer
from pipelines.config import DeploymentPaths
from pipelines.inference.prediction_log import PredictionLog

log = PredictionLog(DeploymentPaths(home=Path(sys.argv[1])))
sys.stdin.read()  # all of them begin together
for i in range(250):
    log.append(answer(f"{sys.argv[2]}-{i}", rows=1000 if i % 50 == 0 else 1 + i % 7))
"""


def test_processes_that_append_at_once_leave_all_their_lines_whole(paths: DeploymentPaths) -> None:
    command = [sys.executable, "-c", WRITER, str(paths.home)]
    tests = str(Path(__file__).parents[1])
    several = [subprocess.Popen([*command, str(n), tests], stdin=subprocess.PIPE) for n in range(4)]
    for process in several:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait(timeout=60) for process in several] == [0] * 4

    damaged: list[DamagedLine] = []
    found = list(read_day(paths, TODAY, damaged))
    assert sorted(a.trace_id for a in found) == sorted(
        f"{n}-{i}" for n in range(4) for i in range(250)
    )
    assert sum(len(a.predictions) for a in found if a.trace_id.endswith("-50")) == 4000
    assert damaged == []
    assert len(list(log_folder(paths).glob("*/*"))) == 4


Steps = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 1),
        st.integers(1, 4),
        st.sampled_from([None, 0, 1, 300, 700]),
    ),
    max_size=30,
)


@given(steps=Steps)
@example(steps=[(1, 0, 1, 1), (1, 1, 1, None), (1, 0, 1, None)])  # back to a day whose file is torn
@settings(deadline=None, max_examples=60)
def test_any_interleaving_keeps_every_line_that_was_taken_and_no_other(
    steps: list[tuple[int, int, int, int | None]],
) -> None:
    """Steps of (writer, day, rows, bytes that the disk has left for the file or None)."""
    with tempfile.TemporaryDirectory() as scratch:
        paths = DeploymentPaths(home=Path(scratch))
        writers = [PredictionLog(paths) for _ in range(3)]
        taken: dict[tuple[date, int], list[str]] = defaultdict(list)
        for i, (writer, day, rows, left) in enumerate(steps):
            entry = answer(f"{writer}-{i}", rows, NOON + timedelta(days=day))
            if left is None:
                writers[writer].append(entry)
                taken[entry.at.date(), writer].append(entry.trace_id)
            else:
                path = log_folder(paths) / str(entry.at.date()) / writers[writer]._name
                with room_for((path.stat().st_size if path.exists() else 0) + left):
                    if left < len(entry.model_dump_json()):
                        with pytest.raises(OSError):
                            writers[writer].append(entry)
                    else:
                        continue  # whether a line break before it fits, too, is not ours to say
        found: dict[tuple[date, int], list[str]] = defaultdict(list)
        for when in logged_days(paths):
            for entry in read_day(paths, when):
                found[when, int(entry.trace_id[0])].append(entry.trace_id)
        for log in writers:
            log.close()
    assert found == taken


def test_a_torn_line_is_skipped_and_named(paths: DeploymentPaths) -> None:
    log = PredictionLog(paths)
    log.append(answer("first"))
    with room_for(only_file(paths).stat().st_size + 120), pytest.raises(OSError):
        log.append(answer("torn"))
    log.append(answer("next"))

    damaged: list[DamagedLine] = []
    assert [a.trace_id for a in read_day(paths, TODAY, damaged)] == ["first", "next"]
    assert damaged == [DamagedLine(only_file(paths), 2)]
    assert read_predictions(paths, "torn") is None


def test_a_last_line_that_lost_its_end_is_no_answer(paths: DeploymentPaths) -> None:
    log = PredictionLog(paths)
    log.append(answer("first"))
    log.append(answer("cut"))
    path = only_file(paths)
    os.truncate(path, path.stat().st_size - 1)

    damaged: list[DamagedLine] = []
    assert [a.trace_id for a in read_day(paths, TODAY, damaged)] == ["first"]
    assert len(damaged) == 1


def test_a_file_that_was_removed_under_us_is_made_again(paths: DeploymentPaths) -> None:
    log = PredictionLog(paths)
    log.append(answer("lost"))
    shutil.rmtree(log_folder(paths))
    log.append(answer("kept"))

    assert [a.trace_id for a in read_day(paths, TODAY)] == ["kept"]


def test_a_line_of_a_newer_version_can_be_read(paths: DeploymentPaths) -> None:
    folder = log_folder(paths) / "2024-03-31"
    folder.mkdir(parents=True)
    line = answer().model_dump_json().replace('"at":', '"of_tomorrow":{"x":1},"at":')
    (folder / "1-aa.jsonl").write_text(line + "\n")

    assert read_predictions(paths, "t1") == answer()


def test_days_beyond_retention_go_whole_and_nothing_else_does(paths: DeploymentPaths) -> None:
    log = PredictionLog(paths)
    for back in (0, 1, 2, 3, 400):
        log.append(answer(at=NOON - timedelta(days=back)))
    elsewhere = paths.home / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    (log_folder(paths) / "2001-01-01").symlink_to(elsewhere)
    for other in ("2001-02-31", "notes", "2001-01-02.bak"):
        (log_folder(paths) / other).mkdir()

    assert prune(paths, keep_days=2, today=TODAY) == [date(2024, 3, 28), date(2023, 2, 25)]

    assert logged_days(paths) == [TODAY, date(2024, 3, 30), date(2024, 3, 29)]
    left = {path.name for path in log_folder(paths).iterdir()} - {
        str(d) for d in logged_days(paths)
    }
    assert left == {"2001-01-01", "2001-02-31", "notes", "2001-01-02.bak"}
    assert (elsewhere / "kept").exists()


@pytest.mark.parametrize("keep_days", [2, 30, 400])
@pytest.mark.parametrize("wrong", [date(2099, 1, 1), date(1970, 1, 1)])
def test_a_wrong_clock_removes_nothing(paths: DeploymentPaths, keep_days: int, wrong: date) -> None:
    """Days of a log that was kept as declared, the clock wrong for a start, and right again."""
    days = [TODAY - timedelta(days=back) for back in range(keep_days)]
    for day in days:
        mark_day(paths, day)
    mark_day(paths, wrong)

    assert prune(paths, keep_days, wrong) == []
    assert set(prune(paths, keep_days, TODAY)) <= {date(1970, 1, 1)}
    assert set(days) <= set(logged_days(paths))


def test_days_on_which_the_endpoint_was_off_keep_what_came_before_for_longer(
    paths: DeploymentPaths,
) -> None:
    mark_day(paths, TODAY)
    for day in (TODAY + timedelta(days=365 + more) for more in range(3)):
        mark_day(paths, day)
        removed = prune(paths, 2, day)
        assert removed == ([TODAY] if day == TODAY + timedelta(days=367) else [])


def test_a_log_that_may_not_be_read_is_not_taken_for_an_empty_one(paths: DeploymentPaths) -> None:
    log_folder(paths).mkdir(parents=True)
    (log_folder(paths) / "2024-03-31").mkdir()
    (log_folder(paths) / "2024-03-31" / "1-aa.jsonl").mkdir()  # root may read anything but this

    with pytest.raises(StoreError, match="cannot be read"):
        read_predictions(paths, "t1")
