"""Every set that comes with the project can be listed and read, and says where it is from."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from potscope import sample_data

NAMES = [found.name for found in sample_data.list()]


def test_silicon_is_there() -> None:
    assert "silicon" in NAMES


def test_every_folder_with_structures_is_a_set() -> None:
    with_structures = {
        folder.name
        for folder in files(sample_data).iterdir()
        if folder.is_dir() and any(".xyz" in file.name for file in folder.iterdir())
    }
    assert with_structures == set(NAMES)


@pytest.mark.parametrize("found", sample_data.list(), ids=NAMES)
def test_described(found: sample_data.SampleSet) -> None:
    for text in (found.title, found.description, found.method):
        assert text.strip()
    assert (files(sample_data) / found.name / found.file).is_file()


@pytest.mark.parametrize("name", NAMES)
def test_loaded(name: str) -> None:
    dataset = sample_data.load(name)
    assert len(dataset) >= 50
    assert len(set(dataset.ids)) == len(dataset)
    assert len(dataset.group_sizes) > 1
    assert dataset.n_energies == len(dataset)
    assert dataset.n_forces == len(dataset)
    assert dataset.notes == ()
    assert dataset.keys.energy == "REF_energy"


@pytest.mark.parametrize("name", NAMES)
def test_forces_sum_to_nothing(name: str) -> None:
    dataset = sample_data.load(name)
    for identity, forces_nc in zip(dataset.ids, dataset.forces, strict=True):
        assert forces_nc is not None
        np.testing.assert_allclose(forces_nc.sum(axis=0), 0, atol=2e-3, err_msg=identity)


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match=r"`name`: expected one of .*'silicon'.*, got 'gold'"):
        sample_data.load("gold")
