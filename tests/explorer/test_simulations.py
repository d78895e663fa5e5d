"""Monte Carlo walks in a session and on the page's views; molecular dynamics is in `test_session.py`."""

from __future__ import annotations

import runpy

import numpy as np
import pytest
from ase import Atoms, units
from sessions import coarse_session, few_structures, fitted_session

from potscope.core import monte_carlo
from potscope.explorer import plots, views, work
from potscope.explorer.code import code
from potscope.explorer.session import DYNAMICS_JOB, MONTE_CARLO_JOB, Session
from potscope.explorer.settings import MonteCarloSettings


@pytest.fixture(scope="module")
def fitted() -> Session:
    return fitted_session()


def walked(session: Session, **settings) -> Session:
    session.select(0)
    usual = {name: value for name, value in MonteCarloSettings().param.values().items() if name != "name"}
    session.monte_carlo.param.update(**{**usual, **settings})
    session.start_monte_carlo()
    session.jobs.wait()
    assert session.jobs.outcome == "done", session.jobs.details
    return session


def test_frames_of_a_walk_arrive_as_those_of_dynamics_do(fitted):
    walked(fitted, sweeps=6, equilibration=4, every=2)
    assert fitted.jobs.last_title == MONTE_CARLO_JOB
    assert [frame.step for frame in fitted.trajectory] == [0, 2, 4, 6, 8, 10]
    assert [frame.equilibrating for frame in fitted.trajectory] == [True, True, True, False, False, False]
    assert (fitted.showing, fitted.frame) == ("trajectory", 5)
    own = list(monte_carlo.run(fitted.start_atoms(), fitted.fit.model, **fitted.ran | {"every": 1}))[::2]
    energies = [frame.potential_energy for frame in own]
    assert [frame.potential_energy for frame in fitted.trajectory] == energies


def test_a_walk_can_be_cancelled_and_keeps_its_frames(fitted):
    fitted.select(0)
    fitted.monte_carlo.param.update(sweeps=100_000, equilibration=0, every=1)
    watching = fitted.jobs.param.watch(lambda event: fitted.jobs.cancel() if event.new > 0 else None, "fraction")
    fitted.start_monte_carlo()
    fitted.jobs.wait()
    fitted.jobs.param.unwatch(watching)
    assert fitted.jobs.outcome == "cancelled"
    assert 1 <= len(fitted.trajectory) < 100_000


def test_a_walk_needs_a_potential():
    with pytest.raises(ValueError, match="`fit`"):
        coarse_session().start_monte_carlo()


@pytest.mark.parametrize(
    ("atoms", "moves"),
    [
        (Atoms("H2", cell=[4, 4, 4], pbc=True), {"volume"}),
        (Atoms("HO", cell=[4, 4, 4], pbc=True), {"volume", "swaps"}),
        (Atoms("HO", cell=[4, 4, 4], pbc=[True, True, False]), {"swaps"}),
    ],
)
def test_only_the_moves_that_a_structure_allows_are_made(atoms, moves):
    settings = MonteCarloSettings(swaps=0.3, volume=True, pressure=2.0)
    assert {move for move, allowed in settings.moves(atoms).items() if allowed} == moves
    arguments = settings.arguments(atoms)
    assert ("swaps" in arguments) is ("swaps" in moves)
    assert ("pressure" in arguments) is ("volume" in moves)
    if "volume" in moves:
        assert arguments["pressure"] == pytest.approx(2.0 * units.GPa)


def test_exchanged_elements_are_shown_as_atoms_that_changed_places():
    atoms = Atoms("HOHOC", np.arange(15.0).reshape(5, 3))
    exchanged = atoms.copy()
    exchanged.numbers[[0, 4]] = atoms.numbers[[4, 0]]
    forces_nc = np.random.default_rng(0).normal(size=(5, 3))
    frame = monte_carlo.MonteCarloFrame(1, 1.0, exchanged, -1.0, 0.1, 300.0, forces_nc, {}, 0.1, 0.02, False)
    found = work.in_order_of(frame, atoms)
    assert list(found.atoms.symbols) == list(atoms.symbols)

    def where(own: Atoms, forces_nc: np.ndarray) -> set[tuple]:
        rows = zip(own.symbols, own.positions, forces_nc, strict=True)
        return {(symbol, *position, *force) for symbol, position, force in rows}

    assert where(found.atoms, found.forces) == where(exchanged, forces_nc)
    assert work.in_order_of(found, atoms) is found


def test_the_walk_is_seen_in_its_traces_and_in_the_inspector(fitted):
    view, inspector = views.DynamicsView(fitted), views.InspectorView(fitted)
    walked(fitted, sweeps=6, equilibration=2, volume=True, pressure=1.0)
    traces = view.traces[MONTE_CARLO_JOB]
    assert view.areas[MONTE_CARLO_JOB].visible
    assert not view.areas[DYNAMICS_JOB].visible
    assert view.traces[DYNAMICS_JOB].numbers.shape == (4, 0)
    last = fitted.trajectory[-1]
    n_atoms = len(last.atoms)
    assert traces.numbers.shape == (6, 9)
    assert traces.numbers[1, -1] == pytest.approx(1000 * last.potential_energy / n_atoms)
    assert traces.numbers[2, -1] == last.acceptance["displacement"]
    assert traces.numbers[5, -1] == pytest.approx(last.atoms.get_volume() / n_atoms)
    assert f"{100 * last.acceptance['displacement']:.0f}\N{NO-BREAK SPACE}%" in traces.headings[1].object
    assert "volume" in traces.headings[1].object
    assert "swap" not in traces.headings[1].object  # of one element
    assert [plot.visible for plot in traces.plots] == [True, True, False]
    traces.second.value = "volume"
    assert [plot.visible for plot in traces.plots] == [True, False, True]
    assert "Å³/atom" in traces.headings[1].object
    assert "Monte Carlo with GAP #1" in inspector.heading.object
    assert ">8<" in inspector.facts.object
    assert "Å³/atom" in inspector.facts.object
    assert inspector.player.end == 8
    walked(fitted, sweeps=2, equilibration=0)
    assert [plot.visible for plot in traces.plots] == [True, True, False]
    assert not traces.second.visible
    fitted.dynamics.param.update(steps=4, every=2, repeats=1)
    fitted.start_dynamics()
    fitted.jobs.wait()
    assert traces.numbers.shape == (6, 0)
    assert view.traces[DYNAMICS_JOB].numbers.shape == (4, 3)
    assert "dynamics with GAP #1" in inspector.heading.object


def test_controls_are_those_that_matter():
    session = coarse_session()
    view = views.DynamicsView(session)
    controls = view.controls[MONTE_CARLO_JOB]
    assert view.button.disabled
    view.choice.value = MONTE_CARLO_JOB
    assert view.grids[MONTE_CARLO_JOB].visible
    assert not view.grids[DYNAMICS_JOB].visible
    assert not controls["swaps"].visible  # one element
    assert controls["volume"].visible
    assert not controls["pressure"].visible
    controls["volume"].value = True
    assert session.monte_carlo.volume
    assert controls["pressure"].visible
    assert controls["volume_step"].visible
    names = {name for controls in view.controls.values() for name in controls}
    every = {name for settings in (session.dynamics, session.monte_carlo) for name in settings.param if name != "name"}
    assert names == every


def test_the_code_makes_the_same_walk(fitted, tmp_path, capsys):
    session = Session(few_structures(), sample="silicon")
    session.fit = fitted.fit
    session.select(1)
    session.monte_carlo.param.update(sweeps=2, equilibration=0, volume=True, pressure=1.0)
    session.start_monte_carlo()
    session.jobs.wait()
    text = code(session, "dynamics")
    assert "monte_carlo.run(atoms, model" in text
    program = text[text.index("atoms = ") :]
    found = {"data": session.dataset, "model": session.fit.model, "monte_carlo": monte_carlo}
    (tmp_path / "program.py").write_text(program)
    found = runpy.run_path(str(tmp_path / "program.py"), init_globals=found)
    assert found["frame"].potential_energy == session.trajectory[-1].potential_energy
    assert str(found["frame"].potential_energy) in capsys.readouterr().out


@pytest.mark.parametrize("n_frames", [0, 1, 5])
def test_traces_of_any_length_are_drawn(n_frames):
    numbers = np.random.default_rng(0).random((6, n_frames))
    assert plots.walk_energy_trace(*numbers[:2]) is not None
    assert [curve.label for curve in plots.acceptance_traces(numbers[0], numbers[2:5])] == list(plots.MOVE_COLOURS)
    assert len(plots.volume_trace(*numbers[[0, 5]])) == n_frames
