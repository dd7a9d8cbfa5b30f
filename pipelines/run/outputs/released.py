"""What the steps from the decision to the report hand on."""

from __future__ import annotations

from pipelines.run.outputs.base import StepOutput


class RegisterOutput(StepOutput):
    """The version to deploy, or one that waits for a person; else only the MLflow run."""

    step = "register"
    version: str | None
    mlflow_run: str | None
    waiting_version: str | None = None


SERVING = "serving the bundle"  # what is said of an endpoint that answered with it


class DeployOutput(StepOutput):
    """Whether the version is champion, and what the endpoint said of it; the error if it is not."""

    step = "deploy"
    deployed: bool
    error: str | None
    champion_stays: bool = False
    version: str | None = None
    bundle_id: str | None = None
    previous: str | None = None
    changed: bool = False
    endpoint: str = ""

    @property
    def serves(self) -> bool:
        """Whether a worker answered with the bundle. Older records say nothing else."""
        return self.deployed and self.endpoint in ("", SERVING)


class ForecastOutput(StepOutput):
    """The published forecast; None and the reason where there is no champion.

    Attributes:
        feature_version: that it was made from, where it is not the run's own.
    """

    step = "forecast"
    forecast: str | None
    forecast_version: str | None = None
    rows: int = 0
    note: str
    feature_version: str | None = None


class ReportOutput(StepOutput):
    """The report's page."""

    step = "report"
    report: str
    first_line: str


class FallbackOutput(StepOutput):
    """The forecast from the last accepted data; all but `note` None if none was made."""

    step = "fallback"
    forecast: str | None
    forecast_version: str | None
    data_state: str | None
    note: str
    page: str | None
