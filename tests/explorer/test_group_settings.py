from __future__ import annotations

import pytest
from sessions import coarse_session, few_structures

from potscope.core import load
from potscope.core.models import REGISTRY as MODELS
from potscope.core.models import Weights
from potscope.explorer.code import code
from potscope.explorer.session import Session


def weighted_session() -> Session:
    session = coarse_session()
    session.model.choice = "SNAP"
    session.groups.set("liquid", "energy", "7")
    session.groups.set("liquid", "force", "0.25")
    session.groups.set("slab", "stress", "0")
    return session


def test_settings_of_groups_reach_the_fit_the_code_and_the_file(tmp_path):
    session = weighted_session()
    expected = {"liquid": Weights(7.0, 0.25, 10.0), "slab": Weights(100.0, 1.0, 0.0)}
    assert f"model.fit(train, groups={expected!r})" in code(session, "fit")
    session.start_fit()
    session.jobs.wait()
    assert session.jobs.outcome == "done", session.jobs.details
    assert session.fit.model.groups_ == expected
    session.groups.set("slab", "stress", "")
    assert f"model.fit(train, groups={expected!r})" in code(session, "fit")  # of the fit that is shown
    assert "from potscope.core.models import Weights" in code(session, "fit")
    path = tmp_path / "model.potscope"
    path.write_bytes(session.saved_model().read())
    assert load(path).groups_ == expected


def test_what_is_not_set_for_a_group_follows_the_family():
    session = weighted_session()
    session.model.set(stress_weight=3.0)
    assert session.groups.of(["liquid", "strained"]) == {"liquid": Weights(7.0, 0.25, 3.0)}


@pytest.mark.parametrize("text", ["-1", "much", "inf", "nan"])
def test_a_setting_of_a_group_that_is_not_allowed_changes_nothing(text):
    session = weighted_session()
    before = session.groups.values
    session.groups.set("liquid", "force", text)
    assert session.groups.values == before
    assert session.groups.problem.startswith("liquid, force: ")
    session.groups.set("liquid", "force", "2")
    assert session.groups.problem == ""
    assert session.groups.values["liquid"]["force"] == 2.0


def test_settings_of_groups_are_of_one_family_and_one_set_of_data():
    session = weighted_session()
    session.model.choice = "KernelRidge"
    assert session.groups.values == {}
    assert session.groups.kind is None
    session = weighted_session()
    session.open(few_structures(2))
    session.jobs.wait()
    assert session.groups.values == {}


@pytest.mark.parametrize("name", [name for name, cls in MODELS.items() if cls.group_settings])
def test_every_family_with_settings_of_groups_says_what_they_are_where_none_are_set(name):
    session = coarse_session()
    session.model.choice = name
    assert all(item is not None for item in session.groups.fields().values())
    assert session.groups.kind(**session.groups.defaults()) == session.groups._build({})
