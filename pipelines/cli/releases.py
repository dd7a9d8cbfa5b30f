"""Who serves, why, and how to change it: decisions, audit, rollback, promotion by hand, a
new rule."""

from __future__ import annotations

import getpass
import os
from typing import Annotated, Any

import typer

from pipelines.cli.app import SERVES, app, say, show, table
from pipelines.config import deployment_paths, load_profile
from pipelines.shown import shown_lines

Json = Annotated[bool, typer.Option("--json", help="print JSON")]
By = Annotated[str | None, typer.Option("--by", help="your name, for the audit")]
Endpoint = Annotated[
    str | None,
    typer.Option("--endpoint", help="endpoint's address; else DENGUARD_ENDPOINT_URL, else `up`'s"),
]
_WORDS = {"none": "none registered"}


@app.command(rich_help_panel=SERVES)
def decisions(
    run: Annotated[str | None, typer.Argument(help="one run's decision in full")] = None,
    as_json: Json = False,
    limit: Annotated[int, typer.Option(min=1, help="newest ones to list")] = 20,
) -> None:
    """List what the gate decided and why, newest first."""
    from pipelines.evaluate import decision_log

    if run is not None:
        one = decision_log.decision_of(run, deployment_paths())
        show(one) if as_json else say("\n".join(decision_log.in_words(one)))
        return
    found = decision_log.decisions(deployment_paths())
    if as_json:
        show(found[:limit])
        return
    if not found:
        say("There is no decision yet. Run the weekly cycle once.")
        return
    table(
        ("run", "week", "decision", "head", "champion then", "why"),
        [_decision_row(record, decision_log.why(record)) for record in found[:limit]],
        below=1,
    )
    if len(found) > limit:
        say(f"{len(found) - limit} older ones are not shown; --limit shows more.")


@app.command(rich_help_panel=SERVES)
def audit(as_json: Json = False) -> None:
    """List who moved the champion and why, and check that nobody changed the list."""
    from pipelines.registry.audit import audit_file, read_trail

    trail = read_trail(deployment_paths())
    doubts = [text for text in (trail.broken, _differs_from_registry(trail.entries)) if text]
    if as_json:
        show(
            {
                "entries": trail.entries,
                "broken": trail.broken or None,
                "torn": trail.torn or None,
                "doubts": doubts,
            }
        )
    else:
        table(
            ("", "at (UTC)", "action", "from", "to", "by", "run", "reason"),
            map(_move_row, trail.entries),
            below=2,
        )
        if trail.torn:
            say("The last line is torn, by a power cut perhaps; the next entry sets it aside.")
        newest = trail.entries[-1].get("sha256") if trail.entries else "none"
        say(f"{len(trail.entries)} entries, newest hash {newest}")
    for doubt in doubts:
        typer.secho(
            shown_lines(f"DOUBT: {doubt} ({audit_file(deployment_paths())})"), fg="red", err=True
        )
    if doubts:
        typer.secho(
            "What to do: compare the file with its newest backup, with denguard decisions and "
            "with the aliases in MLflow. Nothing of it changes who serves.",
            fg="red",
            err=True,
        )
        raise typer.Exit(1)


@app.command(rich_help_panel=SERVES)
def rollback(
    by: By = None,
    reason: Annotated[
        str, typer.Option(help="why, for the audit and the next run")
    ] = "no reason given",
    endpoint: Endpoint = None,
) -> None:
    """Let the previous version serve again: alias, endpoint and audit, within 30 s."""
    from pipelines.registry.aliases import AuditReason
    from pipelines.registry.rollback import roll_back

    local = local_endpoint()
    done = roll_back(
        AuditReason(by or _login(), reason),
        endpoint or _configured() or local,
        model_name=deployment_paths().model_name,
    )
    if done.resumed:
        say("An earlier rollback was interrupted; this finished it and goes no further back.")
    say(
        f"Version {done.version} (bundle {done.bundle_id}) is champion again; version "
        f"{done.from_version} is out of service and its bundle is not promoted again."
    )
    say(f"Endpoint: {done.endpoint}.")
    back = done.previous
    say(
        f"A second rollback would go back to version {back}."
        if back
        else "There is no version further back."
    )


@app.command(rich_help_panel=SERVES)
def promote(
    version: Annotated[
        str, typer.Argument(help="registered version, such as 3, or its bundle's id")
    ],
    by: Annotated[str, typer.Option("--by", help="your name, for the audit")],
    reason: Annotated[str, typer.Option(help="why, for the audit")],
    endpoint: Endpoint = None,
) -> None:
    """Let a registered version serve without asking the gate; a damaged one is refused."""
    from pipelines.registry.aliases import AuditReason
    from pipelines.registry.rollback import promote_by_hand

    local = local_endpoint()
    done = promote_by_hand(
        version,
        AuditReason(by, reason),
        endpoint or _configured() or local,
        model_name=deployment_paths().model_name,
    )
    news = "is champion now" if done.changed else "was champion already"
    say(
        f"Version {done.version} (bundle {done.bundle_id}) {news}; previous is "
        f"{done.previous or 'none'}."
    )
    say(f"Endpoint: {done.endpoint}.")


@app.command(rich_help_panel=SERVES)
def adopt_rule(
    profile: Annotated[str, typer.Option(help="profile whose labels.rule holds from now on")],
    by: Annotated[str, typer.Option("--by", help="your name, for the audit")],
    reason: Annotated[str, typer.Option(help="why, for the audit")],
) -> None:
    """Begin a new line of models, by another label rule; the champion is not compared with it."""
    from pipelines.registry.adopt import adopt_rule as adopt
    from pipelines.registry.aliases import AuditReason

    chosen = load_profile(profile)
    local_endpoint()
    done = adopt(chosen.labels.rule_id, AuditReason(by, reason), model_name=chosen.model_name)
    if done["from_version"] is None:
        say(
            "There is no champion, so the next candidate is judged as a first one, by label rule "
            f"{done['rule_now']}."
        )
        return
    if not done["changed"]:
        say(
            f"Nothing to do: version {done['from_version']} forecasts by label rule "
            f"{done['rule_now']} already."
        )
        return
    say(
        f"Version {done['from_version']} (label rule {done['rule_before']}) is champion no more; "
        f"the next candidate is judged as a first champion, by label rule {done['rule_now']}."
    )
    say(
        f"Now run the weekly cycle: denguard run --profile {profile} --run-id NAME. Until a "
        "candidate serves, the endpoint goes on answering with that version and says so in every "
        "answer, and there is no way back but denguard promote."
    )


def _decision_row(record: dict[str, Any], why: str) -> tuple[str, ...]:
    champion = record.get("champion") or {}
    then = f"{champion['version']} ({champion['head']})" if champion else "–"
    word = str(record["decision"])
    return (
        str(record["run_id"]),
        str(record["as_of_week"]),
        _WORDS.get(word, word),
        str(record.get("head") or "–"),
        then,
        why,
    )


def _move_row(entry: dict[str, Any]) -> tuple[str, ...]:
    names = ("action", "from_version", "to_version", "by", "run_id", "reason")
    at = str(entry.get("at") or "–")
    return (
        str(entry.get("seq", "–")),
        at[:16].replace("T", " ") if at.endswith("+00:00") else at,
        *(str(entry.get(name) or "–") for name in names),
    )


def _differs_from_registry(entries: tuple[dict[str, Any], ...]) -> str:
    """A list whose end was cut off still holds; the registry knows better."""
    from pipelines.errors import RegistryError
    from pipelines.registry.aliases import read_aliases

    local_endpoint()
    try:
        serves = read_aliases(deployment_paths(), deployment_paths().model_name)["champion"]
    except RegistryError as err:
        return f"the registry could not be asked who serves: {err.what}" if entries else ""
    if serves and not entries:
        return (
            f"there is no entry yet, but version {serves} is champion: it began to serve before "
            "the audit did, or the audit is gone"
        )
    own = [e for e in entries if e.get("model_name") == deployment_paths().model_name]
    listed = own[-1].get("to_version") if own else None
    if serves == listed:
        return ""
    return (
        f"the registry's champion is {serves or 'none'}, the last entry says {listed or 'none'}: "
        "an alias was moved by hand, or entries are missing"
    )


def local_endpoint() -> str | None:
    """Where `denguard up` runs the endpoint on this machine, if it does.

    Its MLflow keeps bundles where only that server can reach them, so it is asked and not its file.
    """
    from pipelines.local.components import urls
    from pipelines.local.layout import Layout
    from pipelines.local.services import load_state

    state = load_state(Layout(deployment_paths()))
    if state.alive("mlflow"):
        os.environ.setdefault("MLFLOW_TRACKING_URI", urls(state.ports)["mlflow"])
    return urls(state.ports)["endpoint"] if state.alive("endpoint") else None


def _configured() -> str | None:
    from pipelines.registry.deploy import ENDPOINT_VARIABLE

    return os.environ.get(ENDPOINT_VARIABLE)


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "unknown"
