"""Every forecaster of denguard passes the kit that plug-ins are asked to pass; a bad one
does not."""

import pytest

from denguard.testing import check_forecaster
from pipelines.contracts import FORECASTERS, FUSED_HEADS

BUILT_IN = (
    "linear",
    "early",
    "late_joint",
    "boosting",
    "prevalence",
    "persistence",
    "persistence_calibrated",
    "climatology",
)
BREACHES = {
    "peeks": "reads the label",
    "ranks": "order of the rows",
    "pickles": "may run code",
    "forgets": "loaded, it gives other",
}


@pytest.fixture
def plug_in(monkeypatch):
    """Registers a class of bad_forecasters.py by its kind for one test."""

    def one(name):
        monkeypatch.setitem(FORECASTERS, name, f"support.broken.kinds:{name.upper()}")
        return name

    return one


def test_the_list_is_complete():
    assert set(BUILT_IN) == {*FORECASTERS, *FUSED_HEADS}


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_forecaster_keeps_the_protocol(name, make_examples):
    check_forecaster(name, make_examples(units=3, planted=2.0))


def test_an_honest_plug_in_passes(plug_in, make_examples):
    check_forecaster(plug_in("honest"), make_examples(units=2))


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_named(name, plug_in, make_examples):
    with pytest.raises(AssertionError, match=BREACHES[name]):
        check_forecaster(plug_in(name), make_examples(units=2))


def test_a_traceback_for_one_class_is_not_hidden(plug_in, make_examples):
    with pytest.raises(ValueError, match="one class"):
        check_forecaster(plug_in("falls"), make_examples(units=2))


def test_a_kind_whose_module_imports_numpy_is_named(monkeypatch):
    monkeypatch.setitem(FORECASTERS, "heavy", "support.broken.heavy_kind:HEAVY")
    with pytest.raises(AssertionError, match=r"support.broken.heavy_kind imports numpy"):
        check_forecaster("heavy")
