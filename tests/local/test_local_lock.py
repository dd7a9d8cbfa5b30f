"""The lock file as `make lock` writes it."""

from __future__ import annotations

from pipelines.local.lock import lock_text


def test_the_opening_comment_stays_and_the_build_of_torch_is_left_out() -> None:
    before = "# why\n# how\nold==1\n"
    versions = {"torch": "2.13.0+cpu", "Airflow": "3.3.2"}
    assert lock_text(before, versions) == "# why\n# how\nAirflow==3.3.2\ntorch==2.13.0\n"
