"""A run: once through the pipeline, from a drop to a forecast.

params.py    what a person may ask of it
record.py    its folder, where a step hands over to the next
outputs/     what each step hands over
lock.py      one run at a time; lock_file.py says who
events.py    the event file; exchange.py brings its lines on steps to other machines
progress.py  how far a long step is
success.py   the newest forecast that a run finished
"""

from pipelines.run.params import RunParams, parse_params
from pipelines.run.record import Run, open_run, run_folder, start_run

__all__ = ["Run", "RunParams", "open_run", "parse_params", "run_folder", "start_run"]
