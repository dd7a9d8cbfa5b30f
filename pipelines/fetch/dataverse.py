"""Dataverse: a data set's terms and files from its JSON API."""

from __future__ import annotations

import json
from typing import Any

from pipelines.errors import FetchError
from pipelines.fetch.remote_file import RemoteFile, safe_path
from pipelines.fetch.terms import Terms
from pipelines.fetch.web import Web

_ANSWER_BYTES = 16 << 20
_HASHES = {"MD5": "md5", "SHA-256": "sha256"}


def read_dataset(web: Web, base: str, doi: str) -> tuple[Terms, list[RemoteFile]]:
    """Terms and files of the newest published version.

    Raises:
        FetchError: the API does not answer, or says something else than Dataverse does.
    """
    url = f"{base}api/datasets/:persistentId/versions/:latest-published?persistentId=doi:{doi}"
    try:
        version = json.loads(web.read(url, _ANSWER_BYTES))["data"]
        files = [_file(base, listed, url) for listed in version["files"]]
        terms = Terms(url=f"{base}dataset.xhtml?persistentId=doi:{doi}", text=_terms(version))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise FetchError(
            f"the server's answer is not what Dataverse says of a data set ({type(err).__name__}: "
            f"{str(err)[:80]})",
            where=url,
            fix="check --base-url; if it is right, the API changed: tell denguard's maintainers",
        ) from err
    if len({f.path.casefold() for f in files}) != len(files):
        raise FetchError("the data set names one file twice", where=url, fix="ask the publisher")
    return terms, files


def _file(base: str, listed: dict[str, Any], where: str) -> RemoteFile:
    """A file as it was deposited: Dataverse also keeps tables in a form of its own."""
    about = listed["dataFile"]
    name, size, query = listed.get("label") or about["filename"], about["filesize"], ""
    if about.get("originalFileFormat"):
        name = about.get("originalFileName") or name
        size, query = about.get("originalFileSize"), "?format=original"
    if size is not None and (not isinstance(size, int) or size < 0):
        raise ValueError(f"size {size!r}")
    folder = str(listed.get("directoryLabel") or "").strip("/")
    path = safe_path(f"{folder}/{name}" if folder else str(name), where)
    checksum = about.get("checksum") or {"type": "MD5", "value": about["md5"]}
    hashes = (
        {_HASHES[checksum["type"]]: str(checksum["value"])} if checksum["type"] in _HASHES else {}
    )
    return RemoteFile(
        path,
        f"{base}api/access/datafile/{int(about['id'])}{query}",
        size,
        hashes.get("sha256"),
        hashes.get("md5"),
    )


def _terms(version: dict[str, Any]) -> str:
    """The licence and every part of the terms that the data set fills in."""
    lines = []
    licence = version.get("license")
    if isinstance(licence, dict):
        lines.append(f"License: {licence.get('name', '')} {licence.get('uri', '')}".rstrip())
    elif licence:
        lines.append(f"License: {licence}")
    names = (
        "termsOfUse",
        "confidentialityDeclaration",
        "specialPermissions",
        "restrictions",
        "citationRequirements",
        "depositorRequirements",
        "conditions",
        "disclaimer",
        "termsOfAccess",
    )
    lines += [f"{name}: {str(version[name]).strip()}" for name in names if version.get(name)]
    return "\n\n".join(lines)
