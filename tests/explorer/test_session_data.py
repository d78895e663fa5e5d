"""What a session has opened, and how it is divided."""

from __future__ import annotations

import pytest
from ase import Atoms
from sessions import coarse_session, few_structures, fitted_session

from potscope import sample_data
from potscope.core import Dataset
from potscope.explorer.code import code
from potscope.explorer.session import Session


def test_another_dataset_forgets_what_belonged_to_the_last():
    session = fitted_session()
    session.select(4, atom=2, colour_by="force error")
    session.map_colour = "energy error"
    session.open(few_structures(2))
    session.jobs.wait()
    assert session.fit is None
    assert (session.selected, session.selected_atom, session.colour_by) == (0, None, "element")
    assert session.map_colour == "group"
    assert session.trajectory == []
    assert len(session.structure_map.xy_sc) == len(session.dataset)


def test_a_fit_of_the_last_dataset_is_dropped():
    session = coarse_session()
    session.start_fit()
    session.open(few_structures(2))
    session.jobs.wait()
    assert session.fit is None
    assert session.structure_map is not None


def test_files_are_opened_and_an_unreadable_one_changes_nothing(tmp_path):
    session, own_file = coarse_session(), tmp_path / "mine.xyz"
    few_structures()[:6].write(own_file)
    session.read(own_file)
    session.jobs.wait()
    assert session.title == "mine.xyz"
    assert len(session.dataset) == 6
    bad = tmp_path / "bad.xyz"
    bad.write_text("not a structure\n")
    before = session.dataset
    with pytest.raises(ValueError, match=r"bad\.xyz"):
        session.read(bad)
    assert session.dataset is before
    assert session.files == [own_file]


def test_references_can_be_taken_from_another_key(tmp_path):
    atoms = Atoms("H2", [[0, 0, 0], [0, 0, 0.75]])
    atoms.info.update(REF_energy=-31.0, other_energy=-1.0)
    path = tmp_path / "two.xyz"
    atoms.write(path, format="extxyz")
    session = Session(Dataset.read(path), files=[path])
    session.read_with_keys(energy_key="other_energy")
    session.reading.wait()
    assert session.dataset.energies[0] == -1.0
    assert "energy_key='other_energy'" in code(session, "map")


def test_structures_from_nowhere_have_no_other_keys():
    with pytest.raises(ValueError, match="`files`"):
        coarse_session().read_with_keys(energy_key="x")


def test_a_bundled_set_has_other_keys():
    session = Session(sample_data.load("ethanol"), sample="ethanol")
    session.read_with_keys(forces_key="")
    session.reading.wait()
    session.jobs.cancel()
    session.jobs.wait()
    assert session.sample == "ethanol"
    assert session.dataset.n_forces == 0
    assert session.dataset.n_energies == len(session.dataset)
    assert "sample_data.load('ethanol', forces_key='')" in code(session, "map")


@pytest.mark.parametrize(
    ("name", "folder"),
    [("Displaced_BCC_12.json", "Displaced_BCC"), ("own.xyz.gz", "own"), ("7.json", "uploaded"), ("OUTCAR", "OUTCAR")],
)
def test_uploaded_files_lie_in_a_folder_with_a_name_that_means_something(name, folder):
    session = coarse_session()
    (path,) = session.kept({name: b"content"})
    assert (path.name, path.parent.name, path.read_bytes()) == (name, folder, b"content")


def test_the_split_follows_its_settings():
    session = coarse_session()
    session.test_fraction = 0.5
    _, test = session.split()
    assert len(test) == len(session.dataset) // 2
    session.split_seed = 1
    assert list(session.split()[1]) != list(test)
    session.test_fraction = 0.0
    assert [len(part) for part in session.split()] == [len(session.dataset), 0]


def test_groups_of_one_are_split_as_a_whole():
    data = few_structures(1)
    session = Session(few_structures())
    session.open(data)
    assert session.split_by == Session(data).split_by == "random"
    assert len(session.split()[1]) >= 1


def test_a_single_structure_is_all_there_is_to_fit():
    session = coarse_session(few_structures()[[0]])
    assert [len(part) for part in session.split()] == [1, 0]
