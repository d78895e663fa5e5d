"""Which physical checks apply to a potential, and what each is given."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import ase.build
import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, reference_states
from numpy.typing import ArrayLike

from potscope.core.dataset import Dataset
from potscope.core.descriptors.soap_expansion import DensityExpansion
from potscope.core.local_updates import Source
from potscope.core.models.base import Potential
from potscope.core.physics.applicability import Meaningless, check_sizes_compare, descriptor_of, sizes_compare
from potscope.core.physics.common import Found, Quantity, members, relaxed
from potscope.core.physics.curves import degenerate_pairs, dimer_curve, scan
from potscope.core.physics.defects import cut, surface_energy, vacancy_formation, vacancy_of
from potscope.core.physics.elasticity import BULK, elastic_constants
from potscope.core.physics.equation_of_state import EquationOfState, at_volumes, phases
from potscope.core.physics.sizes import size_consistency
from potscope.core.physics.smoothness import cutoff_jump, smoothness
from potscope.core.physics.vibrations import energy_conservation, phonons
from potscope.core.progress import Progress

CHECKS = (
    "size", "dimers", "equation of state", "elastic constants", "vacancy", "surfaces", "phonons", "energy conservation",
    "smoothness", "cutoff", "paths", "degenerate structures",
)  # fmt: skip
MILLER = ((1, 0, 0), (1, 1, 0), (1, 1, 1))
WIDTH = 8.0  # Å, of the cells in which images shall not see what an atom of theirs does

Work: TypeAlias = Callable[[Progress], Found]
Step: TypeAlias = tuple[str, Work]


def species_of(source: Source) -> tuple[str, ...]:
    """Elements that a potential knows.

    Raises
    ------
    ValueError
        If the source does not tell, as ASE calculators do not.
    """
    if isinstance(source, Potential):
        for owner in (descriptor_of(source), source):
            for name in ("species", "species_"):
                if found := getattr(owner, name, None):
                    return tuple(found)
    raise ValueError("`species`: expected the elements, which this source does not tell")


def of_elements(reference: Dataset, species: Collection[str]) -> Dataset:
    """The structures that have no other elements."""
    known = set(species)
    return reference[[s for s, atoms in enumerate(reference.structures) if set(atoms.get_chemical_symbols()) <= known]]


@dataclass(frozen=True)
class Plan:
    """The checks to run, each a name and a function of a progress callback that returns what it found.

    Attributes
    ----------
    source, species
        What is checked, and its elements.
    reference, given, molecule, degenerate, slabs, elastic, frequencies, cutoff
        As `report` takes them; the structures of the reference have no other elements.
    """

    source: Source
    species: tuple[str, ...]
    reference: Dataset | None
    given: Atoms | None
    molecule: Atoms | None
    degenerate: Dataset | None
    slabs: Mapping[str, tuple[Atoms, float | None]]
    elastic: Mapping[str, float] | None
    frequencies: Mapping[str, ArrayLike] | None
    cutoff: float | None

    def __iter__(self) -> Iterator[Step]:
        crystal = self._crystal()
        structure = crystal if crystal is not None else self._molecule()
        if structure is not None:
            yield "size", _quiet(size_consistency, self.source, structure)
        yield from self._dimers()
        if self._groups("eos "):
            yield "equation of state", _quiet(phases, self.source, self._of("eos "))
        elif crystal is not None:
            yield "equation of state", lambda _: _own_phase(self.source, crystal)
        if crystal is not None:
            yield from self._of_crystal(crystal)
        if structure is not None:
            large = repeated(structure, WIDTH) if sizes_compare(self.source) else structure
            yield "energy conservation", lambda progress: energy_conservation(self.source, large, progress=progress)
            yield "smoothness", _quiet(smoothness, self.source, large)
        yield from self._crossings(structure)
        for group in self._groups("torsion"):
            yield "paths", _quiet(_named, group, scan, self.source, self._of(group), group)
        if self.degenerate is not None:
            pairs = of_elements(self.degenerate, self.species)
            if {"first", "second"} <= set(pairs.groups):
                yield "degenerate structures", _quiet(degenerate_pairs, self.source, pairs)

    def _groups(self, prefix: str) -> list[str]:
        return [] if self.reference is None else [g for g in self.reference.group_sizes if g.startswith(prefix)]

    def _of(self, prefix: str) -> Dataset:
        """The structures of the groups that begin so."""
        if self.reference is None:
            raise ValueError("`reference`: expected a data set, got None")
        return self.reference[[s for s, group in enumerate(self.reference.groups) if group.startswith(prefix)]]

    def _dimers(self) -> Iterator[Step]:
        for pair in itertools.combinations_with_replacement(self.species, 2):
            name, numbers = "-".join(pair), sorted(atomic_numbers[symbol] for symbol in pair)
            for group in self._groups("dimer"):
                data = members(self._of(group), group)
                if sorted(data.structures[0].numbers) == numbers:
                    yield "dimers", _quiet(_named, name, dimer_curve, self.source, pair, reference=data)
            yield "dimers", _quiet(_named, f"{name} alone", dimer_curve, self.source, pair)

    def _crystal(self) -> Atoms | None:
        if self.given is not None:
            return self.given
        if self._groups("eos "):
            data = self._of("eos ")
            return data.structures[int(np.nanargmin(data.energies / data.n_atoms))]
        if len(self.species) == 1:
            state = reference_states[atomic_numbers[self.species[0]]] or {}
            if state.get("symmetry") in ("fcc", "bcc", "diamond"):
                crystal: Atoms = ase.build.bulk(self.species[0], cubic=True)
                return crystal
        return None

    def _molecule(self) -> Atoms | None:
        if self.molecule is not None:
            return self.molecule
        groups = self._groups("torsion")
        return self._of(groups[0]).structures[0] if groups else None

    def _of_crystal(self, crystal: Atoms) -> Iterator[Step]:
        source = self.source
        elastic = self._elastic()
        yield (
            "elastic constants",
            lambda progress: elastic_constants(source, crystal, reference=elastic, progress=progress),
        )
        if self._groups("vacancy"):
            yield "vacancy", _quiet(_vacancy, source, self._of("vacancy"))
        elif len(set(crystal.numbers.tolist())) == 1:
            yield "vacancy", lambda _: vacancy_formation(source, repeated(relaxed(crystal, source, cell=True), WIDTH))
        for name, (slab, energy) in self.slabs.items():
            yield "surfaces", _quiet(surface_energy, source, slab, crystal, name, energy)
        if not self.slabs and np.allclose(crystal.cell.angles(), 90.0):
            for miller in MILLER:
                yield "surfaces", _quiet(_surface, source, crystal, miller)
        yield "phonons", _quiet(_phonons, source, crystal, self.frequencies)

    def _elastic(self) -> dict[str, float]:
        """What is known of elastic constants, with the bulk modulus of the lowest phase where that is the crystal."""
        known = dict(self.elastic or {})
        if BULK not in known and self.given is None and self._groups("eos "):
            data = self._of("eos ")
            phase = data.groups[int(np.nanargmin(data.energies / data.n_atoms))]
            own = members(data, phase)
            curve = EquationOfState.through(phase, own.structures, own.energies)
            known |= {BULK: curve.bulk_modulus} if np.isfinite(curve.bulk_modulus) else {}
        return known

    def _crossings(self, structure: Atoms | None) -> Iterator[Step]:
        for pair, (edge, distance) in itertools.product(itertools.product(self.species, repeat=2), self._edges()):
            around = structure if structure is not None and pair[0] in structure.get_chemical_symbols() else None
            yield "cutoff", _quiet(cutoff_jump, self.source, pair, distance, around, edge)

    def _edges(self) -> list[tuple[str, float]]:
        """Where neighbours are crossed, and what is there: the cutoff, and where a smooth step down to it begins."""
        descriptor: object = descriptor_of(self.source)
        reach = getattr(self.source, "reach", getattr(descriptor, "reach", None))
        edges = [("the cutoff", reach if self.cutoff is None else self.cutoff)]
        if isinstance(descriptor, DensityExpansion) and descriptor.smoothing != "none":
            edges.append(("the beginning of the cutoff", descriptor.cutoff - descriptor.smoothing_width))
        return [(edge, distance) for edge, distance in edges if distance]


def _quiet(function: Callable[..., Found], *arguments: object, **keywords: object) -> Work:
    """A call that has no use for a progress callback."""
    return lambda _: function(*arguments, **keywords)


@dataclass(frozen=True)
class _Named(Found):
    """What was found, with a name before each quantity."""

    name: str
    found: Found

    def quantities(self) -> tuple[Quantity, ...]:
        """Those of what was found."""
        return tuple(replace(q, name=f"{self.name}: {q.name}") for q in self.found.quantities())


def _named(name: str, function: Callable[..., Found], *arguments: object, **keywords: object) -> Found:
    try:
        return _Named(name, function(*arguments, **keywords))
    except Meaningless as reason:
        raise Meaningless(f"{name}: {reason}") from reason


def _own_phase(source: Source, crystal: Atoms) -> Found:
    return phases(source, {"crystal": at_volumes(relaxed(crystal, source, cell=True))})


def _vacancy(source: Source, reference: Dataset) -> Found:
    perfect, energy = vacancy_of(reference)
    return vacancy_formation(source, perfect, reference=energy)


def _phonons(source: Source, crystal: Atoms, reference: Mapping[str, ArrayLike] | None) -> Found:
    check_sizes_compare(source)
    return phonons(source, relaxed(crystal, source, cell=True, largest_force=1e-4), reference=reference)


def _surface(source: Source, crystal: Atoms, miller: tuple[int, int, int]) -> Found:
    rest = relaxed(crystal, source, cell=True)
    return surface_energy(source, cut(rest, miller), rest, f"({''.join(map(str, miller))})")


def repeated(structure: Atoms, width: float) -> Atoms:
    """A periodic structure repeated until it is as wide as that, Å, in each periodic direction; others as they are."""
    if not structure.pbc.any():
        return structure
    heights_d = 1 / np.linalg.norm(structure.cell.complete().reciprocal().array, axis=1)
    ratio_d = np.where(structure.pbc, np.ceil(width / heights_d - 1e-6), 1).astype(int)
    large: Atoms = structure * tuple(ratio_d.tolist())
    return large
