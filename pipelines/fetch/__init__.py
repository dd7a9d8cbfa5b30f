"""Bringing a published data set to a folder: whole, verified, and with its terms accepted.

`bring.py` is the way through: terms, then a plan (listing.py or dataverse.py), room on the disk,
download.py file by file over web.py, unpack.py.
"""

from pipelines.fetch.bring import Fetched, fetch
from pipelines.fetch.datasets import DATASETS
from pipelines.fetch.terms import Terms

__all__ = ["DATASETS", "Fetched", "Terms", "fetch"]
