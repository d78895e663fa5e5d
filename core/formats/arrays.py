"""Arrays in files: the `.npz` of MD17, MD22 and the revised MD17, and the `.mat` of QM7.

A `.npz` holds many configurations of one molecule, in kcal/mol and Å: `nuclear_charges`, `coords`, `energies` and
`forces` in the revised MD17; `z`, `R`, `E` and `F` in the others, where `e_unit` and `r_unit` may name the units.
`qm7.mat` holds molecules filled up with zeros: `Z`, `R` (Bohr), `T` (atomisation energies, kcal/mol) and `P` (five
folds of cross-validation).

References
----------
A. S. Christensen, O. A. von Lilienfeld, Mach. Learn.: Sci. Technol. 1, 045018 (2020). doi:10.1088/2632-2153/abba6f
S. Chmiela et al., Sci. Adv. 3, e1603015 (2017). doi:10.1126/sciadv.1603015
M. Rupp et al., Phys. Rev. Lett. 108, 058301 (2012). doi:10.1103/PhysRevLett.108.058301
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import scipy.io
from ase import Atoms, units

from potscope.core._types import Array, IntArray
from potscope.core.formats.base import ENERGY_UNITS, Format, binary, scale

NAMES: Sequence[Mapping[str, str]] = (
    {"numbers": "nuclear_charges", "positions": "coords", "energies": "energies", "forces": "forces"},
    {"numbers": "z", "positions": "R", "energies": "E", "forces": "F"},
)
ENERGY_WORDS = {"": "kcal/mol", "kcal/mol": "kcal/mol", "ev": "ev", "hartree": "hartree", "ha": "hartree"}
LENGTH_WORDS = {"": 1.0, "ang": 1.0, "angstrom": 1.0, "å": 1.0, "bohr": units.Bohr}
UNIT_KEY = "units of the file"


def read_npz(path: Path) -> Iterator[Atoms]:
    """Every configuration, in the file's units."""
    with binary(path) as raw, np.load(raw, allow_pickle=False) as file:
        names = next((names for names in NAMES if {names["numbers"], names["positions"]} <= set(file.files)), None)
        if names is None:
            either = " or ".join(", ".join(f"`{name}`" for name in names.values()) for names in NAMES)
            raise ValueError(f"expected the arrays {either}, found {', '.join(map(repr, file.files)) or 'none'}")
        given = {what: file[name] for what, name in names.items() if name in file.files}
        said = tuple(_word(file[name]) if name in file.files else "" for name in ("e_unit", "r_unit"))
    numbers_n, positions_snc, energies_s, forces_snc = _checked(given, names)
    for s, positions_nc in enumerate(positions_snc):
        atoms = Atoms(numbers_n, positions_nc)
        if energies_s is not None and not np.isnan(energies_s[s]):
            atoms.info["energy"] = float(energies_s[s])
        if forces_snc is not None and not np.isnan(forces_snc[s]).any():
            atoms.arrays["forces"] = forces_snc[s]
        if any(said):
            atoms.info[UNIT_KEY] = said
        yield atoms


def _word(array: np.ndarray) -> str:
    value = array.item() if array.size == 1 else ""
    return (value.decode() if isinstance(value, bytes) else str(value)).strip()


def _checked(
    given: Mapping[str, np.ndarray], names: Mapping[str, str]
) -> tuple[IntArray, Array, Array | None, Array | None]:
    numbers_n = given["numbers"].ravel()
    if numbers_n.dtype.kind not in "iuf" or not np.array_equal(numbers_n, numbers_n.astype(np.int64)):
        raise ValueError(f"`{names['numbers']}`: expected atomic numbers, got {numbers_n.dtype}")
    positions_snc = _floats(given, names, "positions")
    if positions_snc.ndim != 3 or positions_snc.shape[1:] != (len(numbers_n), 3):
        raise ValueError(
            f"`{names['positions']}`: expected shape (structures, {len(numbers_n)}, 3), got {positions_snc.shape}"
        )
    energies_s = _floats(given, names, "energies").ravel() if "energies" in given else None
    if energies_s is not None and len(energies_s) != len(positions_snc):
        raise ValueError(f"`{names['energies']}`: expected {len(positions_snc)} numbers, got {len(energies_s)}")
    forces_snc = _floats(given, names, "forces") if "forces" in given else None
    if forces_snc is not None and forces_snc.shape != positions_snc.shape:
        raise ValueError(f"`{names['forces']}`: expected shape {positions_snc.shape}, got {forces_snc.shape}")
    return numbers_n.astype(np.int64), positions_snc, energies_s, forces_snc


def _floats(given: Mapping[str, np.ndarray], names: Mapping[str, str], what: str) -> Array:
    if given[what].dtype.kind not in "iuf":
        raise ValueError(f"`{names[what]}`: expected numbers, got {given[what].dtype}")
    return np.asarray(given[what], dtype=np.float64)


def settle_npz(frames: Sequence[Atoms], asked: str | None) -> list[str]:
    """Bring everything to eV and Å, from the units asked for, those the file names, or else kcal/mol and Å."""
    energy_word, length_word = [atoms.info.pop(UNIT_KEY, ("", "")) for atoms in frames][-1]
    unit = asked or ENERGY_WORDS.get(energy_word.lower())
    if unit is None:
        raise ValueError(f"`units`: expected {' or '.join(map(repr, ENERGY_UNITS))}; the file says {energy_word!r}")
    if length_word.lower() not in LENGTH_WORDS:
        raise ValueError(f"`r_unit`: expected one of {', '.join(map(repr, LENGTH_WORDS))}, got {length_word!r}")
    scale(frames, ENERGY_UNITS[unit], LENGTH_WORDS[length_word.lower()])
    if asked is None and not energy_word:
        return ["units: energies taken to be in kcal/mol and positions in Å, as in MD17; choose with `units`"]
    return [f"units: energies in {unit}, positions in {length_word or 'Å'}"]


def read_qm7(path: Path) -> Iterator[Atoms]:
    """Every molecule."""
    with binary(path) as raw:
        file = scipy.io.loadmat(raw)  # type: ignore[arg-type]  # it takes open files, which its types don't know
    missing = [name for name in ("Z", "R", "T") if name not in file]
    if missing:
        there = ", ".join(repr(name) for name in file if not name.startswith("__"))
        raise ValueError(f"expected the arrays `Z`, `R` and `T` of QM7, found {there or 'none'}")
    Z_sn, R_snc, T_s = file["Z"], file["R"], np.ravel(file["T"])
    if Z_sn.ndim != 2 or R_snc.shape != (*Z_sn.shape, 3) or len(T_s) != len(Z_sn):
        raise ValueError(f"`Z`, `R`, `T`: shapes {Z_sn.shape}, {R_snc.shape} and {T_s.shape} don't belong together")
    fold_s = {int(s): fold for fold, members in enumerate(np.atleast_2d(file.get("P", []))) for s in members}
    for s, (numbers_n, positions_nc, energy) in enumerate(zip(Z_sn, R_snc, T_s, strict=True)):
        there_n = numbers_n > 0
        atoms = Atoms(numbers_n[there_n].astype(np.int64), positions_nc[there_n].astype(np.float64) * units.Bohr)
        if not np.isnan(energy):
            atoms.info["energy"] = float(energy) * ENERGY_UNITS["kcal/mol"]
        if s in fold_s:
            atoms.info["fold"] = fold_s[s]
        yield atoms


NPZ = Format(
    "npz of MD17",
    read_npz,
    beginning=rb"PK\x03\x04.{26,200}\.npy",
    settle=settle_npz,
    units=tuple(ENERGY_UNITS),
)
QM7 = Format(
    "mat of QM7",
    read_qm7,
    beginning=b"MATLAB 5.0 MAT-file",
    notes=("QM7: atomisation energies from kcal/mol, positions from Bohr; `fold` is the set's own division in five",),
)
