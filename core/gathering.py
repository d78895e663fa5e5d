"""From structures as they were read to clean structures, references, groups and ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np
from ase import Atoms

from potscope.core import labels, references
from potscope.core._types import Array
from potscope.core.labels import made_unique
from potscope.core.reading import read, stem
from potscope.core.references import KeyChoices, NoReferences, ReferenceKeys
from potscope.core.validation import check_geometry, shown

QUANTITIES = ("energy", "forces", "stress", "group")


@dataclass(frozen=True)
class AskedKeys:
    """Keys that were asked for."""

    energy: str | None
    forces: str | None
    stress: str | None
    group: str | None


@dataclass(frozen=True)
class Source:
    """Structures from one place, how to speak of them, and what was assumed in reading them."""

    structures: list[Atoms]
    argument: str
    stem: str
    prefix: str
    where: Callable[[int], str]
    notes: tuple[str, ...] = ()

    @classmethod
    def of_file(cls, file: str | PathLike[str], units: str | None = None, energies: Path | None = None) -> Source:
        """All structures of a file or a folder."""
        if not isinstance(file, (str, PathLike)):
            raise TypeError(f"`files`: expected names of files, got {shown(file)}")
        path = Path(file)
        name = stem(path)
        reading = read(path, units, energies)
        return cls(
            structures=reading.structures,
            argument="`files`",
            stem=name,
            prefix=f"{name}:",
            where=lambda index: f"`files`: {reading.places[index]}",
            notes=tuple(reading.notes),
        )

    @classmethod
    def of_structures(cls, structures: list[Atoms], name: str) -> Source:
        """Structures in memory."""
        return cls(structures, "`structures`", name or "structures", "", lambda index: f"`structures`[{index}]")


@dataclass(frozen=True)
class Gathered:
    """What came out of one source or of several; the fields of a `Dataset` but for the name."""

    structures: tuple[Atoms, ...]
    energies: Array
    forces: tuple[Array | None, ...]
    stresses: Array
    groups: tuple[str, ...]
    ids: tuple[str, ...]
    keys: ReferenceKeys
    notes: tuple[str, ...]


def gather(sources: Sequence[Source], asked: AskedKeys) -> Gathered:
    """Check the structures, find their references, groups and ids, and lay them end to end.

    Parameters
    ----------
    sources
        At least one; a key is chosen for each separately.
    asked
        Keys to be used.

    Raises
    ------
    ValueError
        If a structure or a reference is not as it should be, or there is no reference at all.
    """
    parts = [_understood(source, asked) for source in sources]
    keys = _joined_keys([part.keys for part in parts])
    _check_found(keys, asked, sources)
    ids, n_renamed = made_unique([one for part in parts for one in part.ids])
    notes = _notes_of_all([source.stem for source in sources], [part.notes for part in parts])
    notes += _notes_on_different_keys([part.keys for part in parts])
    if n_renamed:
        notes.append(f"ids: # and a number added to {n_renamed} that occurred before")
    whole = Gathered(
        structures=tuple(atoms for part in parts for atoms in part.structures),
        energies=np.concatenate([part.energies for part in parts]),
        forces=tuple(forces_nc for part in parts for forces_nc in part.forces),
        stresses=np.concatenate([part.stresses for part in parts]),
        groups=tuple(group for part in parts for group in part.groups),
        ids=ids,
        keys=keys,
        notes=(),
    )
    return replace(whole, notes=(*notes, *_notes_on_unknown(whole)))


def _understood(source: Source, asked: AskedKeys) -> Gathered:
    structures = source.structures
    for s, atoms in enumerate(structures):
        check_geometry(atoms, source.where(s))
    values = [references.named_values(atoms) for atoms in structures]
    sizes = [len(atoms) for atoms in structures]
    keys, key_notes = references.find_keys(values, sizes, asked.energy, asked.forces, asked.stress)
    found, reference_notes = references.extract(structures, values, keys, source.where)
    group_key = labels.find_group_key(values, asked.group)
    groups, group_notes = labels.groups_of(values, group_key, source.stem)
    return Gathered(
        structures=tuple(_clean(atoms) for atoms in structures),
        energies=found.energies_s,
        forces=found.forces,
        stresses=found.stresses_sv,
        groups=groups,
        ids=labels.ids_of(values, source.prefix),
        keys=replace(keys, group=group_key),
        notes=(*source.notes, *key_notes, *reference_notes, *group_notes),
    )


def _notes_of_all(names: Sequence[str], notes: Sequence[Sequence[str]]) -> list[str]:
    """Each note once, with the names of those it is on unless it is on all."""
    names_of: dict[str, list[str]] = {}
    for name, some in zip(names, notes, strict=True):
        for note in some:
            names_of.setdefault(note, []).append(name)
    found = []
    for note, of in names_of.items():
        few = ", ".join(of[:3]) + (f" and {len(of) - 3} more" if len(of) > 3 else "")
        found.append(note if len(of) == len(names) else f"{few}: {note}")
    return found


def _notes_on_different_keys(keys: Sequence[ReferenceKeys]) -> list[str]:
    notes = []
    for quantity in QUANTITIES:
        found = dict.fromkeys(f"`{key}`" for one in keys if (key := getattr(one, quantity)) is not None)
        if len(found) > 1:
            notes.append(f"{quantity}: the files use different keys, {', '.join(found)}")
    return notes


def _notes_on_unknown(whole: Gathered) -> list[str]:
    n = len(whole.structures)
    n_unknown = {
        "energy": np.isnan(whole.energies).sum(),
        "forces": sum(forces_nc is None for forces_nc in whole.forces),
        "stress": np.isnan(whole.stresses).any(axis=1).sum(),
    }
    return [
        f"{quantity}: unknown for {count} of {n} structures"
        for quantity, count in n_unknown.items()
        if count and getattr(whole.keys, quantity) is not None
    ]


def _check_found(keys: ReferenceKeys, asked: AskedKeys, sources: Sequence[Source]) -> None:
    there = sorted(
        {name for source in sources for atoms in source.structures for name in references.named_values(atoms)}
    )
    present = ", ".join(f"`{name}`" for name in there) or "none at all"
    for quantity in QUANTITIES:
        if getattr(asked, quantity) and getattr(keys, quantity) is None:
            raise ValueError(
                f"`{quantity}_key`: no structure has {getattr(asked, quantity)!r}; the keys there: {present}"
            )
    if keys.energy is None and keys.forces is None and keys.stress is None:
        raise NoReferences(
            f"{sources[0].argument}: expected reference energies, forces or stresses, found none; "
            f"the keys there: {present}; "
            "if one of them is a reference, name it with `energy_key`, `forces_key` or `stress_key`",
            keys.choices,
        )


def _joined_keys(keys: Sequence[ReferenceKeys]) -> ReferenceKeys:
    def joined(quantity: str) -> str | None:
        found = dict.fromkeys(getattr(one, quantity) for one in keys)
        return " + ".join(key for key in found if key is not None) or None

    def choices(quantity: str) -> tuple[str, ...]:
        return tuple(sorted({name for one in keys for name in getattr(one.choices, quantity)}))

    every = KeyChoices(**{quantity: choices(quantity) for quantity in QUANTITIES})
    return ReferenceKeys(**{quantity: joined(quantity) for quantity in QUANTITIES}, choices=every)


def _clean(atoms: Atoms) -> Atoms:
    """A copy with numbers, positions, cell and periodicity, all read-only, and nothing else."""
    copy = Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell[:], pbc=atoms.pbc)
    for array in (*copy.arrays.values(), copy.cell.array, copy.pbc):
        array.flags.writeable = False
    return copy
