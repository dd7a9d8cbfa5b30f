"""How a step of a pipeline becomes a task of Airflow.

No heavy import here: the scheduler reads this file again and again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import Asset, get_current_context
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowTaskTimeout

from dags._line import enter_line
from dags._retries import FEW_RETRIES, StepFailed, tries_since_clear
from dags._shared import LIGHT
from pipelines.errors import BusyError, DenguardError, EndedError

if TYPE_CHECKING:
    from pipelines.steps.failure import Failure

log = logging.getLogger(__name__)
Context = Mapping[str, Any]
Item = dict[str, Any]  # {item, title} of a mapped task; item None = nothing is to be done

# Libraries that log dozens of lines a task at INFO.
CHATTY = ("great_expectations", "alembic", "mlflow", "httpx", "matplotlib", "dvc", "dvc_objects")
LOCK_RETRY = timedelta(minutes=1)  # how long a task waits before it tries the lock again


class Bridge:
    """Makes tasks of a pipeline's steps; failures go to the log alone if no subclass records them.

    Attributes:
        planning: steps whose items the next task is mapped over.
        too_long: what to do about a step that took longer than its limit.
        operator: kind of task.
    """

    planning: Collection[str]
    too_long: str
    operator: type[PythonOperator] = PythonOperator

    def run(self, context: Context, step: str, item: int | None, title: str) -> list[Item] | None:
        """Run one step, or one mapped item of it; what the next task is mapped over."""
        raise NotImplementedError

    def ended(self, context: Context, since_try: int) -> int:  # noqa: ARG002 for those that know
        """How many tries of this task, from this one on, left no word of their own."""
        return 0

    def is_recorded(self, context: Context) -> bool:
        """Whether the task itself recorded this try's failure: at a timeout, or the end of its
        process, it cannot."""
        return isinstance(context.get("exception"), StepFailed | Exception)

    def failure(self, context: Context, error: BaseException | str | None) -> Failure:
        """The failure of this try, recorded where the pipeline keeps failures."""
        from pipelines.steps.failure import Failure, cause_of

        run_id, task = str(context["dag_run"].run_id), context["ti"]
        return Failure(
            run_id=run_id, step=task.task_id, try_number=task.try_number, **cause_of(error)
        )

    def page(self, context: Context) -> str:  # noqa: ARG002 for those that have one
        """Address of the page on this task, "" if it has none."""
        return ""

    def task(
        self,
        step: str,
        *,
        minutes: int,
        doc: str,
        queue: str = LIGHT,
        outlets: Sequence[Asset] = (),
        over: PythonOperator | None = None,
    ) -> Any:
        """A task that runs one step; or one for each item that the task `over` found, named by the
        item's title."""

        def run_step(item: int | None = None, title: str = "") -> list[Item] | None:
            if over is not None and item is None:
                log.info("%s; this task has nothing to do", title)
                return None
            return self.call(step, item, title)

        about: dict[str, Any] = {
            "task_id": step,
            "python_callable": run_step,
            "queue": queue,
            "doc_md": doc,
            "outlets": list(outlets),
            "execution_timeout": timedelta(minutes=minutes),
            "do_xcom_push": step in self.planning,
            "on_failure_callback": self.on_failure,
            "on_retry_callback": self.on_failure,
            "show_return_value_in_logs": False,  # the step's last log line says it for people
        }
        kind = self.operator
        if over is None:
            return kind(**about)
        named = "{{ task.op_kwargs['title'] }}"
        return kind.partial(**about, map_index_template=named).expand(op_kwargs=over.output)

    def call(self, step: str, item: int | None = None, title: str = "") -> list[Item] | None:
        """Run one step of this DAG run; a named error ends the log with its cause and fix."""
        for library in CHATTY:
            logging.getLogger(library).setLevel(logging.WARNING)
        context = get_current_context()
        enter_line(context)
        try:
            self._refuse_what_ends_again(context)
            found = self.run(context, step, item, title)
        except (
            BusyError
        ) as busy:  # no failure: somebody runs a step by hand, so this task tries again later
            log.warning("waiting: %s; this task tries again in a minute", busy.what)
            raise AirflowRescheduleException(datetime.now(UTC) + LOCK_RETRY) from None
        except Exception as err:
            log_failure(self.failure(context, err))
            self._log_page(context)
            if isinstance(err, DenguardError):
                raise StepFailed(err) from None
            raise
        self._log_page(context)
        return found

    def on_failure(self, context: Context) -> None:
        """Record what no step could: that its process died or took longer than its limit.

        Airflow calls this in the task's process, or in another one if that has ended.
        """
        enter_line(context)
        if self.is_recorded(context):
            return
        error = context.get("exception")
        if error is None:  # called elsewhere, where nobody knows more
            error = unheard()
        if isinstance(error, AirflowTaskTimeout):
            error = DenguardError(
                "the step took longer than its limit",
                where=context["ti"].task_id,
                fix=self.too_long,
            )
        log_failure(self.failure(context, error))

    def _refuse_what_ends_again(self, context: Context) -> None:
        """Airflow asks no policy about a process that ended from outside, and would try it as often
        as it waits for a service."""
        task = context["ti"]
        first = 1 + task.try_number - tries_since_clear(task.try_number, task.max_tries)
        if (ended := self.ended(context, first)) > FEW_RETRIES:
            raise EndedError(
                f"the step's process was ended from outside {ended} times",
                where=task.task_id,
                fix=(
                    "look at the machine's memory and at what ended it, then clear the task: it "
                    "goes on where it stopped"
                ),
            )

    def _log_page(self, context: Context) -> None:
        if page := self.page(context):
            log.info("page of this step: %s", page)


def unheard() -> EndedError:
    """What is known of a try that left no word: that nothing was heard of it."""
    return EndedError(
        "nothing more was heard of the step: its process was ended (out of memory, killed, the "
        "machine went down), or Airflow's API server was away for too long",
        fix=(
            "look at the machine's memory and whether the API server ran; Airflow tries again by "
            "itself, and once the task is red, clear it: it goes on where it stopped"
        ),
    )


def params_of(context: Context) -> dict[str, Any]:
    """A run's parameters: the defaults overlaid by its conf, unknown keys kept to be refused."""
    return {**dict(context["params"]), **(context["dag_run"].conf or {})}


def log_failure(failed: Failure) -> None:
    """Log a failure as STEP, CAUSE, WHERE, WHAT TO DO."""
    from pipelines.steps import failure

    for line in failure.lines(failed):
        log.error(line)
