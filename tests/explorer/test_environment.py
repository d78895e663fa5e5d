"""The environment of an atom as a session and its views look at it."""

from __future__ import annotations

import numpy as np
import pytest
from sessions import coarse_session, few_structures

from potscope.core.kernels import polynomial_kernel
from potscope.explorer import plots, style, views
from potscope.explorer.environment import KERNEL
from potscope.explorer.session import Session


def looked_at(index: int = 3, atom: int | None = 1) -> Session:
    session = coarse_session()
    session.select(index, atom=atom)
    session.environment.shown = True
    session.environment.jobs.wait()
    return session


def test_nothing_is_computed_while_nobody_looks():
    session = coarse_session()
    session.select(3, atom=1)
    assert not session.environment.jobs.busy
    assert session.environment.explained is None


def test_the_kernel_with_the_reference_is_shared_out():
    session = looked_at()
    environment = session.environment
    assert environment.shares().total == pytest.approx(1.0, abs=1e-10)
    environment.take_as_reference()
    session.select(5, atom=2)
    environment.jobs.wait()
    descriptor = session.build_descriptor()
    p, q = (descriptor.compute(session.dataset.structures[s]).values[[n]] for s, n in ((5, 2), (3, 1)))
    assert environment.zeta == session.model.value("zeta")
    assert environment.shares().total == pytest.approx(polynomial_kernel(p, q, environment.zeta)[0, 0], abs=1e-10)


def test_it_follows_the_selection_and_the_descriptor():
    session = looked_at()
    environment = session.environment
    n_before = len(environment.explained.explanation.D_jc)
    session.select(0)
    environment.jobs.wait()
    assert environment.explained.place == (0, 0)
    session.descriptor.set(cutoff=6.0)
    environment.jobs.wait()
    assert len(environment.explained.explanation.D_jc) > n_before
    session.descriptor.set(smoothing_width=10.0)
    assert "`smoothing_width`" in environment.problem
    assert environment.explained is None


def test_a_feature_that_the_next_descriptor_has_not_is_forgotten():
    session = looked_at()
    environment = session.environment
    environment.quantity = environment.explained.explanation.names[-1]
    session.descriptor.set(n_max=2)
    environment.jobs.wait()
    assert environment.quantity == KERNEL


def test_another_dataset_forgets_the_reference():
    session = looked_at()
    session.environment.take_as_reference()
    session.environment.jobs.wait()
    session.open(few_structures(1))
    session.environment.jobs.wait()
    assert session.environment.reference is None
    assert session.environment.explained.place == (0, 0)


def test_the_3d_view_shows_the_neighbours_in_the_colours_of_the_bars():
    session = looked_at()
    environment = session.environment
    inspector = views.InspectorView(session)
    atoms = inspector.structure.frames[0]
    assert len(atoms) == len(environment.explained.explanation.D_jc) + 1
    assert not atoms.pbc.any()
    assert np.isnan(inspector.structure.scalars[0])
    np.testing.assert_array_equal(inspector.structure.scalars[1:], environment.shares().neighbours_j)
    low, high = inspector.structure.clim
    assert low == -high
    assert inspector.structure.palette == list(style.DIVERGING)
    environment.shown = False
    assert inspector.structure.frames[0] is session.atoms
    assert inspector.structure.palette == list(style.SEQUENTIAL)


def test_bars_and_atoms_mark_the_same_neighbour():
    session = looked_at()
    environment = session.environment
    inspector, explain = views.InspectorView(session), views.ExplainView(session)
    explain._tapped(2.3)
    nearest = np.argsort(np.linalg.norm(environment.explained.explanation.D_jc, axis=1), kind="stable")
    assert environment.neighbour == nearest[2]
    assert inspector.structure.selected == [environment.neighbour + 1]
    inspector.structure.picked = {"index": 4, "click": 1}
    assert environment.neighbour == 3
    bars = explain.plot.object
    assert list(bars["edge"]).count(style.SELECTION) == 1
    neighbour = int(environment.explained.explanation.neighbours_j[3])
    environment.go_to_neighbour()
    environment.jobs.wait()
    assert environment.place == (3, neighbour)
    assert environment.neighbour is None


def test_one_feature_may_be_chosen():
    session = looked_at()
    explain = views.ExplainView(session)
    explain.what.value = "one feature"
    explanation = session.environment.explained.explanation
    assert session.environment.quantity == explanation.names[int(np.abs(explanation.values_f).argmax())]
    assert explain.feature.options == list(explanation.names)
    explain.feature.value = explanation.names[4]
    assert session.environment.shares().total == pytest.approx(explanation.values_f[4], abs=1e-12)
    explain.what.value = KERNEL
    assert session.environment.quantity == KERNEL


def test_a_descriptor_that_cannot_be_shared_out_says_so(monkeypatch):
    session = looked_at()
    explain = views.ExplainView(session)
    monkeypatch.setattr(session.descriptor.chosen, "neighbour_order", property(lambda _: None))
    session.select(0)
    session.environment.jobs.wait()
    assert "at most 3 neighbours at once" in explain.problem.object
    assert not explain.area.visible


def test_bars_add_up_and_are_coloured_about_zero():
    shares_j = np.array([0.5, -0.25, 0.0])
    bars = plots.contributions(["C", "H", "H"], np.array([1.0, 1.1, 1.2]), shares_j, 0.2, 1, "kernel")
    assert bars["value"].sum() == pytest.approx(0.2 + shares_j.sum())
    assert bars["colour"][3] == style.DIVERGING[len(style.DIVERGING) // 2]
    assert bars["colour"][1] == style.DIVERGING[-1]
    assert bars["edge"][2] == style.SELECTION
