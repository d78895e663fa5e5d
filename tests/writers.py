"""Files as other programs write them, from structures with energy, forces and stress as results of a calculator."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import ase.db
import ase.io
import numpy as np
import scipy.io
from ase import Atoms, units
from ase.build import bulk

from structures import with_results

KILOBAR = 0.1 * units.GPa
KCAL = units.kcal / units.mol


def silicon_carbon() -> list[Atoms]:
    """Three structures of the same four atoms, apart from each other as atoms are, with results."""
    rng = np.random.default_rng(3)
    first = bulk("Si", cubic=True)[[0, 1, 2, 3]]
    first.numbers[1:3] = [14, 6]
    found = []
    for _ in range(3):
        atoms = first.copy()
        atoms.rattle(0.05, rng=rng)
        found.append(with_results(atoms, rng))
    return found


def full(stress_v: np.ndarray) -> np.ndarray:
    """The 3 × 3 tensor of xx yy zz yz xz xy."""
    xx, yy, zz, yz, xz, xy = stress_v
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def write_fitsnap(path: Path, structures: Sequence[Atoms]) -> None:
    data = [
        {
            "Stress": (-full(atoms.calc.results["stress"]) / units.bar).tolist(),
            "Positions": atoms.positions.tolist(),
            "Energy": atoms.calc.results["energy"],
            "AtomTypes": atoms.get_chemical_symbols(),
            "Lattice": atoms.cell.tolist(),
            "NumAtoms": len(atoms),
            "Forces": atoms.calc.results["forces"].tolist(),
        }
        for atoms in structures
    ]
    styles = {"PositionsStyle": "angstrom", "StressStyle": "bar", "EnergyStyle": "electronvolt"}
    path.write_text("# a comment\n" + json.dumps({"Dataset": {"Data": data, **styles}}))


def write_mlearn(path: Path, structures: Sequence[Atoms]) -> None:
    entries = []
    for s, atoms in enumerate(structures):
        xx, yy, zz, yz, xz, xy = -atoms.calc.results["stress"] / KILOBAR
        sites = [
            {"species": [{"element": symbol, "occu": 1}], "xyz": xyz.tolist(), "abc": abc.tolist(), "label": symbol}
            for symbol, xyz, abc in zip(
                atoms.get_chemical_symbols(), atoms.positions, atoms.get_scaled_positions(wrap=False), strict=True
            )
        ]
        outputs = {
            "energy": atoms.calc.results["energy"],
            "forces": atoms.calc.results["forces"].tolist(),
            "virial_stress": [xx, yy, zz, xy, yz, xz],
        }
        structure = {"@class": "Structure", "lattice": {"matrix": atoms.cell.tolist()}, "sites": sites}
        entries.append({"structure": structure, "group": f"group {s % 2}", "outputs": outputs, "tag": "test"})
    path.write_text(json.dumps(entries))


def write_input_data(
    path: Path, structures: Sequence[Atoms], energy: float = 1.0, length: float = 1.0, form: str = "{:.16e}"
) -> None:
    """In units of `energy` eV and `length` Å."""
    lines = []

    def add(word: str, *values: object) -> None:
        lines.append(" ".join([word, *(v if isinstance(v, str) else form.format(v) for v in values)]))

    for atoms in structures:
        results = atoms.calc.results
        add("begin")
        add("comment", "a remark of", "several words")
        for vector_c in atoms.cell[:] / length if atoms.pbc.any() else ():
            add("lattice", *vector_c)
        for symbol, xyz, force_c in zip(
            atoms.get_chemical_symbols(), atoms.positions / length, results["forces"] * length / energy, strict=True
        ):
            add("atom", *xyz, symbol, 0.0, 0.0, *force_c)
        add("energy", results["energy"] / energy)
        add("charge", 0.0)
        add("end")
    path.write_text("\n".join(lines) + "\n")


def write_npz(path: Path, structures: Sequence[Atoms], **others: object) -> None:
    """As the revised MD17, kcal/mol and Å; structures are of the same atoms."""
    with path.open("wb") as file:
        np.savez(
            file,
            nuclear_charges=structures[0].numbers.astype(np.uint8),
            coords=[atoms.positions for atoms in structures],
            energies=[atoms.calc.results["energy"] / KCAL for atoms in structures],
            forces=[atoms.calc.results["forces"] / KCAL for atoms in structures],
            **others,
        )


def write_md17(path: Path, structures: Sequence[Atoms], **others: object) -> None:
    """As MD17, kcal/mol and Å."""
    with path.open("wb") as file:
        np.savez(
            file,
            z=structures[0].numbers.astype(np.uint8),
            R=[atoms.positions for atoms in structures],
            E=[[atoms.calc.results["energy"] / KCAL] for atoms in structures],
            F=[atoms.calc.results["forces"] / KCAL for atoms in structures],
            **others,
        )


def write_qm7(path: Path, structures: Sequence[Atoms]) -> None:
    """As `qm7.mat`, kcal/mol and Bohr, in double precision."""
    most = max(len(atoms) for atoms in structures)
    Z_sn, R_snc = np.zeros((len(structures), most)), np.zeros((len(structures), most, 3))
    for s, atoms in enumerate(structures):
        Z_sn[s, : len(atoms)] = atoms.numbers
        R_snc[s, : len(atoms)] = atoms.positions / units.Bohr
    energies_s = np.array([[atoms.calc.results["energy"] / KCAL for atoms in structures]])
    folds = np.arange(len(structures))[:, None]
    with path.open("wb") as file:
        scipy.io.savemat(file, {"Z": Z_sn, "R": R_snc, "T": energies_s, "P": folds, "X": np.zeros((1, 1))})


def _rows(array: np.ndarray, form: str = "{:16.8f}") -> list[str]:
    return [" ".join(form.format(value) for value in row) for row in array]


def write_outcar(path: Path, structures: Sequence[Atoms], sigma_zero: float = 0.01) -> None:
    """What ASE looks for in an OUTCAR; structures are of the same atoms. At σ → 0 they are `sigma_zero` higher."""
    symbols = structures[0].get_chemical_symbols()
    potentials = [f" POTCAR:    PAW_PBE {symbol} 05Jan2001" for symbol in symbols]
    lines = [" vasp.6.3.0 20Jan22", *potentials, *potentials]
    lines += ["   ISPIN  =      1    spin polarized calculation?", "   ions per type = " + " 1" * len(symbols)]
    for step, atoms in enumerate(structures, start=1):
        results = atoms.calc.results
        xx, yy, zz, yz, xz, xy = -results["stress"] / KILOBAR
        lines += [f"---------------- Iteration {step:6d}(   1)  ----------------"]
        lines += ["  in kB  " + " ".join(f"{value:.8f}" for value in (xx, yy, zz, xy, yz, xz))]
        lines += ["      direct lattice vectors                 reciprocal lattice vectors"]
        lines += _rows(np.hstack([atoms.cell[:], np.zeros((3, 3))]))
        lines += [" POSITION                                       TOTAL-FORCE (eV/Angst)", " " + "-" * 60]
        lines += _rows(np.hstack([atoms.positions, results["forces"]]))
        lines += ["  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)", " " + "-" * 40]
        lines += [f"  free  energy   TOTEN  = {results['energy']:18.8f} eV", ""]
        lines += [f"  energy  without entropy= 0.0  energy(sigma->0) = {results['energy'] + sigma_zero:18.8f}"]
    path.write_text("\n".join(lines) + "\n")


def _varray(name: str, rows: np.ndarray) -> str:
    return f'<varray name="{name}">' + "".join(f"<v>{row}</v>\n" for row in _rows(rows)) + "</varray>"


def write_vasprun(path: Path, structures: Sequence[Atoms], sigma_zero: float = 0.01) -> None:
    """What ASE looks for in a vasprun.xml; as `write_outcar`."""

    def structure(atoms: Atoms, name: str = "") -> str:
        basis = f"<crystal>{_varray('basis', atoms.cell[:])}</crystal>"
        return f"<structure{name}>{basis}{_varray('positions', atoms.get_scaled_positions(wrap=False))}</structure>"

    atoms_set = "".join(f"<rc><c>{symbol}</c><c>1</c></rc>" for symbol in structures[0].get_chemical_symbols())
    parts = [
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n<generator>\n'
        '<i name="program" type="string">vasp </i>\n</generator>',
        '<kpoints><varray name="kpointlist"></varray><varray name="weights"></varray></kpoints>',
        f'<atominfo><array name="atoms"><set>{atoms_set}</set></array></atominfo>',
        structure(structures[0], ' name="initialpos"'),
    ]
    for atoms in structures:
        results = atoms.calc.results
        energy = (
            f'<energy><i name="e_fr_energy">{results["energy"]:.8f}</i>'
            f'<i name="e_0_energy">{results["energy"] + sigma_zero:.8f}</i></energy>'
        )
        stress = _varray("stress", -full(results["stress"]) / KILOBAR)
        forces = _varray("forces", results["forces"])
        parts.append(f"<calculation><scstep>{energy}</scstep>{structure(atoms)}{forces}{stress}{energy}</calculation>")
    path.write_text("\n".join([*parts, "</modeling>"]))


def write_xyz(path: Path, structures: Sequence[Atoms]) -> None:
    ase.io.write(path, structures, format="extxyz")


def write_database(path: Path, structures: Sequence[Atoms]) -> None:
    with ase.db.connect(path) as database:
        for atoms in structures:
            database.write(atoms)


def write_trajectory(path: Path, structures: Sequence[Atoms]) -> None:
    ase.io.write(path, structures, format="traj")


WRITERS: dict[str, tuple[str, Callable[[Path, Sequence[Atoms]], None]]] = {
    "FitSNAP JSON": ("configurations.json", write_fitsnap),
    "mlearn JSON": ("training.json", write_mlearn),
    "input.data of n2p2 or RuNNer": ("input.data", write_input_data),
    "npz of MD17": ("rmd17_ethanol.npz", write_npz),
    "mat of QM7": ("qm7.mat", write_qm7),
    "OUTCAR of VASP": ("OUTCAR", write_outcar),
    "vasprun.xml of VASP": ("vasprun.xml", write_vasprun),
    "XYZ": ("set.xyz", write_xyz),
    "ASE database": ("set.db", write_database),
    "a format of ASE": ("set.traj", write_trajectory),
}
"""By the names of `potscope.core.formats.FORMATS`: a usual name of a file, and how one is written."""
