"""Who may have the data: terms accepted by a person, credentials for their own server alone."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from support.publisher import FIRST, HURRIED, LICENSE, ROOT, Fetcher, Site, serving

from pipelines.errors import FetchError
from pipelines.fetch import fetch
from pipelines.fetch.datasets import DATASETS
from pipelines.fetch.web import Web
from pipelines.storage import read_json


def test_nothing_comes_before_the_terms_are_accepted(site: Site, bring: Fetcher) -> None:
    with pytest.raises(FetchError, match=r"are not accepted yet.*--accept-terms"):
        bring(accept=False)
    assert [a.path for a in site.asked] == [f"{ROOT}LICENSE.txt"]


def test_what_was_accepted_is_on_record_and_holds_for_the_next_call(
    site: Site, bring: Fetcher
) -> None:
    bring()
    record = read_json(bring.to / "TERMS-ACCEPTED.json")
    assert record["url"] == f"{site.url}{ROOT[1:]}LICENSE.txt"
    assert record["text_sha256"] == hashlib.sha256(LICENSE).hexdigest()
    assert (bring.to / "TERMS.txt").read_bytes() == LICENSE
    assert str(record["accepted_at"]).endswith("+00:00")
    assert bring(accept=False).whole == 5


def test_terms_that_changed_have_to_be_accepted_again(site: Site, bring: Fetcher) -> None:
    bring()
    site.bodies[f"{ROOT}LICENSE.txt"] = LICENSE.replace(b"may", b"MAY")
    with pytest.raises(FetchError, match="changed since they were accepted"):
        bring(accept=False)


def test_a_server_that_states_no_terms_is_not_fetched_from(site: Site, bring: Fetcher) -> None:
    site.bodies[f"{ROOT}LICENSE.txt"] = b" \n"
    with pytest.raises(FetchError, match="states no terms"):
        bring()


def test_brset_without_credentials_says_how_to_get_them(site: Site, bring: Fetcher) -> None:
    with pytest.raises(FetchError, match=r"named people.*PHYSIONET_USERNAME.*data use agreement"):
        bring(name="brset")
    assert site.asked == []


def test_credentials_are_sent_with_every_request(
    site: Site, bring: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHYSIONET_USERNAME", "ana")
    monkeypatch.setenv("PHYSIONET_PASSWORD", "p:w")
    bring(name="brset")
    expected = "Basic " + base64.b64encode(b"ana:p:w").decode()
    assert {a.headers["Authorization"] for a in site.asked} == {expected}


def test_credentials_do_not_go_where_a_server_redirects(
    site: Site, bring: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHYSIONET_USERNAME", "ana")
    monkeypatch.setenv("PHYSIONET_PASSWORD", "pw")
    with serving(
        Site(sizes={FIRST: site.sizes[FIRST]}, bodies={FIRST: site.body(FIRST) or b""})
    ) as other:
        goal = f"http://a:b@{other.url.removeprefix('http://')}{FIRST[1:]}"
        site.faults[FIRST] = [("status", 302, {"Location": goal})]
        bring(name="brset")
        assert [a.headers["Authorization"] for a in other.asked] == [None]
    assert bring.here(FIRST) == other.body(FIRST)


def test_a_mirror_gets_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PHYSIONET_USERNAME", "PHYSIONET_PASSWORD", "DATAVERSE_API_TOKEN"):
        monkeypatch.setenv(name, "secret")
    for dataset in DATASETS.values():
        assert dataset.secret("https://mirror.example/x/") == {}
        assert dataset.secret(dataset.base) != {}


@pytest.mark.parametrize(
    "goal", ["http://example.org/a", "ftp://example.org/a", "file:///etc/passwd", "http://[bad"]
)
def test_a_redirect_off_https_is_not_followed(site: Site, bring: Fetcher, goal: str) -> None:
    site.faults[FIRST] = [("status", 301, {"Location": goal})]
    with pytest.raises(FetchError, match=r"1 of 5 files.*(not https|no address)"):
        bring()


def test_redirects_that_do_not_end_are_left(site: Site, bring: Fetcher) -> None:
    site.faults[FIRST] = [("status", 302, {"Location": FIRST})] * 20
    with pytest.raises(FetchError, match="redirects more than 5 times"):
        bring()


def test_a_public_server_may_not_redirect_to_this_machine(site: Site) -> None:
    web = Web("https://physionet.org/files/", {}, "", HURRIED)
    with pytest.raises(FetchError, match="not https"):
        web.read(site.url, 100)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "refuses.*PHYSIONET_USERNAME"),
        (403, "refuses.*PHYSIONET_USERNAME"),
        (404, "no such file"),
        (302, "asks to log in"),
    ],
)
def test_a_refusal_says_what_to_do(site: Site, bring: Fetcher, status: int, message: str) -> None:
    site.faults[f"{ROOT}LICENSE.txt"] = [("status", status, {"Location": "/login/?next=x"})]
    with pytest.raises(FetchError, match=message):
        bring()


@pytest.mark.parametrize(
    "address",
    [
        "http://physionet.org/files/",
        "physionet.org",
        "ftp://x/",
        "https://ana:pw@physionet.org/",
        "http://[bad",
    ],
)
def test_an_address_that_others_could_read_is_refused_and_no_password_repeated(
    address: str, tmp_path: Path
) -> None:
    with pytest.raises(FetchError, match="no https address") as message:
        fetch("satellitebench", tmp_path, base_url=address)
    assert "pw" not in str(message.value)
