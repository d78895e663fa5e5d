from __future__ import annotations

import inspect
from dataclasses import dataclass
from html import escape

import numpy as np
import panel as pn
import panel_material_ui as pmui
import pytest
from ase.io import write
from sessions import coarse, coarse_session, few_structures, fitted_session

from potscope.core.descriptors import REGISTRY as DESCRIPTORS
from potscope.core.hyperparameters import Declared, hyperparameter
from potscope.core.models import REGISTRY as MODELS
from potscope.explorer import views
from potscope.explorer.code import code
from potscope.explorer.session import DYNAMICS_JOB, Session
from potscope.explorer.settings import Settings
from potscope.explorer.texts import from_text, is_typed
from potscope.explorer.views import controls
from potscope.explorer.views.code import CodeButton
from potscope.explorer.views.data import Source
from potscope.explorer.views.layout import chips, duration, number, save_name
from potscope.explorer.views.table import COLUMNS

SOURCES = [Source("few", "Few structures", "A few of each group.", "PBE", lambda: few_structures(2))]


@pytest.fixture(scope="module")
def fitted() -> Session:
    return fitted_session()


def make(view: type, session: Session) -> pn.viewable.Viewer:
    return view(session, SOURCES) if view is views.DataView else view(session)


def test_no_view_is_left_out():
    found = {
        member
        for _, member in inspect.getmembers(views, inspect.isclass)
        if issubclass(member, pn.viewable.Viewer) and member.__name__.endswith("View")
    }
    assert found == set(views.VIEWS)


@pytest.mark.parametrize("view", views.VIEWS)
def test_every_view_is_drawn_before_and_after_a_fit(view):
    session = coarse_session()
    root = pn.panel(make(view, session)).get_root()
    session.start_map()
    session.start_fit()
    session.jobs.wait()
    session.select_worst()
    assert session.jobs.outcome == "done"
    assert root is not None


# -- controls ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("registry", "name"), [(DESCRIPTORS, n) for n in DESCRIPTORS] + [(MODELS, n) for n in MODELS])
def test_every_hyperparameter_has_a_control_that_sets_it(registry, name):
    settings = Settings(registry, name)
    shown = controls.SettingsControls(settings, "Kind")
    assert list(shown.widgets) == list(settings.declared())
    for key, item in settings.declared().items():
        widget = shown.widgets[key]
        if is_typed(item):
            assert from_text(widget.value, item) == item.default
        else:
            assert widget.value == item.default
        assert item.unit in widget.label
        assert item.doc.rstrip(".") in widget.description
        if item.choices:
            widget.value = item.choices[-1]
            assert settings.value(key) == item.choices[-1]
        elif item.type in (int, float) and is_typed(item):
            widget.value = f"{item.bounds[0]:g}"
            assert settings.value(key) == item.bounds[0]
        elif item.type in (int, float):
            widget.value = item.type(item.bounds[0])
            assert settings.value(key) == item.bounds[0]
        elif item.type is bool:
            widget.value = not item.default
            assert settings.value(key) is not item.default
        elif is_typed(item):
            widget.value = "a, b"
            assert widget.error_state
            assert f"expected {item.expected()}, got 'a, b'" in widget.helper_text
            assert (settings.value(key), widget.value) == (item.default, "a, b")


def test_controls_follow_the_settings():
    settings = Settings(DESCRIPTORS, "SOAP")
    shown = controls.SettingsControls(settings, "Descriptor")
    settings.set(cutoff=4.5)
    assert shown.widgets["cutoff"].value == 4.5
    settings.choice = "CoulombMatrix"
    assert list(shown.widgets) == list(settings.declared())
    assert shown.choice.value == "CoulombMatrix"


@dataclass(frozen=True)
class Typed(Declared):
    """Hyperparameters that are typed as a text."""

    title = "Lists and tables"
    widths: tuple[float, ...] = hyperparameter("Widths.", default=(0.5, 1.0), unit="Å", bounds=(0.0, 10.0))
    terms: tuple[tuple[float, ...], ...] = hyperparameter("Terms.", default=((1.0, 2.0), (3.0, 4.0)))


def test_lists_and_tables_are_typed_and_what_is_wrong_stays_beside_the_reason():
    settings = Settings({"Typed": Typed})
    shown = controls.SettingsControls(settings, "Kind")
    widths, terms = shown.widgets["widths"], shown.widgets["terms"]
    assert (widths.value, terms.value) == ("0.5, 1", "1, 2; 3, 4")
    terms.value = "5 6\n7 8"
    assert settings.values == {"terms": ((5.0, 6.0), (7.0, 8.0))}
    assert terms.value == "5 6\n7 8"  # as it was typed
    widths.value = "0.5, 11"
    assert widths.helper_text == "expected numbers from 0 to 10 (Å), got (0.5, 11.0)"
    assert widths.error_state
    with pytest.raises(ValueError, match="`widths`: expected numbers from 0 to 10"):
        settings.build()
    terms.value = "1, 2"  # another change leaves the field that is wrong alone
    assert (widths.value, widths.error_state) == ("0.5, 11", True)
    widths.value = "0.5, 2"
    assert (widths.helper_text, widths.error_state) == ("", False)
    assert settings.build() == Typed((0.5, 2.0), ((1.0, 2.0),))


def test_the_control_is_marked_that_does_not_go_with_another():
    session = coarse_session()
    view = views.FitView(session)
    session.descriptor.set(smoothing_width=10.0)
    widget = view.descriptor.widgets["smoothing_width"]
    assert "expected at most the cutoff" in widget.helper_text
    assert view.button.disabled
    session.descriptor.set(smoothing_width=1.0)
    assert widget.helper_text == ""
    assert not view.button.disabled


def test_the_choice_is_by_title_with_a_line_on_each():
    session = coarse_session()
    view = views.FitView(session)
    names = list(view.descriptor.choice.options.values())
    assert list(view.descriptor.choice.options) == [DESCRIPTORS[name].title for name in names]
    for name in names:
        view.descriptor.choice.value = name
        assert session.descriptor.choice == name
        line = inspect.getdoc(DESCRIPTORS[name]).splitlines()[0]
        assert escape(line) in view.descriptor.words.object


@pytest.mark.parametrize(("value", "step"), [(5.0, 0.1), (0.05, 0.001), (300.0, 10.0), (0.0, 0.1)])
def test_steps_are_of_the_size_of_the_value(value, step):
    assert controls.step(value) == pytest.approx(step)


# -- what the views say -----------------------------------------------------------------------------------------------


def test_the_header_names_data_and_model(fitted):
    header = views.HeaderView(fitted)
    assert "silicon" in header.words.object
    assert "GAP #1" in header.words.object
    assert "meV/atom" in header.words.object


def test_the_inspector_names_what_is_selected(fitted):
    inspector = views.InspectorView(fitted)
    fitted.select(3)
    assert fitted.dataset.ids[3] in inspector.heading.object
    assert inspector.structure.frames[0] is fitted.atoms
    assert "energy error" in inspector.facts.object


def test_the_inspector_colours_the_worst_by_its_error(fitted):
    inspector = views.InspectorView(fitted)
    fitted.select_worst()
    assert inspector.structure.scalar_name == "force error"
    assert inspector.structure.selected == [fitted.selected_atom]
    assert inspector.colour.value == "force error"
    fitted.colour_by = "element"
    assert inspector.structure.scalars is None


def test_an_atom_picked_in_the_view_is_selected(fitted):
    inspector = views.InspectorView(fitted)
    fitted.select(2)
    inspector.structure.picked = {"index": 1, "click": 1}
    assert fitted.selected_atom == 1
    assert "atom 1" in inspector.facts.object
    inspector.structure.picked = {"index": None, "click": 2}
    assert fitted.selected_atom is None


def test_the_inspector_plays_the_trajectory(fitted):
    inspector = views.InspectorView(fitted)
    fitted.select(0)
    fitted.dynamics.param.update(steps=10, every=5, repeats=1)
    fitted.start_dynamics()
    fitted.jobs.wait()
    assert len(inspector.structure.frames) == 3
    assert (inspector.player.visible, inspector.player.end, inspector.player.value) == (True, 2, 2)
    inspector.player.value = 1
    assert fitted.frame == 1
    assert "5\N{NO-BREAK SPACE}fs" in inspector.facts.object
    inspector.player.value = 2
    assert inspector.structure.frame == 2
    assert "10\N{NO-BREAK SPACE}fs" in inspector.facts.object
    inspector.colour.value = "force"
    assert inspector.structure.scalars.shape == (3, len(inspector.structure.frames[0]))
    force_n = np.linalg.norm(fitted.trajectory[1].forces, axis=1)
    np.testing.assert_allclose(inspector.structure.scalars[1], force_n)
    assert fitted.colour_by == "element"
    inspector.colour.value = "element"
    assert inspector.structure.scalars is None
    fitted.select(1)
    assert len(inspector.structure.frames) == 1
    assert not inspector.player.visible


def test_small_cells_are_drawn_with_their_images(fitted):
    inspector = views.InspectorView(fitted)
    sizes = list(fitted.dataset.n_atoms)
    fitted.select(sizes.index(2))
    assert inspector.structure.repeat == (2, 2, 2)
    fitted.select(sizes.index(8))
    assert inspector.structure.repeat == (1, 1, 1)


def test_parity_rings_the_worst_force_of_what_is_selected(fitted):
    parity = views.ParityView(fitted)
    fitted.select_worst()
    x, y = parity.forces.ring
    atom_forces = fitted.dataset.forces[fitted.selected][fitted.selected_atom]
    assert x in atom_forces
    assert y in fitted.fit.prediction.forces[fitted.selected][fitted.selected_atom]


def test_a_click_in_the_forces_selects_structure_and_atom(fitted):
    parity = views.ParityView(fitted)
    reference_p, predicted_p, structure_p, atom_p = fitted.fit.force_components()
    p = int(abs(predicted_p - reference_p).argmax())
    parity.forces._clicked(float(reference_p[p]), float(predicted_p[p]))
    assert (fitted.selected, fitted.selected_atom) == (structure_p[p], atom_p[p])
    assert fitted.colour_by == "force error"


def test_a_click_in_the_map_selects(fitted):
    view = views.MapView(fitted)
    fitted.start_map()
    fitted.jobs.wait()
    x, y = fitted.structure_map.xy_sc[5]
    view.plot._clicked(float(x), float(y))
    placed = fitted.structure_map.xy_sc[fitted.selected]
    assert tuple(placed) == pytest.approx((x, y), abs=1e-6)
    assert view.plot.ring == pytest.approx((x, y), abs=1e-6)


def test_the_map_offers_to_be_redrawn_once_it_is_stale():
    session = coarse_session()
    view = views.MapView(session)
    assert not view.redraw.visible
    session.start_map()
    session.jobs.wait()
    assert not view.redraw.visible
    session.descriptor.set(cutoff=3.0)
    assert view.redraw.visible


def test_the_table_selects_and_follows(fitted):
    view = views.TableView(fitted)
    view.table.selected = 4
    assert fitted.selected == 4
    fitted.select(6)
    assert view.table.selected == 6


def test_the_table_gets_its_errors_with_the_fit():
    session = coarse_session()
    view = views.TableView(session)
    assert view.table.sort_by == ""
    assert set(view.table.data) == {"id", "group", "formula", "atoms", "energy"}
    session.start_fit()
    session.jobs.wait()
    assert view.table.sort_by == "force_error"
    assert view.table.data["force_error"][3] == session.fit.max_force_error_s[3]
    assert [column["name"] for column in view.table.columns] == list(COLUMNS)
    view.table.sort_by = "id"
    session.start_fit()
    session.jobs.wait()
    assert view.table.sort_by == "id"  # what a person chose stays


def test_the_fit_button_says_why_nothing_can_be_fitted():
    session = coarse_session()
    view = views.FitView(session)
    assert not view.button.disabled
    session.model.set(n_sparse=0)
    assert view.button.disabled
    assert "n_sparse" in view.words.object


def test_the_fit_shows_its_errors(fitted):
    view = views.FitView(fitted)
    assert "test MAE" in view.words.object
    assert f"{1000 * fitted.fit.test_errors['energy_mae']:.2f}" in view.words.object
    assert view.download.filename == "silicon-gap-1.potscope"


def test_a_failed_job_is_shown_with_its_traceback():
    session = coarse_session()
    view = views.ProblemView(session)

    def fail(_: object) -> None:
        raise ValueError("no <such> thing")

    session.jobs.start("Fit", fail, lambda _: None)
    session.jobs.wait()
    assert view.alert.visible
    assert view.alert.title == "Fit failed: no <such> thing"
    assert "no &lt;such&gt; thing" in view.details.object
    session.jobs.start("Fit", lambda _: None, lambda _: None)
    session.jobs.wait()
    assert not view.alert.visible


def test_dynamics_shows_its_drift_only_at_constant_energy(fitted):
    view = views.DynamicsView(fitted)
    fitted.select(0)
    for ensemble, shown in (("nve", True), ("langevin", False)):
        fitted.dynamics.param.update(ensemble=ensemble, steps=20, every=5, repeats=1)
        fitted.start_dynamics()
        fitted.jobs.wait()
        assert fitted.jobs.last_title == DYNAMICS_JOB
        traces = view.traces[DYNAMICS_JOB]
        assert ("drift" in traces.headings[0].object) is shown
        assert view.controls[DYNAMICS_JOB]["friction"].visible is not shown
    assert traces.numbers.shape == (4, 5)
    assert list(traces.numbers[3]) == [frame.temperature for frame in fitted.trajectory]


def test_the_settings_of_groups_are_out_of_the_way_until_they_are_wanted():
    session = coarse_session()
    view = views.GroupsView(session)
    session.model.choice = "KernelRidge"
    assert not view.area.visible
    session.model.choice = "SNAP"
    assert view.area.visible
    assert not view.table.visible
    view.toggle.clicks += 1
    assert view.table.visible
    assert [row["name"] for row in view.table.rows] == list(session.dataset.group_sizes)
    assert [column["fallback"] for column in view.table.columns] == ["100", "1", "10"]
    view.table.edited = {"group": "slab", "field": "force", "text": "2.5", "edit": 1}
    assert session.groups.values == {"slab": {"force": 2.5}}
    assert view.table.values == {"slab": {"force": "2.5"}}
    view.table.edited = {"group": "slab", "field": "force", "text": "-2", "edit": 2}
    assert "force: `force`" in view.problem.object
    assert view.table.values == {"slab": {"force": "2.5"}}


def test_neighbours_are_not_explained_for_descriptors_of_structures():
    session = coarse_session()
    view = views.ExplainView(session)
    session.environment.shown = True
    session.environment.jobs.wait()
    assert view.area.visible
    session.model.choice = "SVR"
    session.environment.jobs.wait()
    assert "describes whole structures" in view.problem.object
    assert not any((view.area.visible, view.what.visible, view.reference.visible, view.code.button.visible))
    session.model.choice = "GAP"
    session.environment.jobs.wait()
    assert view.area.visible


@pytest.mark.parametrize("what", ["groups", "error and ±", "reliability"])
def test_the_parity_page_has_uncertainties_where_the_family_has_them(fitted, what):
    parity = views.ParityView(fitted)
    assert parity.third.options == ["groups", "error and ±", "reliability"]
    parity.third.value = what
    assert parity.deviations.area.visible is (what == "error and ±")
    assert parity.groups_area.visible is (what != "error and ±")
    assert (", once scaled 0." in parity.group_words.object) is (what == "reliability")
    fitted.select(7)
    assert parity.deviations.ring[1] == pytest.approx(1000 * abs(fitted.fit.energy_error_s[7]))


@pytest.mark.parametrize(("seconds", "text"), [(0.004, "4 ms"), (0.83, "0.83 s"), (42.4, "42 s"), (1500.0, "25 min")])
def test_times_have_as_many_digits_as_mean_something(seconds, text):
    assert duration(seconds) == text


# -- data -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def data_view(tmp_path):
    session = coarse_session()
    return views.DataView(session, SOURCES)


def upload(view: views.DataView, name: str, content: bytes) -> None:
    view.upload.param.update(filename=name, value=content, mime_type="text/plain")
    view.session.reading.wait()


def test_a_dropped_file_becomes_the_dataset(data_view, tmp_path):
    path = tmp_path / "own.xyz"
    few_structures()[:5].write(path)
    upload(data_view, "../own.xyz", path.read_bytes())
    assert not data_view.problem.visible, data_view.problem.object
    assert len(data_view.session.dataset) == 5
    assert data_view.choice.value == "own.xyz"
    assert data_view.keys["energy"].value == "REF_energy"


def test_a_bad_file_is_explained_and_changes_nothing(data_view):
    before = data_view.session.dataset
    upload(data_view, "bad.xyz", b"three\nwords\n")
    assert data_view.problem.visible
    assert "bad.xyz" in data_view.problem.object
    assert data_view.session.dataset is before


def test_a_bundled_set_is_chosen_by_its_title(data_view):
    data_view.choice.value = "Few structures"
    data_view.session.reading.wait()
    assert "A few of each group." in data_view.about.object
    assert "PBE" in data_view.about.object
    assert len(data_view.session.dataset) == len(few_structures(2))


def test_another_key_is_read(data_view, tmp_path):
    path = tmp_path / "own.xyz"
    few_structures()[:5].write(path)
    upload(data_view, "own.xyz", path.read_bytes())
    data_view.keys["forces"].value = ""
    data_view.session.reading.wait()
    assert data_view.session.dataset.n_forces == 0


def test_keys_of_files_that_were_not_understood_are_named(data_view, tmp_path):
    path = tmp_path / "own.xyz"
    structures = few_structures()[:3].to_structures()
    for atoms in structures:
        atoms.info = {"my_number": atoms.info["REF_energy"], "kind": "mine", "no_number": np.inf}
        atoms.arrays["my_vectors"] = atoms.arrays.pop("REF_forces")
    write(path, structures, format="extxyz")
    before = data_view.session.dataset
    upload(data_view, "own.xyz", path.read_bytes())
    assert data_view.session.dataset is before
    assert "own.xyz: no reference energies or forces were recognised" in data_view.problem.object
    assert data_view.key_choice.visible
    assert list(data_view.keys["forces"].options.values()) == ["", "my_vectors"]
    data_view.keys["group"].value = "kind"  # nothing can be read yet
    assert not data_view.session.reading.busy
    data_view.keys["energy"].value = "no_number"
    data_view.session.reading.wait()
    assert "no_number" in data_view.problem.object
    assert data_view.keys["energy"].value == "no_number"  # to be changed, not lost
    assert data_view.keys["group"].value == "kind"
    data_view.keys["energy"].value = "my_number"
    data_view.session.reading.wait()
    assert not data_view.problem.visible
    assert data_view.session.dataset.n_energies == 3
    assert set(data_view.session.dataset.groups) == {"mine"}
    data_view.keys["forces"].value = "my_vectors"
    data_view.session.reading.wait()
    assert data_view.session.dataset.n_forces == 3
    assert "energy_key='my_number'" in code(data_view.session, "map")


FITSNAP = """# as FitSNAP writes it
{{"Dataset": {{"Data": [{{"Positions": [[0, 0, 0], [0, 0, {z}]], "AtomTypes": ["Ta", "Ta"], "NumAtoms": 2,
"Lattice": [[9, 0, 0], [0, 9, 0], [0, 0, 9]], "Energy": -1.0, "Forces": [[0, 0, 0], [0, 0, 0]],
"Stress": [[0, 0, 0], [0, 0, 0], [0, 0, 0]]}}]}}}}
"""


def test_uploaded_files_of_fitsnap_have_groups_with_names_that_mean_something(data_view):
    names = ["Liquid_1.json", "Liquid_2.json", "Surface_1.json"]
    contents = [FITSNAP.format(z=2.5 + 0.1 * k).encode() for k in range(3)]
    data_view.upload.param.update(filename=names, value=contents, mime_type=["application/json"] * 3)
    data_view.session.reading.wait()
    assert not data_view.problem.visible, data_view.problem.object
    assert data_view.session.dataset.groups == ("Liquid", "Liquid", "Surface")


def test_atomisation_energies_are_taken_with_one_click(data_view, tmp_path):
    path = tmp_path / "own.xyz"
    structures = few_structures()[:3].to_structures()
    for atoms in structures:
        atoms.info["E_atomisation"] = -5.0 * len(atoms)
    write(path, structures, format="extxyz")
    upload(data_view, "own.xyz", path.read_bytes())
    assert data_view.atomise.visible
    assert data_view.session.dataset.keys.energy == "REF_energy"
    data_view.atomise.clicks += 1
    data_view.session.reading.wait()
    assert data_view.session.dataset.energies[0] == -5.0 * len(structures[0])
    assert not data_view.atomise.visible


def test_total_energies_where_atomisation_energies_are_to_be_learnt_are_noticed(data_view):
    session = data_view.session
    session.model.choice = "KernelRidge"
    view = views.FitView(session)
    assert "Atomisation energies" not in view.words.object
    session.model.set(target="atomisation")
    assert "Atomisation energies are to be learnt, but the energies are from REF_energy" in view.words.object


INPUT_DATA = """begin
lattice 40 0 0
lattice 0 40 0
lattice 0 0 40
atom 0.0 0.0 0.0 H 0 0 0 0 0
atom 0.0 0.0 {distance} H 0 0 0 0 0
energy -1.0
charge 0
end
"""


def test_units_that_a_file_does_not_tell_are_asked_for(data_view):
    upload(data_view, "input.data", INPUT_DATA.format(distance=9.0).encode())
    assert "`units`" in data_view.problem.object
    assert data_view.units.visible
    data_view.units.value = "hartree-bohr"
    data_view.session.reading.wait()
    assert data_view.session.dataset.energies[0] == pytest.approx(-27.2114, abs=1e-3)
    assert "units='hartree-bohr'" in code(data_view.session, "map")
    data_view.units.value = "ev-angstrom"
    data_view.session.reading.wait()
    assert data_view.session.dataset.energies[0] == -1.0


# -- small things -----------------------------------------------------------------------------------------------------


def test_the_code_button_shows_the_program():
    button = CodeButton(coarse(Session(few_structures())), "fit")
    button.open()
    assert button.window.open
    assert "model.fit(train)" in button.text.value


@pytest.mark.parametrize(
    ("arguments", "text"),
    [((1.234, 2, "eV"), "1.23\N{NO-BREAK SPACE}eV"), ((-1.0, 1), "−1.0"), ((float("nan"), 1, "eV"), "–")],
)
def test_numbers(arguments, text):
    assert number(*arguments) == text


def test_long_legends_are_cut():
    text = chips((("#112233", f"<g{k}>", "") for k in range(20)), most=14)
    assert "and 6 more" in text
    assert "&lt;g0&gt;" in text


def test_names_of_files_are_plain():
    assert save_name("GAP #1") == "gap-1"


def test_material_widgets_are_used_throughout():
    settings = Settings(DESCRIPTORS, "SOAP")
    shown = controls.SettingsControls(settings, "Kind")
    assert all(type(widget).__module__.startswith(pmui.__name__) for widget in shown.widgets.values())
