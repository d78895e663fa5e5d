from __future__ import annotations

import runpy
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from sessions import coarse, coarse_session, few_structures, fitted_session

from potscope import sample_data
from potscope.core import Dataset, load
from potscope.core.calibration import calibration, recalibrated
from potscope.core.descriptors import REGISTRY as DESCRIPTORS
from potscope.core.hyperparameters import Species, declared
from potscope.core.kernels import STRUCTURE_REGISTRY as KERNELS
from potscope.core.metrics import taken
from potscope.core.models import REGISTRY as MODELS
from potscope.explorer.code import WHAT, code
from potscope.explorer.session import DYNAMICS_JOB, FIT_JOB, MAP_JOB, Session
from potscope.explorer.settings import Settings
from potscope.explorer.views import FitView


@pytest.fixture(scope="module")
def fitted() -> Session:
    return fitted_session()


@pytest.fixture
def own_file(tmp_path):
    path = tmp_path / "mine.xyz"
    few_structures()[:6].write(path)
    return path


def molecules() -> Dataset:
    structures = []
    for k, name in enumerate(["H2O", "CH4", "NH3"]):
        atoms = molecule(name)
        atoms.info["REF_energy"] = -10.0 - k
        structures.append(atoms)
    return Dataset.from_structures(structures, name="molecules")


# -- without a page and without a GUI ---------------------------------------------------------------------------------


def test_the_session_needs_no_gui():
    """A fresh interpreter that has fitted through a session has imported neither Panel nor Bokeh."""
    import subprocess

    program = (
        "import sys; sys.path.insert(0, 'tests'); import sessions; sessions.fitted_session();"
        "print([name for name in ('panel', 'bokeh', 'holoviews', 'panel_material_ui') if name in sys.modules])"
    )
    root = __file__.rsplit("/tests/", 1)[0]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_map_has_a_place_for_each_structure():
    session = coarse_session()
    session.start_map()
    session.jobs.wait()
    assert session.structure_map.xy_sc.shape == (len(session.dataset), 2)
    assert np.isfinite(session.structure_map.xy_sc).all()


def test_a_map_is_computed_once_for_all_sessions():
    first, second = coarse_session(), coarse_session(few_structures()[:])
    first.start_map()
    first.jobs.wait()
    second.start_map()
    assert second.structure_map is first.structure_map
    second.descriptor.set(cutoff=3.5)
    second.start_map()
    assert second.jobs.title == MAP_JOB
    second.jobs.wait()
    assert second.structure_map is not first.structure_map


def test_the_map_is_stale_once_the_descriptor_is_another():
    session = coarse_session()
    assert not session.map_is_stale()
    session.start_map()
    session.jobs.wait()
    assert not session.map_is_stale()
    session.descriptor.set(cutoff=3.0)
    assert session.map_is_stale()


def test_the_fit_predicts_every_structure_and_knows_which_it_has_seen(fitted):
    fit, data = fitted.fit, fitted.dataset
    assert len(fit.prediction.energies) == len(data)
    assert sorted([*fit.train_indices, *fit.test_indices]) == list(range(len(data)))
    assert fit.is_test_s.sum() == len(fit.test_indices) > 0
    assert fit.label == "GAP #1"
    assert fit.train_errors["energy_rmse"] < 0.05
    assert fit.test_errors["force_rmse"] > 0


def test_errors_of_the_fit_are_differences_from_the_references(fitted):
    fit, data, index = fitted.fit, fitted.dataset, 5
    energy = (fit.prediction.energies[index] - data.energies[index]) / len(data.structures[index])
    assert fit.energy_error_s[index] == pytest.approx(energy)
    error_nc = fit.prediction.forces[index] - data.forces[index]
    assert fit.max_force_error_s[index] == pytest.approx(np.linalg.norm(error_nc, axis=1).max())


def test_force_components_know_their_structure_and_atom(fitted):
    reference_p, predicted_p, structure_p, atom_p = fitted.fit.force_components()
    assert len(reference_p) == 3 * fitted.dataset.n_atoms.sum()
    for p in (0, 17, len(reference_p) - 1):
        assert reference_p[p] in fitted.dataset.forces[structure_p[p]][atom_p[p]]
        assert predicted_p[p] in fitted.fit.prediction.forces[structure_p[p]][atom_p[p]]


def test_progress_of_a_fit_goes_up_to_its_end():
    session, seen = Session(few_structures(15)), []  # enough of them that there is something to be told
    session.jobs.param.watch(lambda event: seen.append((session.jobs.fraction, event.new)), "message")
    session.start_fit()
    session.jobs.wait()
    fractions = [fraction for fraction, _ in seen[:-1]]
    assert any("structure" in message for _, message in seen)
    assert fractions == sorted(fractions)


def test_cancelling_a_fit_leaves_the_last_one():
    session = fitted_session()
    before = session.fit
    session.model.set(n_sparse=300)
    session.start_fit()
    session.jobs.cancel()
    session.jobs.wait()
    assert session.jobs.outcome == "cancelled"
    assert session.fit is before
    coarse(session).start_fit()
    session.jobs.wait()
    assert session.fit.label == "GAP #2"


def test_a_saved_model_predicts_as_the_fitted_one(fitted, tmp_path):
    path = tmp_path / "model.potscope"
    path.write_bytes(fitted.saved_model().read())
    again = load(path).predict(fitted.dataset)
    np.testing.assert_allclose(again.energies, fitted.fit.prediction.energies, rtol=0, atol=1e-9)


def test_there_is_nothing_to_save_before_a_fit():
    with pytest.raises(ValueError, match="`fit`"):
        coarse_session().saved_model()


# -- selection --------------------------------------------------------------------------------------------------------


def test_selecting_shows_the_structure_and_keeps_the_colour_where_it_cannot_be_had():
    session = coarse_session()
    session.select(3, atom=1, colour_by="force error")
    assert (session.selected, session.selected_atom, session.colour_by) == (3, 1, "element")
    assert session.atoms is session.dataset.structures[3]


@pytest.mark.parametrize("index", [-1, 10_000])
def test_selecting_beyond_the_data_is_refused(index):
    with pytest.raises(IndexError, match="`index`: expected 0 to"):
        coarse_session().select(index)


def test_steps_go_round():
    session = coarse_session()
    session.step(-1)
    assert session.selected == len(session.dataset) - 1
    session.step(+1)
    assert session.selected == 0


def test_the_worst_structure_is_shown_with_its_worst_atom(fitted):
    fitted.select_worst()
    error_n = fitted.fit.force_error_n[fitted.selected]
    assert fitted.fit.max_force_error_s[fitted.selected] == np.nanmax(fitted.fit.max_force_error_s)
    assert error_n[fitted.selected_atom] == error_n.max()
    assert fitted.colour_by == "force error"


def test_nothing_is_worst_before_a_fit():
    session = coarse_session()
    session.select_worst()
    assert session.worst() is None
    assert session.selected == 0


# -- colours ----------------------------------------------------------------------------------------------------------


def test_colours_are_offered_as_there_are_numbers_for_them(fitted):
    session = coarse_session()
    assert session.param["colour_by"].objects == ["element", "force"]
    assert session.param["map_colour"].objects == ["group", "energy"]
    uncertainties = ["force ±", "local energy ±"] * fitted.fit.model.has_atom_std
    uncertainties += ["extrapolation"] * fitted.fit.model.has_extrapolation
    assert fitted.param["colour_by"].objects == ["element", "force error", "local energy", *uncertainties, "force"]
    assert fitted.param["map_colour"].objects == ["group", "energy", "energy error", "force error"]


@pytest.mark.parametrize("colour", ["force error", "local energy", "force"])
def test_atoms_have_one_number_each(fitted, colour):
    fitted.select(2)
    fitted.colour_by = colour
    colours = fitted.atom_colours()
    assert colours.values_n.shape == (len(fitted.atoms),)
    assert colours.limits[0] < colours.limits[1]
    assert colours.unit in ("eV", "eV/Å")


@pytest.fixture(scope="module")
def uncertain() -> Session:
    session = coarse_session()
    session.model.choice = "SNAP"
    session.start_fit()
    session.jobs.wait()
    assert session.jobs.outcome == "done", session.jobs.details
    return session


def test_uncertainties_of_atoms_are_predicted_once_they_are_asked_for(uncertain):
    assert uncertain.of_atoms is None
    uncertain.select(5)
    uncertain.colour_by = "force ±"
    assert uncertain.atom_colours() is None  # until they are known
    uncertain.jobs.wait()
    colours = uncertain.atom_colours()
    expected = np.linalg.norm(uncertain.of_atoms.force_std[5], axis=1)
    np.testing.assert_array_equal(colours.values_n, expected)
    assert (colours.unit, colours.limits[0]) == ("eV/Å", 0.0)
    known = uncertain.of_atoms
    for name, values in (("local energy ±", known.local_energy_std), ("extrapolation", known.extrapolation)):
        uncertain.colour_by = name
        np.testing.assert_array_equal(uncertain.atom_colours().values_n, values[5])
    assert not uncertain.jobs.busy
    assert uncertain.of_atoms is known


def test_uncertainties_of_atoms_belong_to_their_fit():
    session = coarse_session()
    session.model.choice = "SNAP"
    session.start_fit()
    session.jobs.wait()
    session.colour_by = "extrapolation"
    session.jobs.wait()
    first = session.of_atoms
    session.start_fit()
    session.jobs.wait()
    assert session.fit.number == 2
    assert session.of_atoms is not None  # still looked at, so made again
    assert session.of_atoms is not first
    session.open(few_structures(2))
    assert session.of_atoms is None
    session.jobs.cancel()
    session.jobs.wait()


def test_deviations_are_held_against_errors(uncertain):
    fit = uncertain.fit
    np.testing.assert_allclose(fit.energy_std_s * fit.dataset.n_atoms, fit.prediction.energy_std)
    found = fit.calibrations(fit.test_indices)["energy"]
    assert found.count == len(fit.test_indices)
    expected = calibration(fit.dataset[fit.test_indices], taken(fit.prediction, fit.test_indices))
    assert found.miscalibration_area == expected.miscalibration_area
    every = np.arange(len(fit.dataset))
    scaled = fit.recalibrations(every)["energy"]
    assert scaled.miscalibration_area == recalibrated(fit.dataset, fit.prediction).miscalibration_area
    assert fit.recalibrations(every[:1]) == {}


@pytest.mark.parametrize("name", [name for name, cls in MODELS.items() if not cls.extensive])
def test_models_of_whole_structures_are_fitted_and_colour_no_atom_by_its_energy(name):
    session = Session(few_structures())
    session.model.choice = name
    assert "AverageSOAP" in session.descriptor.param["choice"].objects
    session.descriptor.choice = "AverageSOAP"
    session.descriptor.set(n_max=3, l_max=2)
    session.start_fit()
    session.jobs.wait()
    assert session.jobs.outcome == "done", session.jobs.details
    assert session.fit.label == f"{name} #1"
    assert "local energy" not in session.param["colour_by"].objects
    assert "force error" in session.param["colour_by"].objects
    assert np.isfinite(session.fit.test_errors["energy_rmse"])


def test_elements_need_no_numbers(fitted):
    fitted.colour_by = "element"
    assert fitted.atom_colours() is None


@pytest.mark.parametrize("colour", ["energy", "energy error", "force error"])
def test_structures_have_one_number_each(fitted, colour):
    fitted.map_colour = colour
    values_s, name = fitted.map_values()
    assert values_s.shape == (len(fitted.dataset),)
    assert "(" in name
    fitted.map_colour = "group"
    assert fitted.map_values() is None


def test_the_table_has_a_line_for_each_structure(fitted):
    plain, full = coarse_session().table(), fitted.table()
    assert "energy_error" not in plain
    assert len(plain) == len(full) == len(fitted.dataset)
    assert full["energy_error"].iloc[4] == pytest.approx(1000 * fitted.fit.energy_error_s[4])


# -- the map of its own descriptor ------------------------------------------------------------------------------------


def test_the_map_of_molecules_can_have_a_descriptor_that_the_fit_cannot():
    session = Session(molecules())
    offered = session.map_descriptor.param["choice"].objects
    assert "CoulombMatrix" in offered
    assert "CoulombMatrix" not in session.descriptor.param["choice"].objects
    assert "CoulombMatrix" not in coarse_session().map_descriptor.param["choice"].objects
    session.same_descriptor = False
    session.map_descriptor.choice = "CoulombMatrix"
    assert session.fit_problem() == ""
    session.start_map()
    session.jobs.wait()
    assert session.structure_map.descriptor == session.build_map_descriptor()
    assert "CoulombMatrix" in code(session, "map")
    assert "CoulombMatrix" not in code(session, "fit")


def test_the_map_has_the_descriptor_of_the_fit_until_it_is_given_another():
    session = coarse_session()
    assert session.build_map_descriptor() == session.build_descriptor()
    session.same_descriptor = False
    assert session.build_map_descriptor() == session.build_descriptor()
    session.map_descriptor.set(cutoff=3.0)
    assert session.build_map_descriptor().cutoff == 3.0
    assert session.build_descriptor().cutoff == 4.0
    session.same_descriptor = True
    assert session.build_map_descriptor().cutoff == 4.0


@pytest.mark.parametrize("name", KERNELS)
def test_the_map_is_drawn_with_every_kernel_between_structures(name):
    session = coarse_session(few_structures(2))
    session.start_map()
    session.jobs.wait()
    average = session.structure_map
    session.map_kernel.choice = name
    assert session.map_is_stale() is (name != "average")
    session.start_map()
    session.jobs.wait()
    assert session.jobs.error == "", session.jobs.details
    assert isinstance(session.structure_map.kernel, KERNELS[name])
    assert not session.map_is_stale()
    assert np.allclose(session.structure_map.xy_sc, average.xy_sc) is (name in ("average", "sum"))
    assert (type(session.structure_map.kernel).__name__ in code(session, "map")) is (name != "average")


def test_a_kernel_makes_no_difference_to_one_row_a_structure():
    session = Session(molecules())
    session.same_descriptor = False
    session.map_descriptor.choice = "CoulombMatrix"
    session.map_kernel.choice = "rematch"
    assert session.build_map_kernel() == KERNELS["average"]()
    session.map_kernel.set(alpha=1e-3)
    session.map_descriptor.choice = "SOAP"
    assert session.build_map_kernel() == KERNELS["rematch"](alpha=1e-3)


def test_a_map_that_takes_long_can_be_cancelled():
    session = Session(few_structures())
    session.map_kernel.choice = "best match"
    session.start_map()
    session.jobs.cancel(MAP_JOB)
    session.jobs.wait()
    assert session.jobs.outcome == "cancelled"
    assert session.structure_map is None


# -- the descriptors --------------------------------------------------------------------------------------------------


def test_every_model_is_offered_descriptors_of_its_scope():
    session = Session(molecules())
    for name, cls in MODELS.items():
        session.model.choice = name
        offered = session.descriptor.param["choice"].objects
        assert offered
        if cls.descriptor_scope == "none":
            assert list(offered) == list(session.map_descriptor.param["choice"].objects)  # for the map
        else:
            assert {DESCRIPTORS[one].scope for one in offered} == {cls.descriptor_scope}


@pytest.mark.parametrize("name", [name for name, cls in MODELS.items() if cls.descriptor_scope == "none"])
def test_models_without_a_descriptor_are_fitted_and_their_code_names_none(name, tmp_path):
    session = Session(few_structures())
    session.descriptor.set(smoothing_width=10.0)
    assert session.fit_problem()
    session.model.choice = name
    assert not session.fit_problem()
    view = FitView(session)
    assert not view.descriptor.area.visible
    assert "features" not in view.words.object
    session.start_fit()
    session.jobs.wait()
    assert session.jobs.outcome == "done", session.jobs.details
    program = code(session, "fit")
    assert f"model = {name}(" in program
    assert "descriptor" not in program
    (tmp_path / "program.py").write_text(program)
    assert type(runpy.run_path(str(tmp_path / "program.py"))["model"]) is MODELS[name]
    session.model.choice = "GAP"
    assert view.descriptor.area.visible


def test_hyperparameters_that_do_not_go_together_are_explained_and_stop_nothing_else():
    session = coarse_session()
    session.start_map()
    session.jobs.wait()
    session.descriptor.set(smoothing_width=10.0)
    assert "`smoothing_width`: expected at most the cutoff" in session.fit_problem()
    assert session.map_problem() == session.fit_problem()
    assert not session.map_is_stale()
    session.start_map()
    assert not session.jobs.busy


def test_without_energies_there_is_nothing_to_fit(tmp_path):
    atoms = Atoms("H2", [[0, 0, 0], [0, 0, 0.75]])
    atoms.arrays["REF_forces"] = np.zeros((2, 3))
    session = Session(Dataset.from_structures([atoms, atoms]))
    assert session.fit_problem() == "no reference energies in these data"


# -- molecular dynamics -----------------------------------------------------------------------------------------------


def test_frames_arrive_and_the_first_shows_the_trajectory(fitted):
    fitted.select(0)
    fitted.dynamics.param.update(steps=20, every=2, repeats=1)
    fitted.start_dynamics()
    fitted.jobs.wait()
    assert fitted.jobs.last_title == DYNAMICS_JOB
    assert [frame.step for frame in fitted.trajectory] == list(range(0, 21, 2))
    assert (fitted.showing, fitted.frame) == ("trajectory", 10)
    fitted.select(1)
    assert fitted.showing == "structure"


def test_cancelled_dynamics_keeps_the_frames_it_had(fitted):
    fitted.select(0)
    fitted.dynamics.param.update(steps=100_000, every=1, repeats=1)
    fitted.jobs.param.watch(lambda event: fitted.jobs.cancel() if event.new > 0 else None, "fraction")
    fitted.start_dynamics()
    fitted.jobs.wait()
    assert fitted.jobs.outcome == "cancelled"
    assert 1 <= len(fitted.trajectory) < 100_000


def test_dynamics_needs_a_potential():
    with pytest.raises(ValueError, match="`fit`"):
        coarse_session().start_dynamics()


def test_only_periodic_directions_are_repeated():
    data = sample_data.load("silicon")
    slab = next(k for k, atoms in enumerate(data.structures) if not atoms.pbc.all() or data.groups[k] == "slab")
    session = Session(data)
    session.select(slab)
    session.dynamics.repeats = 2
    assert len(session.start_atoms()) == len(session.atoms) * 2 ** int(session.atoms.pbc.sum())


# -- settings and code ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("registry", "name"), [(DESCRIPTORS, n) for n in DESCRIPTORS] + [(MODELS, n) for n in MODELS])
def test_every_registered_class_has_its_settings(registry, name):
    settings = Settings(registry, name)
    expected = [key for key, item in declared(registry[name]).items() if item.type is not Species]
    assert list(settings.declared()) == expected
    assert all(settings.value(key) == item.default for key, item in settings.declared().items())


def test_settings_keep_only_what_differs_from_the_defaults():
    settings = Settings(DESCRIPTORS, "SOAP")
    settings.set(cutoff=4.5, n_max=8)
    assert settings.values == {"cutoff": 4.5}
    settings.set(cutoff=5.0)
    assert settings.values == {}
    with pytest.raises(ValueError, match="`radius` is no hyperparameter of SOAP"):
        settings.set(radius=3)


def test_another_choice_forgets_the_values():
    settings = Settings(DESCRIPTORS, "SOAP")
    settings.set(cutoff=4.5)
    settings.choice = "CoulombMatrix"
    assert settings.values == {}


def test_bad_values_are_refused_with_the_models_own_words():
    session = coarse_session()
    session.model.set(n_sparse=0)
    assert "`n_sparse`: expected an integer from 1" in session.fit_problem()


@pytest.mark.parametrize("what", WHAT)
def test_the_code_runs_and_gives_what_the_session_has(what, tmp_path, capsys, own_file):
    session = coarse_session()
    session.read(own_file)
    coarse(session).start_fit()
    session.jobs.wait()
    session.dynamics.param.update(steps=4, every=2, repeats=1)
    session.select(2, atom=1)
    session.environment.param.update(shown=True, reference=(0, 0))
    session.environment.jobs.wait()
    program = tmp_path / "program.py"
    program.write_text(code(session, what))
    found = runpy.run_path(str(program))
    if what == "map":
        np.testing.assert_allclose(found["xy"], session.structure_map.xy_sc, atol=1e-9)
    elif what == "explain":
        shown = session.environment.shares()
        np.testing.assert_allclose(found["shares"].neighbours_j, shown.neighbours_j, atol=1e-12)
    elif what == "compare":
        assert [row.model for row in found["comparison"].rows] == ["GAP #1", "SNAP"]
        errors = found["comparison"]["GAP #1"].errors
        assert errors["force_rmse"] == pytest.approx(session.fit.test_errors["force_rmse"], rel=1e-6)
    else:
        np.testing.assert_allclose(
            found["model"].predict(session.dataset).energies, session.fit.prediction.energies, atol=1e-8
        )
        assert f"force_rmse {session.fit.test_errors['force_rmse']:.4f}"[:16] in capsys.readouterr().out
    if what == "dynamics":
        assert found["frame"].step == 4


def test_the_code_of_the_bundled_set_loads_it_by_name():
    session = Session(sample_data.load("silicon"))
    assert "data = sample_data.load('silicon')" in code(session, "fit")
    compile(code(session, "dynamics"), "code", "exec")


def test_unknown_code_is_refused():
    with pytest.raises(ValueError, match="`what`"):
        code(coarse_session(), "poem")


def test_two_sessions_do_not_disturb_each_other():
    """Both fit at once, each with its own settings, and get what each gets alone."""
    first, second = coarse_session(), coarse_session()
    second.model.set(n_sparse=10)
    first.start_fit()
    second.start_fit()
    first.jobs.wait()
    second.jobs.wait()
    assert first.jobs.last_title == second.jobs.last_title == FIT_JOB
    assert first.fit.model.n_sparse == 20
    assert second.fit.model.n_sparse == 10
    np.testing.assert_allclose(first.fit.prediction.energies, fitted_session().fit.prediction.energies, atol=1e-9)
