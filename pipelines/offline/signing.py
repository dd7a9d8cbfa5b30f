"""The signature over the list of hashes: ssh-keygen's, which every server has.

`-Y sign` and `-Y verify` of OpenSSH 8.1 and later. Who may sign stands in a file in ssh-keygen's
form, one line a person: `NAME ssh-ed25519 AAAA...`.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from pipelines.errors import ConfigError, StoreError
from pipelines.offline.contents import SIGNATURE, SUMS

_NAMESPACE = "denguard-offline"  # a signature for another purpose is not taken
_TIMEOUT_S = 60.0


def sign(folder: Path, key: Path) -> Path:
    """Sign a folder's list with a private SSH key (a passphrase is asked for by ssh-agent).

    Raises:
        StoreError: the key cannot be used.
    """
    (folder / SIGNATURE).unlink(missing_ok=True)
    done = _keygen(["sign", "-q", "-f", str(key), "-n", _NAMESPACE, str(folder / SUMS)])
    if done.returncode or not (folder / SIGNATURE).is_file():
        raise StoreError(
            f"the list could not be signed: {_said(done)}",
            where=str(key),
            fix="make a key with ssh-keygen -t ed25519 -f FILE",
        )
    return folder / SIGNATURE


def verify(folder: Path, signers: Path) -> str:
    """The name of who signed the list, among those who may.

    Raises:
        StoreError: there is no signature, or it is of nobody in the file, or of another list.
    """
    signature = folder / SIGNATURE
    if not signature.is_file():
        raise StoreError(
            "the offline folder is not signed",
            where=str(folder),
            fix="ask whoever made it to sign it: denguard offline make --sign-key",
        )
    found = _keygen(["find-principals", "-s", str(signature), "-f", str(signers)])
    name = found.stdout.split("\n")[0].strip() if found.returncode == 0 else ""
    asked = ["verify", "-f", str(signers), "-I", name, "-n", _NAMESPACE, "-s", str(signature)]
    if not name or _keygen(asked, (folder / SUMS).read_text(encoding="utf-8")).returncode:
        raise StoreError(
            "the signature is of nobody who may sign, or the list was changed after it",
            where=str(signature),
            fix="do not install from this folder; get it again from whoever made it, and their "
            "public key by another way",
        )
    return name


def _keygen(arguments: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise ConfigError("ssh-keygen is not installed", fix="install OpenSSH's client")
    return subprocess.run(
        [program, "-Y", *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
