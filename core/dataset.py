"""Structures with what is known of them: energies, forces, stresses, and the groups they belong to."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import SupportsIndex, TypeVar

import ase.io
import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray

from potscope.core._types import Array, IntArray
from potscope.core.gathering import AskedKeys, Source, gather
from potscope.core.labels import made_unique
from potscope.core.references import ReferenceKeys
from potscope.core.splits import split_indices
from potscope.core.validation import as_structures, shown

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Structures and their references. Nothing in it can be changed: arrays are read-only.

    Attributes
    ----------
    structures
        Copies of what was read: numbers, positions, cell and periodicity, without calculator. Take a copy
        (``structures[0].copy()``) to move atoms.
    energies
        Total energies, eV, shape (structures,); NaN where unknown.
    forces
        For each structure eV/Å, shape (atoms, 3), or None where unknown.
    stresses
        eV/Å³, positive under tension as in ASE, Voigt order xx yy zz yz xz xy, shape (structures, 6); NaN where
        unknown.
    groups
        A label for each structure.
    ids
        A name for each structure, all different.
    name
        What the set is called.
    keys
        Which key each reference came from.
    notes
        What a person should know of how the data were understood.
    """

    structures: tuple[Atoms, ...]
    energies: Array
    forces: tuple[Array | None, ...]
    stresses: Array
    groups: tuple[str, ...]
    ids: tuple[str, ...]
    name: str = ""
    keys: ReferenceKeys = field(default_factory=ReferenceKeys)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.structures)
        for name in ("energies", "forces", "stresses", "groups", "ids"):
            if len(getattr(self, name)) != n:
                raise ValueError(f"`{name}`: expected one for each of {n} structures, got {len(getattr(self, name))}")
        if self.stresses.shape != (n, 6):
            raise ValueError(f"`stresses`: expected shape ({n}, 6), got {self.stresses.shape}")
        for s, (atoms, forces_nc) in enumerate(zip(self.structures, self.forces, strict=True)):
            if forces_nc is not None and forces_nc.shape != (len(atoms), 3):
                raise ValueError(f"`forces`[{s}]: expected shape ({len(atoms)}, 3), got {forces_nc.shape}")
        if len(set(self.ids)) < n:
            raise ValueError(f"`ids`: expected different ones, got {Counter(self.ids).most_common(1)[0][0]!r} again")
        object.__setattr__(self, "energies", _read_only(self.energies))
        object.__setattr__(self, "stresses", _read_only(self.stresses))
        object.__setattr__(self, "forces", tuple(f if f is None else _read_only(f) for f in self.forces))

    @classmethod
    def read(
        cls,
        *files: str | PathLike[str],
        energy_key: str | None = None,
        forces_key: str | None = None,
        stress_key: str | None = None,
        group_key: str | None = None,
        units: str | None = None,
        energies: str | PathLike[str] | None = None,
    ) -> Dataset:
        """Read one file or several.

        Energies, forces and stresses are looked for under the names of
        `potscope.core.references.automatic_names`, among the results of attached calculators (for extended XYZ,
        ASE takes ``energy``, ``forces`` and ``stress`` to be such) and among all other named values. One key is
        used for all structures of a file. `keys` and `notes` tell what was found and what was assumed.

        Parameters
        ----------
        *files
            Of these formats, which are recognised by what is in a file; ``.gz`` too:

            - extended and plain XYZ, ASE databases, and whatever else `ase.io.read` knows. Units must be eV, eV/Å and
              eV/Å³, with the stress positive under tension. A key with ``virial`` in its name is taken to be
              −stress × volume, eV, as in extended XYZ of GAP;
            - FitSNAP's JSON (stress in bar, positive under compression; the folder is the group);
            - the JSON of the mlearn benchmark (stress in kbar, positive under compression);
            - ``input.data`` of n2p2 and RuNNer, see `units`;
            - the ``.npz`` of MD17, MD22 and rMD17 (kcal/mol, Å) and the ``.mat`` of QM7 (kcal/mol, Bohr);
            - VASP's ``OUTCAR`` and ``vasprun.xml``, all ionic steps. The energy is the free energy, which the forces
              belong to; the one extrapolated to σ → 0 is ``energy_sigma_0``.

            A folder is read with all that is below it, where its files are all JSON, or XYZ, or OUTCAR, or
            vasprun.xml; the folders in it are the groups.
        energy_key, forces_key, stress_key
            Where to look instead; an empty string for nowhere.
        group_key
            Where the group labels are: by default ``group``, ``config_type``, ``Group`` or ``label``, and
            otherwise the file's name is used. An empty string for the file's name.
        units
            For formats that don't tell their units, and an error for others. ``"ev-angstrom"`` or
            ``"hartree-bohr"`` for ``input.data``, by default what makes neighbours be the sum of their covalent radii
            apart; ``"kcal/mol"`` (the default), ``"eV"`` or ``"hartree"`` for the energies of ``.npz``, forces being
            of this unit and Å; one of these for `energies`, by default eV.
        energies
            A file with the energies of the structures of the one file or folder in `files`: one number a line in the
            structures' order, or a name and a number. Names are those of the files where a folder was read, or
            ``id``, ``name`` or the comment's first word.

        Raises
        ------
        FileNotFoundError
            If a file is missing.
        ValueError
            If a file cannot be understood, no reference is found in any, or a structure or a reference is not
            as it should be. The message names the file and the frame, which are counted from 0.
        """
        if not files:
            raise ValueError("`files`: expected at least one file, got none")
        if energies is not None and len(files) > 1:
            raise ValueError(f"`energies`: expected one file or folder in `files`, got {len(files)}")
        beside = _beside(energies)
        sources = [Source.of_file(file, units, beside) for file in files]
        if beside is not None and energy_key is None:
            energy_key = beside.name
        name = " + ".join(source.stem for source in sources[:3]) + (" + …" if len(sources) > 3 else "")
        gathered = gather(sources, AskedKeys(energy_key, forces_key, stress_key, group_key))
        return cls(**vars(gathered), name=name)

    @classmethod
    def from_structures(
        cls,
        structures: Atoms | Iterable[Atoms],
        energy_key: str | None = None,
        forces_key: str | None = None,
        stress_key: str | None = None,
        group_key: str | None = None,
        name: str = "",
    ) -> Dataset:
        """Take structures that are in memory.

        Parameters
        ----------
        structures
            With results of a calculator or references in `info` and `arrays`. They are copied.
        energy_key, forces_key, stress_key, group_key
            As of `read`.
        name
            What the set is called, also the group of structures without one.

        Raises
        ------
        ValueError, TypeError
            As of `read`.
        """
        found = as_structures(structures)
        if not found:
            raise ValueError("`structures`: expected at least one structure, got none")
        source = Source.of_structures(found, name)
        gathered = gather([source], AskedKeys(energy_key, forces_key, stress_key, group_key))
        return cls(**vars(gathered), name=name)

    def __len__(self) -> int:
        return len(self.structures)

    def __getitem__(self, indices: ArrayLike | slice | SupportsIndex) -> Dataset:
        """Some of the structures: an index, a list or array of them, a slice or a mask."""
        chosen = _chosen(indices, len(self))
        ids, _ = made_unique([self.ids[s] for s in chosen])
        return replace(
            self,
            structures=tuple(self.structures[s] for s in chosen),
            energies=self.energies[chosen],
            forces=tuple(self.forces[s] for s in chosen),
            stresses=self.stresses[chosen],
            groups=tuple(self.groups[s] for s in chosen),
            ids=ids,
        )

    def __repr__(self) -> str:
        known = f"{self.n_energies} energies, {self.n_forces} with forces, {self.n_stresses} stresses"
        groups = f"{len(set(self.groups))} group{'s' * (len(set(self.groups)) != 1)}"
        return f"Dataset({self.name!r}: {len(self)} structures of {' '.join(self.species)}, {known}, {groups})"

    @cached_property
    def species(self) -> tuple[str, ...]:
        """Symbols of the elements, by atomic number."""
        numbers = {int(z) for atoms in self.structures for z in atoms.numbers}
        return tuple(chemical_symbols[z] for z in sorted(numbers))

    @cached_property
    def n_atoms(self) -> IntArray:
        """Number of atoms of each structure, shape (structures,)."""
        return _read_only(np.array([len(atoms) for atoms in self.structures], dtype=np.int64))

    @property
    def n_energies(self) -> int:
        """How many energies are known."""
        return int(np.isfinite(self.energies).sum())

    @property
    def n_forces(self) -> int:
        """How many structures have forces."""
        return sum(forces_nc is not None for forces_nc in self.forces)

    @property
    def n_stresses(self) -> int:
        """How many structures have a stress."""
        return int(np.isfinite(self.stresses).all(axis=1).sum())

    @cached_property
    def group_sizes(self) -> Mapping[str, int]:
        """Number of structures of each group, in the order of the groups' first structures."""
        return dict(Counter(self.groups))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of atomic numbers, positions, cells, periodicity and references, in the order they are in.

        Equal data have equal fingerprints; ids, groups, names and notes do not count.
        """
        digest = hashlib.sha256()
        for s, atoms in enumerate(self.structures):
            digest.update(len(atoms).to_bytes(8, "little"))
            digest.update(atoms.numbers.astype("<i8").tobytes())
            digest.update(atoms.pbc.astype("u1").tobytes())
            forces_nc = self.forces[s]
            digest.update(b"-" if forces_nc is None else b"F")
            for values in (atoms.positions, atoms.cell[:], self.energies[s], self.stresses[s], forces_nc):
                if values is not None:
                    # adding 0 makes −0 into 0, which is equal and must look so
                    digest.update((np.asarray(values, dtype="<f8") + 0.0).tobytes())
        return digest.hexdigest()

    def split_indices(self, test: float | int = 0.1, by: str = "group", seed: int = 0) -> tuple[IntArray, IntArray]:
        """Indices of the structures to train on and of those to test on; see `potscope.core.splits.split_indices`."""
        return split_indices(self.ids, self.groups, test, by, seed)

    def split(self, test: float | int = 0.1, by: str = "group", seed: int = 0) -> tuple[Dataset, Dataset]:
        """Hold some structures out.

        The draw depends on the seed and the ids alone, not on the order of the structures.

        Parameters
        ----------
        test
            A fraction between 0 and 1 (a `float`), or how many structures (an `int`).
        by
            ``"group"`` draws the fraction from each group: the nearest whole number, at least one and never all,
            none from a group of one. ``"random"`` draws from the whole.
        seed
            Another seed, another draw.

        Returns
        -------
        train, test
            Neither is empty; both keep the order of this set.
        """
        train_indices, test_indices = self.split_indices(test, by, seed)
        return self[train_indices], self[test_indices]

    def summary(self) -> str:
        """What was read, where from, and what to know of it, on a few lines."""
        groups = ", ".join(f"{group} {size}" for group, size in self.group_sizes.items())
        n = len(self)
        lines = [
            f"{self.name or 'data'}: {n} structures, {self.n_atoms.sum()} atoms, {' '.join(self.species)}",
            f"energies: {self.n_energies} of {n}" + _from(self.keys.energy),
            f"forces: {self.n_forces} of {n}" + _from(self.keys.forces),
            f"stresses: {self.n_stresses} of {n}" + _from(self.keys.stress),
            f"groups{_from(self.keys.group)}: {groups}",
        ]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def to_structures(self) -> list[Atoms]:
        """Copies of the structures that carry their references, as ``REF_energy`` and so on, group and id."""
        found = []
        for s, atoms in enumerate(self.structures):
            copy = atoms.copy()
            copy.info = {"id": self.ids[s], "group": self.groups[s]}
            if np.isfinite(self.energies[s]):
                copy.info["REF_energy"] = float(self.energies[s])
            if np.isfinite(self.stresses[s]).all():
                copy.info["REF_stress"] = self.stresses[s].copy()
            if (forces_nc := self.forces[s]) is not None:
                copy.arrays["REF_forces"] = forces_nc.copy()
            found.append(copy)
        return found

    def write(self, file: str | PathLike[str]) -> None:
        """Write extended XYZ (``.xyz``, ``.extxyz``, and ``.gz`` of them), which `read` reads again.

        Positions, forces and cells are written to 8 decimal places, as ASE does.
        """
        path = Path(file)
        plain = path.with_suffix("") if path.suffix == ".gz" else path
        if plain.suffix not in (".xyz", ".extxyz"):
            raise ValueError(f"`file`: expected a name that ends in .xyz, .extxyz, or .gz after it, got {path.name!r}")
        ase.io.write(path, self.to_structures(), format="extxyz")


def _read_only(array: NDArray[T]) -> NDArray[T]:
    if not array.flags.writeable:
        return array
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def _beside(energies: str | PathLike[str] | None) -> Path | None:
    if energies is None:
        return None
    if not isinstance(energies, (str, PathLike)):
        raise TypeError(f"`energies`: expected the name of a file, got {shown(energies)}")
    return Path(energies)


def _chosen(indices: ArrayLike | slice | SupportsIndex, n: int) -> IntArray:
    everything: IntArray = np.arange(n, dtype=np.int64)
    if isinstance(indices, slice):
        return everything[indices]
    chosen = np.atleast_1d(np.asarray(indices))
    if chosen.size == 0:
        return everything[:0]
    if chosen.ndim != 1 or chosen.dtype.kind not in "iub":
        raise TypeError(f"`indices`: expected whole numbers, a slice or a mask, got {shown(indices)}")
    if chosen.dtype.kind == "b" and len(chosen) != n:
        raise IndexError(f"`indices`: expected a mask of length {n}, got {len(chosen)}")
    if chosen.dtype.kind != "b" and (chosen.min() < -n or chosen.max() >= n):
        raise IndexError(f"`indices`: expected indices below {n}, got {int(chosen[np.abs(chosen).argmax()])}")
    found: IntArray = everything[chosen]
    return found


def _from(key: str | None) -> str:
    return f" from `{key}`" if key else ""
