"""What is stored is what the scripts beside it compute: all that is cheap, and one cell of what is not."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from importlib.resources import as_file, files
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from potscope import sample_data
from potscope.sample_data import espresso, generation


def generator(name: str, script: str = "generate.py") -> ModuleType:
    """The script of a set, as a module."""
    with as_file(files(sample_data) / name / script) as path:
        spec = importlib.util.spec_from_file_location(f"{name.replace('-', '_')}_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # where dataclasses look for the module that they are in
        spec.loader.exec_module(module)
    return module


def test_copper_is_what_emt_says() -> None:
    script, dataset = generator("copper-emt"), sample_data.load("copper-emt")
    made = script.everything()
    assert [atoms.info["id"] for atoms in made] == list(dataset.ids)
    for s, atoms in enumerate(made):
        identity = dataset.ids[s]
        np.testing.assert_allclose(atoms.positions, dataset.structures[s].positions, atol=1e-7, err_msg=identity)
        result = script.compute(atoms)
        np.testing.assert_allclose(result.info["REF_energy"], dataset.energies[s], atol=1e-8, err_msg=identity)
        np.testing.assert_allclose(result.info["REF_stress"], dataset.stresses[s], atol=1e-8, err_msg=identity)
        np.testing.assert_allclose(result.arrays["REF_forces"], dataset.forces[s], atol=1e-7, err_msg=identity)


@pytest.mark.parametrize(
    ("name", "script", "identity"),
    [
        ("silicon", "generate.py", "strained-007"),
        ("silicon-carbide", "generate.py", "strained-029"),
        ("dimers-and-scans", "generate_solids.py", "eos-fcc-005"),
    ],
)
def test_configurations_are_those_stored(name: str, script: str, identity: str) -> None:
    if name == "silicon":
        pytest.importorskip("matscipy", reason="matscipy, which melts silicon, is not installed (extra `data`)")
    dataset = sample_data.load(name)
    made = {atoms.info["id"]: atoms for atoms in generator(name, script).everything()}
    stored = dataset.structures[dataset.ids.index(identity)]
    np.testing.assert_allclose(made[identity].positions, stored.positions, atol=1e-7)
    np.testing.assert_allclose(made[identity].cell.array, stored.cell.array, atol=1e-12)


@pytest.mark.skipif(shutil.which("pw.x") is None, reason="Quantum ESPRESSO's pw.x is not installed")
@pytest.mark.skipif(not espresso.PSEUDOPOTENTIALS.is_dir(), reason="Debian's quantum-espresso-data is not installed")
def test_a_cell_of_silicon_carbide_is_what_pw_x_says(tmp_path: Path) -> None:
    dataset = sample_data.load("silicon-carbide")
    s = dataset.ids.index("strained-029")
    atoms = next(a for a in generator("silicon-carbide").everything() if a.info["id"] == "strained-029")
    result = espresso.compute(atoms, tmp_path, espresso.SILICON_CARBIDE)
    assert abs(result.info["REF_energy"] - dataset.energies[s]) < 1e-6
    np.testing.assert_allclose(result.info["REF_stress"], dataset.stresses[s], atol=1e-5)
    np.testing.assert_allclose(result.arrays["REF_forces"], dataset.forces[s], atol=1e-4)


@pytest.mark.parametrize(("settings", "cell"), [(espresso.SILICON, (4, 7)), (espresso.SILICON_CARBIDE, (3, 5))])
def test_k_grids(settings: espresso.Settings, cell: tuple[int, int]) -> None:
    from ase.build import bulk

    structure, a = ("diamond", 5.47) if settings is espresso.SILICON else ("zincblende", 4.38)
    name = "Si" if settings is espresso.SILICON else "SiC"
    assert settings.k_grid(bulk(name, structure, a, cubic=True)) == (cell[0],) * 3
    assert settings.k_grid(bulk(name, structure, a)) == (cell[1],) * 3


def test_one_that_fails_stops_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = generator("copper-emt").everything()[:3]

    def method(atoms: object, scratch: Path) -> object:
        if atoms is made[1]:
            raise generation.ReferenceFailed("it would not converge")
        return made[0]

    failed = generation.run(made, method, tmp_path, workers=1)
    assert failed == {"strained-001": "it would not converge"}
    assert sorted(path.name for path in tmp_path.glob("*.xyz")) == ["strained-000.xyz", "strained-002.xyz"]
    assert "failed: strained-001: it would not converge" in capsys.readouterr().out
    assert generation.run(made, lambda atoms, scratch: atoms, tmp_path, workers=1) == {}


def test_an_error_in_the_script_is_one(tmp_path: Path) -> None:
    made = generator("copper-emt").everything()[:3]

    def method(atoms: object, scratch: Path) -> object:
        raise TypeError("a mistake")

    with pytest.raises(TypeError, match="a mistake"):
        generation.run(made, method, tmp_path, workers=1)


def test_pw_x_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pw.x"
    program.write_text("#!/bin/sh\necho ' Error in routine electrons (1):'\necho ' charge is wrong'\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    atoms = generator("silicon-carbide").cubic()
    with pytest.raises(generation.ReferenceFailed, match=r"pw\.x: Error in routine electrons \(1\): charge is wrong"):
        espresso.compute(atoms, tmp_path, espresso.SILICON_CARBIDE)
    program.write_text("#!/bin/sh\necho ' convergence NOT achieved after 200 iterations: stopping'\nexit 2\n")
    with pytest.raises(generation.ReferenceFailed, match="did not converge"):
        espresso.compute(atoms, tmp_path, espresso.SILICON_CARBIDE)


def test_the_points_of_a_supercell_folded() -> None:
    from ase.build import bulk

    primitive, cubic = bulk("Si"), bulk("Si", cubic=True)
    supercell = np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
    np.testing.assert_allclose(supercell @ primitive.cell.array, cubic.cell.array, atol=1e-12)
    k_kc, weights = espresso.folded((3, 3, 3), supercell)
    assert weights.sum() == 4 * 27
    # seen from the cubic cell they are its shifted grid again, each point as often as the cubic cell is larger
    seen = np.vstack([k_kc, -k_kc[weights == 2]]) @ supercell.T % 1
    points, counts = np.unique(np.round(seen, 6), axis=0, return_counts=True)
    np.testing.assert_allclose(np.unique(points), [1 / 6, 1 / 2, 5 / 6], atol=1e-5)
    assert counts.tolist() == [4] * 27
