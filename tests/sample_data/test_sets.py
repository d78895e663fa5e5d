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


@pytest.mark.parametrize("found", sample_data.list(), ids=NAMES)
def test_loaded(found: sample_data.SampleSet) -> None:
    dataset = sample_data.load(found.name)
    assert len(dataset) >= 50
    assert len(set(dataset.ids)) == len(dataset)
    assert len(dataset.group_sizes) > 1
    there = {"energy": dataset.n_energies, "forces": dataset.n_forces, "stress": dataset.n_stresses}
    assert {what for what, number in there.items() if number == len(dataset)} == set(found.references)
    assert dataset.notes == ()
    assert dataset.keys.energy == "REF_energy"


@pytest.mark.parametrize("name", [found.name for found in sample_data.list() if "forces" in found.references])
def test_forces_sum_to_nothing(name: str) -> None:
    dataset = sample_data.load(name)
    for identity, forces_nc in zip(dataset.ids, dataset.forces, strict=True):
        assert forces_nc is not None
        np.testing.assert_allclose(forces_nc.sum(axis=0), 0, atol=2e-3, err_msg=identity)


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match=r"`name`: expected one of .*'silicon'.*, got 'gold'"):
        sample_data.load("gold")
