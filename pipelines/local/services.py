"""The services of a deployment as the state file remembers them, and as a caller uses them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from pipelines.errors import ServiceError
from pipelines.local.components import Component, components, urls
from pipelines.local.layout import Layout, Secrets
from pipelines.local.processes import Recorded, is_alive
from pipelines.storage import read_json, write_json


@dataclass
class State:
    """What was started, as artifacts/local/state.json remembers it; no secrets."""

    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, Recorded] = field(default_factory=dict)

    def alive(self, name: str) -> bool:
        """Whether the component's own process runs."""
        return name in self.processes and is_alive(self.processes[name])


@dataclass(frozen=True)
class Services:
    """The services of a deployment, as a caller uses them."""

    layout: Layout
    secrets: Secrets
    state: State

    @property
    def urls(self) -> dict[str, str]:
        """airflow, mlflow and endpoint addresses."""
        return urls(self.state.ports)

    @property
    def parts(self) -> list[Component]:
        """Every component with its command and environment."""
        return components(self.layout, self.secrets, self.state.ports)

    def dead(self) -> list[Component]:
        """Components whose process is gone."""
        return [part for part in self.parts if not self.state.alive(part.name)]


def load_state(layout: Layout) -> State:
    """The state file, or an empty state if there is none."""
    if not layout.state_file.is_file():
        return State()
    raw = read_json(layout.state_file)
    processes, ports = raw.get("processes"), raw.get("ports")
    if not isinstance(processes, dict) or not isinstance(ports, dict):
        raise ServiceError(
            "the supervisor's state file is damaged",
            where=str(layout.state_file),
            fix="delete it, then make down and make up",
        )
    return State(ports, {name: Recorded(**entry) for name, entry in processes.items()})


def save_state(layout: Layout, state: State) -> None:
    """Write the state file."""
    write_json(layout.state_file, {**asdict(state), "urls": urls(state.ports)})
