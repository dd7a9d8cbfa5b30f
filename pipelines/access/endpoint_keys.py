"""Keys of the endpoint: their hashes, as the endpoint reads them, and whose each one is.

secrets/endpoint_keys_sha256 is the comma list that the endpoint reads; secrets/people.json says
which hash is which person's. What no person has belongs to programs: `denguard rotate` changes it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pipelines.deploy.secret_files import read_secret, secret_file, write_secret
from pipelines.deploy.secret_table import ENDPOINT_KEYS, new_token
from pipelines.errors import ConfigError
from pipelines.storage import write_atomic

_PEOPLE = "people.json"
_OWNERS_FILE_MODE = 0o400


@dataclass(frozen=True)
class NewKey:
    """A key that was just made; only its hash is kept."""

    key: str
    sha256: str


def new_key() -> NewKey:
    """A random key."""
    key = new_token()
    return NewKey(key, hashlib.sha256(key.encode()).hexdigest())


class EndpointKeys:
    """The keys of the deployment in a folder."""

    def __init__(self, deployment: Path) -> None:
        self._deployment = deployment
        self._people = secret_file(deployment, _PEOPLE)

    def owners(self) -> dict[str, str]:
        """Person -> hash of the key. Raises ConfigError if the file cannot be read."""
        try:
            found = json.loads(self._people.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as err:
            raise ConfigError(
                f"it is not known whose key is whose: {type(err).__name__}",
                where=f"secrets/{_PEOPLE}",
                fix="run it as root; if the file is damaged, delete it and add the people anew",
            ) from err
        return {str(name): str(sha256) for name, sha256 in found.items()}

    def of_programs(self) -> list[str]:
        """Hashes that no person has, the newest first."""
        taken = set(self.owners().values())
        return [sha256 for sha256 in self._hashes() if sha256 not in taken]

    def give(self, name: str) -> str:
        """A new key for a person, in place of the one before; the key itself, never kept."""
        made = new_key()
        self._keep({**self.owners(), name: made.sha256}, self.of_programs())
        return made.key

    def take(self, name: str) -> bool:
        """Take a person's key away; False if there was none."""
        owners = self.owners()
        if owners.pop(name, None) is None:
            return False
        self._keep(owners, self.of_programs())
        return True

    def set_programs(self, hashes: list[str]) -> None:
        """Keep these as the keys of programs."""
        self._keep(self.owners(), hashes)

    def _hashes(self) -> list[str]:
        listed = read_secret(self._deployment, ENDPOINT_KEYS) or ""
        return [part.strip().lower() for part in listed.split(",") if part.strip()]

    def _keep(self, owners: dict[str, str], programs: list[str]) -> None:
        """The list that counts is written first: who is in it alone can be asked about later."""
        write_secret(self._deployment, ENDPOINT_KEYS, ",".join([*programs, *owners.values()]))
        text = json.dumps(owners, indent=2, sort_keys=True) + "\n"
        write_atomic(self._people, text, mode=_OWNERS_FILE_MODE)
