"""What it costs to take an atom out of a crystal, and to cut it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ase.build
import numpy as np
from ase import Atoms, units

from potscope.core.dataset import Dataset
from potscope.core.local_updates import Source
from potscope.core.physics.applicability import check_sizes_compare
from potscope.core.physics.common import Found, Quantity, energies_of, relaxed
from potscope.core.validation import check_integer, check_positive

J_PER_M2 = units.J / units.m**2  # eV/Å²


@dataclass(frozen=True)
class VacancyFormation(Found):
    """The energy of a vacancy.

    Attributes
    ----------
    energy, unrelaxed
        With the atoms around it relaxed at a fixed cell, and where they were, eV.
    n_atoms
        Of the cell without the vacancy.
    reference
        What `energy` should be, eV; None where it is not known.
    """

    energy: float
    unrelaxed: float
    n_atoms: int
    reference: float | None = None

    def quantities(self) -> tuple[Quantity, ...]:
        """Relaxed and not."""
        return (
            Quantity(f"formation energy, {self.n_atoms} atoms", self.energy, "eV", self.reference),
            Quantity("unrelaxed", self.unrelaxed, "eV"),
        )


def vacancy_formation(
    source: Source, perfect: Atoms, remove: int = 0, reference: float | None = None, largest_force: float = 5e-3
) -> VacancyFormation:
    r"""Take an atom out, and relax the others at a fixed cell.

    .. math:: E_f = E_{N-1} - \frac{N-1}{N} E_N

    Parameters
    ----------
    source
        A fitted potential, or an ASE calculator.
    perfect
        A crystal of one element, in a cell that keeps images of the vacancy apart.
    remove
        Which atom.
    reference
        What comes out should be, eV.
    largest_force
        Where the relaxation ends, eV/Å.

    Raises
    ------
    Meaningless
        If energies of cells of different sizes do not compare.
    ValueError
        If the crystal has several elements or fewer than two atoms, or no such atom.
    Unrelaxed
        If the relaxation does not end.
    """
    if len(set(perfect.numbers.tolist())) != 1 or len(perfect) < 2:
        raise ValueError(
            f"`perfect`: expected atoms of one element, at least two, got {perfect.get_chemical_formula()}"
        )
    check_integer("remove", remove, low=0, high=len(perfect) - 1)
    check_sizes_compare(source)
    hole = perfect.copy()
    del hole[remove]
    whole, unrelaxed, energy = energies_of(source, [perfect, hole, relaxed(hole, source, largest_force=largest_force)])
    share = len(hole) / len(perfect) * whole
    return VacancyFormation(float(energy - share), float(unrelaxed - share), len(perfect), reference)


def vacancy_of(reference: Dataset) -> tuple[Atoms, float]:
    """The perfect crystal among structures of a vacancy, and the formation energy (eV) of the lowest of the others.

    Raises
    ------
    ValueError
        If there are not structures of two sizes that differ by an atom.
    """
    count_s = reference.n_atoms
    sizes = np.unique(count_s).tolist()
    if len(sizes) != 2 or sizes[1] - sizes[0] != 1:
        raise ValueError(f"`reference`: expected crystals with and without an atom, got sizes {sizes}")
    perfect = int(count_s.argmax())
    lowest = float(reference.energies[count_s == sizes[0]].min())
    return reference.structures[perfect], lowest - sizes[0] / sizes[1] * float(reference.energies[perfect])


@dataclass(frozen=True)
class SurfaceEnergy(Found):
    """The energy of a surface, of which a slab has two.

    Attributes
    ----------
    name
        Which surface.
    energy, unrelaxed
        With the slab relaxed at a fixed cell, and as it was cut, J/m².
    reference
        What `unrelaxed` should be, J/m²; None where it is not known.
    """

    name: str
    energy: float
    unrelaxed: float
    reference: float | None = None

    def quantities(self) -> tuple[Quantity, ...]:
        """Relaxed and not."""
        return (
            Quantity(f"{self.name}: as cut", self.unrelaxed, "J/m²", self.reference),
            Quantity(f"{self.name}: relaxed", self.energy, "J/m²"),
        )


def surface_energy(
    source: Source,
    slab: Atoms,
    bulk: Atoms,
    name: str = "surface",
    reference: float | None = None,
    largest_force: float = 0.02,
) -> SurfaceEnergy:
    r"""Compare a slab with as many atoms of the bulk.

    .. math:: \gamma = \frac{1}{2A}\left( E_\text{slab} - N_\text{slab} \frac{E_\text{bulk}}{N_\text{bulk}} \right)

    Parameters
    ----------
    source
        A fitted potential, or an ASE calculator.
    slab
        With two equal surfaces across its third cell vector, as `cut` makes it.
    bulk
        The crystal it is cut of, of the same composition.
    name
        What the surface is called.
    reference
        What the unrelaxed energy should be, J/m².
    largest_force
        Where the relaxation ends, eV/Å.

    Raises
    ------
    Meaningless
        If energies of cells of different sizes do not compare.
    ValueError
        If the two differ in their composition.
    Unrelaxed
        If the relaxation does not end.
    """
    shares = [np.unique(atoms.numbers, return_counts=True) for atoms in (slab, bulk)]
    if not np.array_equal(shares[0][0], shares[1][0]) or not np.allclose(*(c / c.sum() for _, c in shares)):
        raise ValueError(f"`slab`: expected the composition of the bulk, {bulk.symbols}, got {slab.symbols}")
    check_sizes_compare(source)
    cut_energy, energy, whole = energies_of(source, [slab, relaxed(slab, source, largest_force=largest_force), bulk])
    both_sides = 2 * float(np.linalg.norm(np.cross(slab.cell[0], slab.cell[1])))
    per_slab = whole * len(slab) / len(bulk)
    gamma, unrelaxed = ((e - per_slab) / both_sides / J_PER_M2 for e in (energy, cut_energy))
    return SurfaceEnergy(name, float(gamma), float(unrelaxed), reference)


def surfaces_of(reference: Dataset, ids: Mapping[str, str], bulk_energy: float) -> dict[str, tuple[Atoms, float]]:
    """Slabs of a data set, and what their surfaces cost as they are.

    Parameters
    ----------
    reference
        Structures with energies, among them slabs with two equal surfaces across their third cell vector.
    ids
        For each surface that of its slab, such as ``{"(100)": "slab-000"}``.
    bulk_energy
        Of the crystal that they are cut of, by the same method, eV/atom.

    Returns
    -------
    dict
        For each surface the slab and its energy, J/m², as `report` takes them.

    Raises
    ------
    ValueError
        If there is no such structure, or it has no energy.
    """
    found = {}
    for name, wanted in ids.items():
        if wanted not in reference.ids or not np.isfinite(reference.energies[reference.ids.index(wanted)]):
            raise ValueError(f"`ids`: expected a structure with an energy for {name}, got {wanted!r}")
        s = reference.ids.index(wanted)
        slab = reference.structures[s]
        both_sides = 2 * float(np.linalg.norm(np.cross(slab.cell[0], slab.cell[1])))
        found[name] = slab, float(reference.energies[s] - len(slab) * bulk_energy) / both_sides / J_PER_M2
    return found


def cut(crystal: Atoms, miller: tuple[int, int, int], thickness: float = 12.0, vacuum: float = 10.0) -> Atoms:
    """A slab of a crystal given in its conventional cell, by `ase.build.surface`.

    Parameters
    ----------
    crystal
        The conventional cell.
    miller
        Of the surface.
    thickness
        At least, Å.
    vacuum
        Between the slab and its image, Å.
    """
    check_positive("thickness", thickness)
    one = ase.build.surface(crystal, miller, 1, periodic=True)
    height = float(one.get_volume() / np.linalg.norm(np.cross(one.cell[0], one.cell[1])))
    slab: Atoms = ase.build.surface(
        crystal, miller, max(2, int(np.ceil(thickness / height))), vacuum / 2, periodic=True
    )
    return slab
