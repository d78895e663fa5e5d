"""Every bad input has an error that names the argument, what was expected and what came."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from potscope.core.dataset import Dataset

GOOD = "1\nProperties=species:S:1:pos:R:3 energy=1\nH 0 0 0\n"


def read(tmp_path: Path, text: str | bytes, name: str = "bad.xyz") -> Dataset:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Dataset.read(path)


def second_frame(tmp_path: Path, comment: str, atom: str = "H 0 0 0", n: int = 1) -> Dataset:
    return read(tmp_path, f"{GOOD}{n}\n{comment}\n{atom}\n")


def hydrogen(**info: object) -> Atoms:
    return Atoms("H2", [[0, 0, 0], [0, 0, 0.74]], info={"energy": 1.0, **info})


def message_of(structures: object, **keys: str) -> str:
    with pytest.raises(ValueError) as caught:
        Dataset.from_structures(structures, **keys)  # type: ignore[arg-type]
    return str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"`files`: no such file: .*nothing\.xyz"):
        Dataset.read(tmp_path / "nothing.xyz")


def test_no_file() -> None:
    with pytest.raises(ValueError, match="`files`: expected at least one file, got none"):
        Dataset.read()


def test_not_a_file_name() -> None:
    with pytest.raises(TypeError, match=r"`files`: expected names of files, got 3 \(int\)"):
        Dataset.read(3)  # type: ignore[arg-type]


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`files`: expected a folder of files of one kind, JSON, .*has none of these"):
        Dataset.read(tmp_path)


@pytest.mark.parametrize("name", ["a.xyz", "a.xyz.gz", "a.db", "a.json", "a.traj", "a.cif", "a.unheardof"])
def test_empty_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"`files`: {name} is empty"):
        read(tmp_path, "", name)


@pytest.mark.parametrize("name", ["a.xyz", "a.db", "a.json", "a.traj", "a.cif", "a.unheardof", "POSCAR"])
@pytest.mark.parametrize(
    "content", [bytes(range(256)) * 20, b"no structure at all\nnot here\n", b"\x89PNG\r\n\x1a\n" + bytes(99)]
)
def test_foreign_file(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(ValueError, match=f"`files`: {name}, frame 0: could not be read as a structure: .+"):
        read(tmp_path, content, name)


@pytest.mark.parametrize("content", [b"not compressed", gzip.compress(GOOD.encode() * 50)[:40]])
def test_damaged_compressed_file(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"`files`: a\.xyz\.gz, frame 0: could not be read as a structure"):
        read(tmp_path, content, "a.xyz.gz")


def test_blank_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`files`: bad\.xyz holds no structures"):
        read(tmp_path, "\n\n")


def test_foreign_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`files`: a\.json, frame 0: could not be read as a structure"):
        read(tmp_path, '{"energy": 1}', "a.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "3\nenergy=1\nH 0 0 0\n", "bad.xyz, frame 1: .*expected 3 atoms after line 5, got 1"),
        (GOOD + "what\n", "bad.xyz, frame 1: .*expected a number of atoms on line 4, got 'what'"),
        (GOOD + GOOD.replace("H ", "Xx "), "bad.xyz, frame 1: .*unknown element 'Xx'"),
        (GOOD + GOOD.replace("0 0 0", "0 zero 0"), "bad.xyz, frame 1: .*zero"),
        (GOOD + GOOD.replace("0 0 0", "0 0"), "bad.xyz, frame 1: could not be read"),
    ],
)
def test_damaged_frame(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text)


def test_no_references_lists_the_keys_there_are(tmp_path: Path) -> None:
    comment = "Properties=species:S:1:pos:R:3:charge_like:R:1 MACE_energy=-3 author=me"
    with pytest.raises(
        ValueError, match="`files`: expected reference energies, forces or stresses, found none"
    ) as caught:
        read(tmp_path, f"1\n{comment}\nH 0 0 0 1\n")
    assert "the keys there: `MACE_energy`, `author`, `charge_like`" in str(caught.value)
    assert "`energy_key`" in str(caught.value)


def test_no_references_in_memory() -> None:
    message = message_of(Atoms("H"))
    assert message.startswith("`structures`: expected reference energies, forces or stresses, found none")
    assert "the keys there: none at all" in message


@pytest.mark.parametrize("argument", ["energy_key", "forces_key", "stress_key", "group_key"])
def test_key_that_is_not_there(argument: str) -> None:
    message = message_of(hydrogen(other=2), **{argument: "absent"})
    assert message == f"`{argument}`: no structure has 'absent'; the keys there: `energy`, `other`"


def test_key_need_only_be_in_one_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_text(GOOD.replace("energy", "mine"))
    (tmp_path / "b.xyz").write_text(GOOD)
    dataset = Dataset.read(tmp_path / "a.xyz", tmp_path / "b.xyz", energy_key="mine")
    np.testing.assert_array_equal(dataset.energies, [1, np.nan])


@pytest.mark.parametrize("symbol", ["X", "0"])
def test_unknown_element(tmp_path: Path, symbol: str) -> None:
    properties = "species:S:1" if symbol == "X" else "Z:I:1"
    with pytest.raises(ValueError, match=r"`files`: bad\.xyz, frame 1: atom 0 is of an unknown element.*number 0"):
        second_frame(tmp_path, f"Properties={properties}:pos:R:3 energy=1", f"{symbol} 0 0 0")


@pytest.mark.parametrize("number", [-1, 0, 119, 1000])
def test_unknown_atomic_number(number: int) -> None:
    atoms = hydrogen()
    atoms.numbers[1] = number
    expected = f"`structures`[1]: atom 1 is of an unknown element, X or atomic number {number}"
    assert message_of([hydrogen(), atoms]) == expected


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_positions_not_finite(bad: float) -> None:
    atoms = hydrogen()
    atoms.positions[1, 2] = bad
    message = message_of([hydrogen(), atoms])
    assert message == f"`structures`[1]: expected finite positions, got [0.0, 0.0, {bad}] for atom 1"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("key", ["energy", "REF_energy"])
def test_energy_not_finite(key: str, bad: float) -> None:
    message = message_of([hydrogen(**{key: 1.0}), hydrogen(**{key: bad})])
    assert message == f"`structures`[1]: `{key}`: expected finite numbers, got {bad}"


def test_energy_not_finite_in_a_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`files`: bad\.xyz, frame 1: `energy`: expected finite numbers, got nan"):
        second_frame(tmp_path, "Properties=species:S:1:pos:R:3 energy=NaN")


def test_forces_not_finite() -> None:
    atoms = hydrogen()
    atoms.arrays["forces"] = np.array([[0, 0, 0], [0, np.nan, 0]])
    assert message_of([hydrogen(), atoms]) == "`structures`[1]: `forces`: expected finite numbers, got nan"


@pytest.mark.parametrize("shape", [(2, 2), (2,), (2, 3, 1)])
def test_forces_of_a_wrong_shape(shape: tuple[int, ...]) -> None:
    atoms = hydrogen()
    atoms.arrays["REF_forces"] = np.zeros(shape)
    assert message_of(atoms) == f"`structures`[0]: `REF_forces`: expected shape (2, 3), got shape {shape}"


def test_forces_of_a_wrong_shape_in_a_calculator() -> None:
    atoms = hydrogen()
    atoms.calc = SinglePointCalculator(atoms, energy=1.0)
    atoms.calc.results["forces"] = np.zeros((3, 3))
    assert message_of(atoms) == "`structures`[0]: `forces`: expected shape (2, 3), got shape (3, 3)"


def test_stress_of_a_wrong_shape() -> None:
    message = message_of(hydrogen(stress=np.zeros(5)))
    assert message == "`structures`[0]: `stress`: expected shape (6,) or shape (9,) or shape (3, 3), got shape (5,)"


def test_stress_not_finite() -> None:
    message = message_of(hydrogen(stress=np.full(6, np.inf)))
    assert message == "`structures`[0]: `stress`: expected finite numbers, got inf"


def test_energy_that_is_no_number() -> None:
    message = message_of([hydrogen(), hydrogen(energy="low")])
    assert message == "`structures`[1]: `energy`: expected a number, got 'low' (str)"
    message = message_of(hydrogen(field=np.zeros(3)), energy_key="field")
    assert message == "`structures`[0]: `field`: expected a number, got shape (3,)"


def test_periodic_without_cell(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"bad\.xyz, frame 1: periodic along a, c, but no cell vector is given there"):
        second_frame(tmp_path, 'Properties=species:S:1:pos:R:3 energy=1 pbc="T F T"')


def test_flat_cell() -> None:
    atoms = hydrogen()
    atoms.cell = [[1, 0, 0], [2, 0, 0], [0, 0, 1]]
    atoms.pbc = True
    assert message_of(atoms) == "`structures`[0]: the periodic cell vectors are linearly dependent"


def test_cell_not_finite() -> None:
    atoms = hydrogen()
    atoms.cell = [np.nan, 1, 1]
    assert message_of(atoms) == "`structures`[0]: expected a finite cell, got NaN or infinity"


def test_no_atoms(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`files`: bad\.xyz, frame 1: expected at least one atom, got none"):
        read(tmp_path, GOOD + "0\nProperties=species:S:1:pos:R:3 energy=1\n")


@pytest.mark.parametrize(
    ("structures", "message"),
    [
        ("silicon.xyz", "`structures`: expected an ase.Atoms or a sequence of them, got 'silicon.xyz' (str)"),
        (None, "`structures`: expected an ase.Atoms or a sequence of them, got None (NoneType)"),
        ([hydrogen(), 3], "`structures`: expected an ase.Atoms or a sequence of them, but item 1 is 3 (int)"),
    ],
)
def test_no_structures(structures: object, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        Dataset.from_structures(structures)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_empty_list() -> None:
    assert message_of([]) == "`structures`: expected at least one structure, got none"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("energies", np.zeros(3), "`energies`: expected one for each of 2 structures, got 3"),
        ("groups", ("a",), "`groups`: expected one for each of 2 structures, got 1"),
        ("stresses", np.zeros((2, 3)), r"`stresses`: expected shape \(2, 6\), got \(2, 3\)"),
        ("forces", (None, np.zeros((3, 3))), r"`forces`\[1\]: expected shape \(2, 3\), got \(3, 3\)"),
        ("ids", ("a", "a"), "`ids`: expected different ones, got 'a' again"),
    ],
)
def test_constructor(field: str, value: object, message: str) -> None:
    good = Dataset.from_structures([hydrogen(), hydrogen()])
    names = ("structures", "energies", "forces", "stresses", "groups", "ids")
    with pytest.raises(ValueError, match=message):
        Dataset(**{**{name: getattr(good, name) for name in names}, field: value})
