"""Data of every kind that people bring, through map, fit and all views."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import holoviews as hv
import numpy as np
import panel as pn
import pytest
from ase import Atoms
from ase.build import bulk
from molecules import molecules

from potscope import sample_data
from potscope.core import Dataset
from potscope.core.descriptors import REGISTRY as DESCRIPTORS
from potscope.explorer import defaults, plots, views
from potscope.explorer.code import WHAT, code
from potscope.explorer.energies import EnergyZero
from potscope.explorer.session import Session

rng = np.random.default_rng(3)


def crystals(n: int, offset: float = 0.0) -> list[Atoms]:
    """Rattled cells with energies and stresses, no forces."""
    found = []
    for k in range(n):
        atoms = bulk("SiC", "zincblende", 4.38 + 0.02 * k)
        atoms.rattle(0.05, seed=k)
        atoms.info.update(REF_energy=offset - 15.0 + 0.1 * k, REF_stress=np.full(6, 0.01 * k), group="crystal")
        found.append(atoms)
    return found


def some_forces() -> Dataset:
    data = molecules(12, forces=True)
    return replace(data, forces=tuple(f if k % 2 else None for k, f in enumerate(data.forces)))


def some_energies() -> Dataset:
    data = molecules(12)
    return replace(data, energies=np.where(np.arange(12) % 3, data.energies, np.nan))


def mixed() -> Dataset:
    """Crystals and molecules."""
    return Dataset.from_structures([*crystals(5), *molecules(9).to_structures()], name="mixed")


def two_methods() -> Dataset:
    """The same molecules twice, by methods that do not share a zero."""
    again = molecules(9).to_structures()
    for atoms in again:
        atoms.info.update(
            REF_energy=atoms.info["REF_energy"] / 20, group="valence only", id=f"{atoms.info['id']} again"
        )
    return Dataset.from_structures([*molecules(9).to_structures(), *again], name="two methods")


def dimers() -> Dataset:
    """A scan, and the atom alone."""
    found = [Atoms("CO", [[0, 0, 0], [0, 0, r]], info={"REF_energy": (r - 1.1) ** 2}) for r in (0.9, 1.1, 1.5, 6.0)]
    return Dataset.from_structures([*found, Atoms("C", info={"REF_energy": 1.0})], name="dimers")


def many_groups() -> Dataset:
    data = molecules(60)
    return replace(data, groups=tuple(f"group {k // 2}" for k in range(60)))


KINDS: dict[str, Callable[[], Dataset]] = {
    "energies alone": lambda: molecules(12),
    "some forces": some_forces,
    "some energies": some_energies,
    "crystals and molecules": mixed,
    "dimers": dimers,
    "two methods": two_methods,
    "many groups": many_groups,
    "stress without forces": lambda: Dataset.from_structures(crystals(6), name="crystals"),
    "one structure": lambda: molecules(1),
}


def coarse(data: Dataset) -> Session:
    session = Session(data)
    session.descriptor.set(cutoff=3.0, n_max=2, l_max=1)
    session.model.set(n_sparse=8)
    session.test_fraction = 0.25
    return session


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_data_is_mapped_fitted_and_shown(kind) -> None:
    session = coarse(KINDS[kind]())
    shown = [view(session, []) if view is views.DataView else view(session) for view in views.VIEWS]
    for view in shown:
        pn.panel(view).get_root()
    session.environment.shown = True
    session.start_map()
    session.start_fit()
    session.jobs.wait()
    session.environment.jobs.wait()
    assert session.jobs.outcome == "done", session.jobs.details
    assert np.isfinite(session.structure_map.xy_sc).all()
    assert session.fit is not None
    for index in (len(session.dataset) - 1, 0):
        session.select(index)
    for colour in session.param["map_colour"].objects:
        session.map_colour = colour
    for colour in session.param["colour_by"].objects:
        session.colour_by = colour
    session.select_worst()
    session.environment.jobs.wait()
    assert session.environment.problem == ""
    for what in WHAT:
        compile(code(session, what), what, "exec")


@pytest.mark.parametrize("kind", KINDS)
def test_energies_are_shown_where_differences_can_be_seen(kind) -> None:
    session = Session(KINDS[kind]())
    shown_s, known_s = session.shown_energies_s, np.isfinite(session.dataset.energies)
    assert np.array_equal(np.isfinite(shown_s), known_s)
    if session.energy_zero.words:
        assert np.ptp(shown_s[known_s]) < (20.0 if kind == "dimers" else 1.0)


def test_methods_without_a_common_zero_are_noticed() -> None:
    assert EnergyZero.of(two_methods()).several_methods
    assert not EnergyZero.of(molecules(30)).several_methods
    assert "no common zero" in views.FitView(Session(two_methods())).words.object


def test_nothing_is_subtracted_from_one_composition() -> None:
    zero = EnergyZero.of(Dataset.from_structures(crystals(3)))
    assert zero.words == ""
    assert not zero.zero_s.any()


def test_forces_that_nobody_knows_have_no_plot() -> None:
    session = coarse(molecules(12))
    parity = views.ParityView(session)
    session.start_fit()
    session.jobs.wait()
    assert not parity.forces.area.visible
    assert "no references" in parity.force_words.object
    assert hv.Store.lookup_options("bokeh", parity.groups.object, "plot").kwargs["ylabel"] == "energy RMSE (meV/atom)"
    assert session.worst() == int(np.abs(session.fit.energy_error_s).argmax())


def test_of_many_groups_the_worst_are_shown() -> None:
    session = coarse(many_groups())
    parity, the_map = views.ParityView(session), views.MapView(session)
    session.start_map()
    session.start_fit()
    session.jobs.wait()
    assert len(parity.groups.object) == plots.MOST_GROUPS
    assert "the worst 20 of 30 groups" in parity.group_words.object
    assert "and 16 more" in the_map.legend.object


@pytest.mark.parametrize("name", DESCRIPTORS)
@pytest.mark.parametrize("kind", ["energies alone", "stress without forces"])
def test_every_descriptor_that_is_offered_works_with_what_is_suggested(kind, name) -> None:
    session = Session(KINDS[kind]())
    session.same_descriptor = False
    if name not in session.map_descriptor.param["choice"].objects:
        pytest.skip("not for these boundary conditions")
    session.map_descriptor.choice = name
    assert session.map_problem() == ""
    values = session.build_map_descriptor().compute(session.dataset.structures).values
    assert np.isfinite(values).all()


def test_resolution_follows_the_number_of_elements_and_atoms() -> None:
    soap, few = DESCRIPTORS["SOAP"], molecules(10)
    silicon = Dataset.from_structures([Atoms("Si", info={"REF_energy": 0.0})])
    assert defaults.suggested(soap, silicon) == {}
    suggestion = defaults.suggested(soap, few)
    assert 0 < defaults.n_features(soap, few, suggestion) <= defaults.MOST_FEATURES
    assert defaults.n_features(soap, few, {}) > defaults.MOST_FEATURES


def test_what_a_person_has_set_outlives_the_suggestion() -> None:
    session = Session(molecules(10))
    session.descriptor.set(n_max=8)
    session.open(molecules(5))
    assert session.build_descriptor().n_max == 8
    session.jobs.cancel()
    session.jobs.wait()


@pytest.mark.parametrize("name", [entry.name for entry in sample_data.list()])
def test_every_bundled_set_opens(name) -> None:
    session = Session(sample_data.load(name), sample=name)
    assert np.array_equal(np.isfinite(session.shown_energies_s), np.isfinite(session.dataset.energies))
    assert session.fit_problem() == ""
    assert session.map_problem() == ""
    assert session.n_features() <= defaults.MOST_FEATURES
    assert f"sample_data.load({name!r})" in code(session, "map")
