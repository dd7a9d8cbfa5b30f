"""MLflow, Airflow, the endpoint and the clocks of all, asked over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from pipelines.deploy.doctor.finding import CALL_TIMEOUT_S, Finding, Scene

_MOST_SKEW = timedelta(seconds=60)  # beyond it S3 refuses signatures, and tokens are not yet valid
_HEALTH = ("/health/live", "/api/v2/version", "/health")  # endpoint, Airflow, MLflow
_UP = "docker compose ps; docker compose logs {}"


def clock(scene: Scene) -> list[Finding]:
    """This clock against the Date of the stack's servers."""
    names = ("MLFLOW_TRACKING_URI", "AWS_ENDPOINT_URL", "DENGUARD_ENDPOINT_URL")
    addresses = {n: scene.variable(n) for n in names if scene.variable(n).startswith("http")}
    skews = {n: skew for n, url in addresses.items() if (skew := _skew(url)) is not None}
    if not skews:
        return [Finding("skip", "clock", "no server that tells the time answers from here")]
    name, worst = max(skews.items(), key=lambda item: abs(item[1]))
    seconds = worst.total_seconds()
    if abs(worst) > _MOST_SKEW:
        said = f"{seconds:+.0f} s beside that of {addresses[name]}"
        return [Finding("fail", "clock", said, "set both by NTP (timedatectl set-ntp true)")]
    return [Finding("ok", "clock", f"within {abs(seconds):.0f} s of the servers'")]


def _skew(url: str) -> timedelta | None:
    try:
        answer = _get(url)
        there = parsedate_to_datetime(answer.headers["date"])
    except (httpx.HTTPError, KeyError, ValueError):
        return None
    return there - datetime.now(UTC) + answer.elapsed / 2


def mlflow(scene: Scene) -> list[Finding]:
    """Whether MLflow answers, knows the pipeline's user, and nobody without one."""
    url, user = scene.variable("MLFLOW_TRACKING_URI"), scene.variable("MLFLOW_TRACKING_USERNAME")
    if not url.startswith("http"):
        return [Finding("skip", "MLflow", "MLFLOW_TRACKING_URI names no server here")]
    ask = f"{url.rstrip('/')}/api/2.0/mlflow/registered-models/search"
    try:
        open_to_all = _get(ask).is_success
        known = _get(ask, auth=(user, scene.variable("MLFLOW_TRACKING_PASSWORD")))
    except httpx.HTTPError as err:
        return [_away("MLflow", url, err, "mlflow")]
    if not known.is_success:
        fix = "run mlflow-init again (docker compose up -d mlflow-init), which sets its password"
        said = f"{url} refuses the user {user or '(none is set)'} (HTTP {known.status_code})"
        return [Finding("fail", "MLflow", said, fix)]
    if open_to_all:
        said = f"{url} answers whoever asks: anybody may let another model serve"
        return [Finding("warn", "MLflow", said, "start it with users, as docker-compose.yml does")]
    return [Finding("ok", "MLflow", f"{url} knows the user {user}, and nobody without a password")]


def airflow(scene: Scene) -> list[Finding]:
    """What Airflow's health page says of its parts."""
    execution = scene.variable("AIRFLOW__CORE__EXECUTION_API_SERVER_URL")
    if not execution:
        return [Finding("skip", "Airflow", "its address is not set here")]
    url = execution.removesuffix("/").removesuffix("/execution")
    try:
        parts = _get(f"{url}/api/v2/monitor/health").raise_for_status().json()
    except (httpx.HTTPError, ValueError) as err:
        return [_away("Airflow", url, err, "airflow-api-server")]
    states = {name: part["status"] for name, part in parts.items() if part and part.get("status")}
    sick = [f"{name} is {state}" for name, state in states.items() if state != "healthy"]
    if sick:
        fix = "docker compose ps; docker compose logs of that part; a busy one recovers by itself"
        return [Finding("fail", "Airflow", "; ".join(sick), fix)]
    return [Finding("ok", "Airflow", f"{', '.join(sorted(states))} healthy")]


def endpoint(scene: Scene) -> list[Finding]:
    """Whether the endpoint lives, has a model, takes the key, and refuses a wrong one."""
    url = scene.variable("DENGUARD_ENDPOINT_URL").rstrip("/")
    if not url:
        return [Finding("skip", "endpoint", "DENGUARD_ENDPOINT_URL is not set here")]
    try:
        ready = _get(f"{url}/health/ready")
        wrong = _get(f"{url}/model", headers=_bearer("no-key-at-all"))
        own = scene.endpoint_key and _get(f"{url}/model", headers=_bearer(scene.endpoint_key))
    except httpx.HTTPError as err:
        return [_away("endpoint", url, err, "serving")]
    found = [_ready(ready)]
    if wrong.status_code != httpx.codes.UNAUTHORIZED:
        said = f"it answers HTTP {wrong.status_code} to a key that nobody has"
        found.append(Finding("fail", "endpoint", said, "look at secrets/endpoint_keys_sha256"))
    if isinstance(own, httpx.Response) and own.status_code == httpx.codes.UNAUTHORIZED:
        fix = "its hash belongs in secrets/endpoint_keys_sha256; then docker compose up -d serving"
        found.append(Finding("fail", "endpoint", "it does not take the key that was given", fix))
    return found


def is_ours(url: str) -> bool:
    """Whether a server of this stack, or the proxy's way to https, answers at an address."""
    try:
        with httpx.Client(timeout=1, trust_env=False, verify=False) as client:  # noqa: S501 only who
            answers = [client.get(f"{url}{path}") for path in _HEALTH]
    except httpx.HTTPError:
        return False
    return any(a.is_success or a.headers.get("location", "").startswith("https:") for a in answers)


def _ready(answer: httpx.Response) -> Finding:
    if answer.is_success:
        return Finding("ok", "endpoint", "it is ready, and asks for a key")
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    said = f"it lives and has no model yet: {problem.get('detail', f'HTTP {answer.status_code}')}"
    return Finding("warn", "endpoint", said, str(problem.get("fix", _UP.format("serving"))))


def _away(about: str, url: str, err: Exception, service: str) -> Finding:
    said = f"{url} does not answer well ({type(err).__name__})"
    return Finding("fail", about, said, _UP.format(service))


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _get(
    url: str, auth: tuple[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """One question within its time, straight: a proxy of the environment knows no inner name."""
    with httpx.Client(timeout=CALL_TIMEOUT_S, trust_env=False) as client:
        return client.get(url, auth=auth, headers=headers)
