"""Every set that comes with the project can be listed and read, and says where it is from."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from potscope import sample_data

NAMES = [found.name for found in sample_data.list()]
ROOT = Path(__file__).parents[2]
# what every README says of the file of the set, as `generation.store` prints it
STATED = r"^`{file}`: ([\d,]+) configurations, ([\d,]+) atoms, SHA-256 `([0-9a-f]{{64}})`$"


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
    assert all(there[what] == len(dataset) for what in found.references)
    partial = "stress: unknown for" if "stress" not in found.references else None
    assert [note for note in dataset.notes if partial is None or not note.startswith(partial)] == []
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


@pytest.mark.parametrize("found", sample_data.list(), ids=NAMES)
def test_counts_and_hash_are_as_the_readme_says(found: sample_data.SampleSet) -> None:
    folder = files(sample_data) / found.name
    readme = (folder / "README.md").read_text(encoding="utf-8")
    stated = re.findall(STATED.format(file=re.escape(found.file)), readme, flags=re.MULTILINE)
    assert len(stated) == 1, f"no line `{found.file}`: … configurations, … atoms, SHA-256 `…` in the README"
    structures, atoms, digest = stated[0]
    dataset = sample_data.load(found.name)
    assert len(dataset) == int(structures.replace(",", ""))
    assert sum(map(len, dataset.structures)) == int(atoms.replace(",", ""))
    assert hashlib.sha256((folder / found.file).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("found", sample_data.list(), ids=NAMES)
def test_groups_are_as_the_readme_says(found: sample_data.SampleSet) -> None:
    readme = (files(sample_data) / found.name / "README.md").read_text(encoding="utf-8")
    sizes = {group: int(size) for group, size in re.findall(r"^\| ([^|]+) \| (\d+) \|", readme, flags=re.MULTILINE)}
    assert sizes == dict(sample_data.load(found.name).group_sizes)


def test_the_folder_is_small() -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("no git, which knows what is kept")
    listed = subprocess.run(
        [git, "ls-files", "-z", "sample_data"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0 or not listed.stdout:
        pytest.skip("not a clone of the repository: what git keeps is unknown")
    present = [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert sum(file.stat().st_size for file in present) < 10e6
