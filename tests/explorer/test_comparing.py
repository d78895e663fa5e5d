from __future__ import annotations

import json

import numpy as np
import pytest
from molecules import molecules
from sessions import coarse, coarse_session, few_structures

from potscope.core.comparison import Comparison
from potscope.explorer import comparison_plots, views
from potscope.explorer.comparing import COMPARE_JOB
from potscope.explorer.session import Session
from potscope.explorer.views.compare import COST, LEARNING, RELIABILITY


@pytest.fixture(scope="module")
def compared() -> Session:
    session = coarse_session()
    session.comparing.param.update(chosen=["GAP", "SNAP", "CompositionModel"], curves=True)
    session.comparing.start()
    session.jobs.wait()
    assert session.jobs.outcome == "done", session.jobs.details
    return session


def test_every_family_is_offered_that_there_is_a_descriptor_for() -> None:
    for data in (few_structures(), molecules(8)):
        session = Session(data)
        assert session.comparing.offered() == list(session.model.registry)
        session.comparing.chosen = session.comparing.offered()
        assert session.comparing.problem() == ""


def test_a_few_families_on_the_descriptor_of_the_fit_are_chosen_at_first() -> None:
    session = coarse_session()
    assert session.comparing.chosen == ["GAP", "SNAP"]
    assert session.comparing.candidate("SNAP").model.descriptor == session.build_descriptor()
    assert session.comparing.candidate("GAP").model.n_sparse == 20  # as it is set


def test_the_comparison_has_a_row_for_each(compared: Session) -> None:
    rows = compared.comparing.comparison.rows
    assert [row.model for row in rows] == ["GAP", "SNAP", "CompositionModel"]
    assert not any(row.error for row in rows)
    train, test = compared.split()
    assert compared.comparing.comparison.train["structures"] == [compared.dataset[s].fingerprint for s in train]
    assert len(compared.comparing.comparison.test["structures"]) == len(test)


def test_what_was_fitted_stays_to_be_compared_with_its_settings() -> None:
    session = coarse_session()
    session.start_fit()
    session.jobs.wait()
    session.model.set(n_sparse=7)
    assert session.comparing.offered()[0] == "GAP #1"
    assert session.comparing.chosen == ["SNAP", "GAP #1"]
    kept = session.comparing.candidate("GAP #1").model
    assert (kept.n_sparse, kept.fitted) == (20, False)
    session.open(few_structures(2))
    session.jobs.cancel()
    session.jobs.wait()
    assert "GAP #1" not in session.comparing.offered()
    assert session.comparing.comparison is None


def test_settings_of_groups_are_compared_too() -> None:
    session = coarse_session()
    session.model.choice = "SNAP"
    session.groups.set("liquid", "energy", "1")
    assert session.comparing.candidate("SNAP").groups["liquid"].energy == 1.0
    session.start_fit()
    session.jobs.wait()
    session.groups.set("liquid", "energy", "")
    assert session.comparing.candidate("SNAP #1").groups["liquid"].energy == 1.0


def test_a_comparison_can_be_cancelled() -> None:
    session = coarse_session()
    session.comparing.start()
    session.jobs.cancel(COMPARE_JOB)
    session.jobs.wait()
    assert session.jobs.outcome == "cancelled"
    assert session.comparing.comparison is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: setattr(s.comparing, "chosen", []), "nothing is chosen"),
        (lambda s: setattr(s, "test_fraction", 0.0), "no structures are kept for testing"),
        (lambda s: s.descriptor.set(smoothing_width=10.0), "`smoothing_width`"),
    ],
)
def test_why_nothing_can_be_compared_is_said(change, words) -> None:
    session = coarse_session()
    view = views.CompareView(session)
    assert not view.button.disabled
    change(session)
    assert view.button.disabled
    assert words in view.words.object


def test_the_file_is_that_of_the_comparison(compared: Session, tmp_path) -> None:
    path = tmp_path / "comparison.json"
    path.write_bytes(compared.comparing.saved().read())
    assert json.loads(path.read_text())["format"] == "potscope comparison"
    again = Comparison.load(path)
    assert again["SNAP"].errors == compared.comparing.comparison["SNAP"].errors
    with pytest.raises(ValueError, match="`comparison`"):
        coarse_session().comparing.saved()


def test_the_table_shows_what_is_known(compared: Session) -> None:
    view = views.CompareView(compared)
    row = compared.comparing.comparison["SNAP"]
    place = view.table.data["model"].index("SNAP")
    assert view.table.data["energy_rmse"][place] == pytest.approx(1000 * row.errors["energy_rmse"])
    assert view.table.data["n_parameters"][place] == row.n_parameters
    assert view.table.data["energy_miscalibration_area"][view.table.data["model"].index("CompositionModel")] is None
    assert view.what.options == [COST, LEARNING, RELIABILITY]


@pytest.mark.parametrize("what", [COST, LEARNING, RELIABILITY])
def test_every_plot_names_what_it_draws(compared: Session, what) -> None:
    view = views.CompareView(compared)
    view.what.value = what
    drawn = view.legend.object
    assert "SNAP" in drawn
    assert ("CompositionModel" in drawn) is (what != RELIABILITY)  # it has no deviations
    assert view.plot.object is not None


def test_a_line_of_the_table_is_ringed_in_the_plot(compared: Session) -> None:
    view = views.CompareView(compared)
    view.table.selected = 1
    row = compared.comparing.comparison["SNAP"]
    ring = view.plot.object.values()[-1]
    assert ring.array().tolist() == [[row.step_microseconds, row.errors["force_rmse"]]]


def test_a_model_that_fails_says_so_and_the_others_have_their_rows() -> None:
    session = coarse_session()
    view = views.CompareView(session)
    session.comparing.chosen = ["SNAP", "CompositionModel"]
    session.model.choice = "SNAP"
    session.model.set(energy_weight=0.0, force_weight=0.0, stress_weight=0.0)
    session.comparing.start()
    session.jobs.wait()
    assert view.failures.visible
    assert "SNAP: ValueError: `groups`" in view.failures.object
    assert np.isfinite(session.comparing.comparison["CompositionModel"].errors["energy_rmse"])


def test_molecules_without_forces_are_compared_by_their_energies() -> None:
    session = coarse(Session(molecules(12)))
    session.comparing.chosen = ["GAP", "KernelRidge", "CompositionModel"]
    view = views.CompareView(session)
    session.comparing.start()
    session.jobs.wait()
    assert session.jobs.outcome == "done", session.jobs.details
    assert not view.failures.visible, view.failures.object
    assert "force_rmse" not in view.table.data
    assert view.table.sort_by == "energy_rmse"


@pytest.mark.parametrize(("low", "high"), [(0.9, 1.1), (3.0, 120.0), (1e-6, 1e6)])
def test_ticks_of_logarithmic_axes_are_round_and_few(low, high) -> None:
    ticks = comparison_plots.log_ticks(low, high)
    assert 1 <= len(ticks) <= 13
    assert all(low <= value <= high and float(words) == value for value, words in ticks)
