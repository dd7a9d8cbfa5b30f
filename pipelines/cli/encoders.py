"""Change an encoder without a week without a bulletin: measure, adopt, embed history, go back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli.app import PIPELINE, SERVES, ProfileName, app, say
from pipelines.config import deployment_paths, load_profile
from pipelines.errors import ConfigError, invalid_values

if TYPE_CHECKING:
    from pipelines.contracts import Modality
    from pipelines.encoder_config import EncoderConfig
    from pipelines.steps.runtimes import Measured

Block = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="YAML of the encoder, as under `embed` in a profile"),
]


@app.command(rich_help_panel=SERVES)
def adopt_encoder(
    profile: ProfileName,
    by: Annotated[str, typer.Option("--by", help="your name, for the record")],
    reason: Annotated[str, typer.Option(help="why, for the record")],
    image: Block = None,
    text: Block = None,
    back: Annotated[bool, typer.Option("--back", help="use the profile's own again")] = False,
) -> None:
    """Take up another image or text encoder; history is embedded first, the champion goes on."""
    from pipelines.steps.reembedding import adopt

    blocks: dict[Modality, Path | None] = {"image": image, "text": text}
    given: dict[Modality, Path] = {m: path for m, path in blocks.items() if path is not None}
    if back == bool(given):
        raise ConfigError(
            "say which encoder to adopt, or that the profile's own are to be used again",
            fix="give --image FILE or --text FILE, or --back alone",
        )
    chosen = load_profile(profile)
    encoders = {modality: _read(path) for modality, path in given.items()}
    record = adopt(deployment_paths(), chosen, encoders, by, reason)
    if back:
        say(f"Runs that begin from now on train on the encoders of profile {chosen.profile}.")
        return
    named = ", ".join(f"{m}: {c.name}, sha256 {c.sha256}" for m, c in record.encoders.items())
    say(f"Adopted ({named}). The champion serves on, with its own vectors.")
    say(
        f"History is embedded each night by the DAG `reembed`, or now: denguard reembed --profile "
        f"{profile}. When nothing is missing, the next run trains on them and the gate compares."
    )


@app.command(rich_help_panel=PIPELINE)
def reembed(
    profile: ProfileName,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="budget; else embed.nightly_minutes of the profile")
    ] = None,
) -> None:
    """Embed history with adopted encoders, as far as a budget of minutes goes."""
    from pipelines.steps.reembedding import reembed as embed

    chosen = load_profile(profile)
    nightly = chosen.embed.nightly_minutes if chosen.embed else 0
    budget = nightly if minutes is None else minutes
    done = embed(deployment_paths(), chosen, budget)
    if done is None:
        say("Nothing to do: no encoder is adopted, or no run has accepted data yet.")
        return
    say(f"{done.words(budget)}.")


@app.command(rich_help_panel=PIPELINE)
def runtimes(
    profile: ProfileName,
    image: Block = None,
    text: Block = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="where the chosen blocks are written")
    ] = None,
) -> None:
    """Measure what computes each encoder fastest here; changes nothing.

    Of the profile, or of the blocks given.
    """
    from pipelines.steps.runtimes import measure_runtimes

    chosen, paths = load_profile(profile), deployment_paths()
    blocks: dict[Modality, Path | None] = {"image": image, "text": text}
    given = [(m, _read(path)) for m, path in blocks.items() if path is not None]
    for modality, config in given or chosen.encoders:
        measured = measure_runtimes(paths, chosen, modality, config)
        for line in _said(modality, config, measured):
            say(line)
        if measured.changed:
            _offer(profile, modality, measured, out)


def _said(modality: Modality, config: EncoderConfig, measured: Measured) -> list[str]:
    test, threads = measured.test, config.threads
    of = "made-up inputs" if measured.made_up else "inputs of the accepted data"
    head = f"{modality}: {config.name}, {measured.inputs} {of}, {threads} thread" + "s" * (
        threads > 1
    )
    kept = "" if measured.changed else ", as it is now"
    return [head, *(f"  {line}" for line in test.lines()), f"  chosen: {test.chosen.name}{kept}"]


def _offer(profile: str, modality: Modality, measured: Measured, out: Path | None) -> None:
    """The block to adopt, and what adopting it means."""
    import yaml

    from pipelines.storage import write_atomic

    recipe = measured.config.model_dump(mode="json", exclude_none=True)
    block = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True)
    file = (out or Path()) / f"{modality}.yaml"
    if out is None:
        say(f"As {file}:\n{block}")
    else:
        write_atomic(file, block)
    if measured.made_up:
        say(f"No data are accepted yet: copy {file} into the profile as embed.{modality}.")
        return
    say(f"It is another vector space: {measured.distinct} inputs of history are to be embedded.")
    say(
        f"To take it up: denguard adopt-encoder --profile {profile} --{modality} {file} "
        "--by NAME --reason TEXT"
    )


def _read(path: Path) -> EncoderConfig:
    """An encoder's block. Weights in a folder that are pinned by no hash are pinned now."""
    from pydantic import ValidationError

    from pipelines.encoder_config import EncoderConfig
    from pipelines.plain_yaml import UnusableYaml, read_plain_yaml
    from pipelines.storage import sha256_file

    fix = "see docs/encoders.md for the keys of an encoder"
    try:
        raw: Any = read_plain_yaml(path)
        if not isinstance(raw, dict):
            raise UnusableYaml("it holds no keys and values")
        if "sha256" not in raw and raw.get("folder"):
            raw = {**raw, "sha256": sha256_file(Path(str(raw["folder"])) / str(raw.get("file")))}
        config = EncoderConfig.model_validate(raw)
    except ValidationError as err:
        name, message = invalid_values(err)[0]
        raise ConfigError(
            f"the encoder cannot be used: {name}: {message}", where=str(path), fix=fix
        ) from err
    except (OSError, UnusableYaml) as err:
        raise ConfigError(f"the encoder cannot be read: {err}", where=str(path), fix=fix) from err
    if not config.sources:
        raise ConfigError(
            "the encoder does not say where its weights are",
            where=str(path),
            fix="give package, folder, or hub and revision",
        )
    return config
