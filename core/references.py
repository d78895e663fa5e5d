"""Where the reference energies, forces and stresses of some structures are kept, and under which name.

A reference is looked for among an attached calculator's results, the values of `Atoms.info` and the arrays of
`Atoms.arrays`. Names are compared without regard to case. `automatic_names` gives the order in which they are
tried; the first that any structure has is used for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase import Atoms

from potscope.core._types import Array

Quantity = Literal["energy", "forces", "stress"]
Where = Callable[[int], str]

PREFIXES = ("ref", "reference", "dft", "qm", "")
NAMES: Mapping[Quantity, tuple[str, ...]] = {
    "energy": (
        "energy",
        "total_energy",
        "totenergy",
        "potential_energy",
        "free_energy",
        "e",
        "atomisation_energy",
        "atomization_energy",
    ),
    "forces": ("forces", "force"),
    "stress": ("stress", "virial", "virials"),
}
# arrays of ASE's own that describe a structure rather than a result
STRUCTURAL = frozenset(
    {"numbers", "positions", "momenta", "masses", "tags", "initial_magmoms", "initial_charges", "move_mask"}
)
LARGE_STRESS = 1.0  # eV/Å³, 160 GPa: as the typical stress of a set more likely another unit


@dataclass(frozen=True)
class KeyChoices:
    """The keys there are, by what their values could be."""

    energy: tuple[str, ...] = ()
    forces: tuple[str, ...] = ()
    stress: tuple[str, ...] = ()
    group: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReferenceKeys:
    """Which key each reference came from; None where there is none.

    Attributes
    ----------
    energy, forces, stress, group
        Name of the key. Where several files were read whose keys differ, all of them, joined by ``+``.
    choices
        The keys that could be chosen instead.
    """

    energy: str | None = None
    forces: str | None = None
    stress: str | None = None
    group: str | None = None
    choices: KeyChoices = KeyChoices()

    def __str__(self) -> str:
        found = {name: getattr(self, name) for name in ("energy", "forces", "stress", "group")}
        return ", ".join(f"{name} from `{key}`" if key else f"no {name}" for name, key in found.items())


class NoReferences(ValueError):
    """Structures in which nothing is known to be a reference, with the keys that could be one.

    Attributes
    ----------
    choices
        The keys there are.
    """

    def __init__(self, message: str, choices: KeyChoices) -> None:
        super().__init__(message)
        self.choices = choices


@dataclass(frozen=True)
class References:
    """References of some structures; see `Dataset` for shapes and units."""

    energies_s: Array
    forces: tuple[Array | None, ...]
    stresses_sv: Array


def automatic_names(quantity: Quantity) -> tuple[str, ...]:
    """Names under which a reference is looked for, lower case, the first preferred.

    Examples
    --------
    >>> automatic_names("forces")[:4]
    ('ref_forces', 'ref_force', 'forces_ref', 'force_ref')
    """
    found: list[str] = []
    for prefix in PREFIXES:
        names = NAMES[quantity]
        found += [f"{prefix}_{name}" for name in names] + [f"{name}_{prefix}" for name in names] if prefix else names
    return tuple(found)


def named_values(atoms: Atoms) -> dict[str, object]:
    """Everything a structure carries under a name; a calculator's results come before equal names elsewhere."""
    arrays = {name: value for name, value in atoms.arrays.items() if name not in STRUCTURAL}
    return {**atoms.info, **arrays, **_calculator_results(atoms)}


def has_stale_results(atoms: Atoms) -> bool:
    """Whether the attached calculator's results are for a structure other than this one."""
    calculator = atoms.calc
    if calculator is None or getattr(calculator, "atoms", None) is None or not hasattr(calculator, "check_state"):
        return False
    return bool(calculator.check_state(atoms))


def _calculator_results(atoms: Atoms) -> dict[str, object]:
    if atoms.calc is None or has_stale_results(atoms):
        return {}
    results = getattr(atoms.calc, "results", {})
    return {name: value for name, value in results.items() if value is not None}


def find_choices(values: Sequence[Mapping[str, object]], sizes: Sequence[int]) -> KeyChoices:
    """Sort the keys of all structures by what they could be.

    Parameters
    ----------
    values
        What each structure carries, from `named_values`.
    sizes
        Number of atoms of each structure.
    """
    found: dict[str, set[str]] = {"energy": set(), "forces": set(), "stress": set(), "group": set()}
    for value_of, n_atoms in zip(values, sizes, strict=True):
        for name, value in value_of.items():
            for quantity in _kinds(value, n_atoms):
                found[quantity].add(name)
    return KeyChoices(**{quantity: tuple(sorted(names)) for quantity, names in found.items()})


def _kinds(value: object, n_atoms: int) -> tuple[str, ...]:
    if isinstance(value, str):
        return ("group",)
    shape = _numeric_shape(value)
    if shape is None:
        return ()
    if shape in ((), (1,)):
        return ("energy", "group") if np.asarray(value).dtype.kind in "iu" else ("energy",)
    kinds = []
    if shape == (n_atoms, 3):
        kinds.append("forces")
    if shape in ((6,), (9,), (3, 3)):
        kinds.append("stress")
    return tuple(kinds)


def _numeric_shape(value: object) -> tuple[int, ...] | None:
    if not isinstance(value, (int, float, np.number, np.ndarray, list, tuple)) or isinstance(value, bool):
        return None
    try:
        array = np.asarray(value)
    except ValueError:  # a ragged list
        return None
    return array.shape if array.dtype.kind in "iuf" else None


def find_keys(
    values: Sequence[Mapping[str, object]],
    sizes: Sequence[int],
    energy_key: str | None = None,
    forces_key: str | None = None,
    stress_key: str | None = None,
) -> tuple[ReferenceKeys, list[str]]:
    """Choose a key for each reference.

    Parameters
    ----------
    values, sizes
        As of `find_choices`.
    energy_key, forces_key, stress_key
        A key to be used; an empty string for none; None to find one.

    Returns
    -------
    keys, notes
        A key that was asked for but is not there is left as None.
    """
    present = sorted({name for value_of in values for name, value in value_of.items() if _may_be_number(value)})
    notes: list[str] = []
    energy = _choose("energy", energy_key, _usable_energies(present, values), values, "", notes)
    family = _family(energy)
    forces = _choose("forces", forces_key, present, values, family, notes)
    stress = _choose("stress", stress_key, present, values, family, notes)
    for quantity, key in (("forces", forces), ("stress", stress)):
        if energy is not None and key is not None and _family(key) != family:
            notes.append(f"energy is from `{energy}` but {quantity} from `{key}`: make sure that they belong together")
    return ReferenceKeys(energy, forces, stress, None, find_choices(values, sizes)), notes


def _may_be_number(value: object) -> bool:
    return _numeric_shape(value) is not None


def _usable_energies(present: Sequence[str], values: Sequence[Mapping[str, object]]) -> list[str]:
    """Short names such as ``E`` are also used for fields: only single numbers are taken without being asked for."""
    first = {name: next(v[name] for v in values if name in v) for name in present}
    return [name for name in present if _numeric_shape(first[name]) in ((), (1,))]


def _family(key: str | None) -> str:
    lowered = (key or "").lower()
    return next((p for p in PREFIXES if p and (lowered.startswith(f"{p}_") or lowered.endswith(f"_{p}"))), "")


def _choose(
    quantity: Quantity,
    asked: str | None,
    present: Sequence[str],
    values: Sequence[Mapping[str, object]],
    family: str,
    notes: list[str],
) -> str | None:
    if asked is not None:
        return asked if any(asked in value_of for value_of in values) else None
    order = {name: position for position, name in enumerate(automatic_names(quantity))}
    candidates = [name for name in present if name.lower() in order]
    if not candidates:
        return None
    # what belongs to the energy that is used comes before what does not
    candidates.sort(key=lambda name: (bool(family) and _family(name) != family, order[name.lower()], name))
    chosen, *others = candidates
    different = [name for name in others if not _agree(chosen, name, values)]
    if different:
        notes.append(f"{quantity}: `{chosen}` is used; there is also {', '.join(f'`{n}`' for n in different)}")
    return chosen


def _agree(first: str, second: str, values: Sequence[Mapping[str, object]]) -> bool:
    """Whether two keys say the same wherever the second is."""
    for value_of in values:
        if second in value_of:
            a, b = np.asarray(value_of.get(first, np.nan)), np.asarray(value_of[second])
            if a.shape != b.shape or a.dtype.kind not in "iuf" or not np.allclose(a, b, rtol=0, atol=1e-9):
                return False
    return True


def extract(
    structures: Sequence[Atoms], values: Sequence[Mapping[str, object]], keys: ReferenceKeys, where: Where
) -> tuple[References, list[str]]:
    """Take the references out.

    Parameters
    ----------
    structures, values
        The structures and what they carry.
    keys
        Where to look.
    where
        Describes the structure of an index, for messages.

    Raises
    ------
    ValueError
        If a reference has a wrong shape, is no number, or is not finite.
    """
    notes: list[str] = []
    energies_s = np.full(len(structures), np.nan)
    forces: list[Array | None] = [None] * len(structures)
    stresses_sv = np.full((len(structures), 6), np.nan)
    for s, (atoms, value_of) in enumerate(zip(structures, values, strict=True)):
        if (key := keys.energy) is not None and key in value_of:
            energies_s[s] = _finite(value_of[key], f"{where(s)}: `{key}`", ((), (1,))).item()
        if (key := keys.forces) is not None and key in value_of:
            forces[s] = _finite(value_of[key], f"{where(s)}: `{key}`", ((len(atoms), 3),))
        if (key := keys.stress) is not None and key in value_of:
            numbers = _finite(value_of[key], f"{where(s)}: `{key}`", ((6,), (9,), (3, 3)))
            stresses_sv[s] = _stress(numbers, key, atoms)
    n_stale = sum(has_stale_results(atoms) for atoms in structures)
    if n_stale:
        notes.append(f"{n_stale} of {len(structures)} calculators hold results for other positions, which are not used")
    if keys.stress and "virial" in keys.stress.lower():
        notes.append(f"stress: −`{keys.stress}`/volume")
    known_sv = stresses_sv[~np.isnan(stresses_sv).any(axis=1)]
    if len(known_sv) and (typical := np.median(np.abs(known_sv).max(axis=1))) > LARGE_STRESS:
        notes.append(f"stress: `{keys.stress}` is typically {typical:.3g}, which is much for eV/Å³: check its unit")
    return References(energies_s, tuple(forces), stresses_sv), notes


def _finite(value: object, what: str, shapes: tuple[tuple[int, ...], ...]) -> Array:
    expected = " or ".join(_shape_text(shape) for shape in shapes if shape != (1,))
    if not _may_be_number(value):
        raise ValueError(f"{what}: expected {expected}, got {value!r:.60} ({type(value).__name__})")
    array = np.array(value, dtype=np.float64)
    if array.shape not in shapes:
        raise ValueError(f"{what}: expected {expected}, got {_shape_text(array.shape)}")
    if not np.isfinite(array).all():
        raise ValueError(f"{what}: expected finite numbers, got {array[~np.isfinite(array)].ravel()[0]}")
    return array


def _shape_text(shape: tuple[int, ...]) -> str:
    return f"shape {shape}" if shape else "a number"


def _stress(numbers: Array, key: str, atoms: Atoms) -> Array:
    """Voigt stress, eV/Å³, ASE's sign, from Voigt or full stress, or from a virial; NaN for a virial without volume."""
    stress_v = full_to_voigt(numbers.reshape(3, 3)) if numbers.size == 9 else numbers
    if "virial" not in key.lower():
        return stress_v
    volume = abs(float(np.linalg.det(atoms.cell[:])))
    return -stress_v / volume if volume > 0 else np.full(6, np.nan)


def full_to_voigt(stress_cc: Array) -> Array:
    """The six components xx, yy, zz, yz, xz, xy of a 3 × 3 tensor, which is made symmetric first.

    Examples
    --------
    >>> full_to_voigt(np.array([[1.0, 6.0, 5.0], [6.0, 2.0, 4.0], [5.0, 4.0, 3.0]]))
    array([1., 2., 3., 4., 5., 6.])
    """
    symmetric_cc = (stress_cc + stress_cc.T) / 2
    return np.asarray(symmetric_cc[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]])
