"""Structures with references, random but repeatable, for tests of data sets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import strategies as st


def random_structure(rng: np.random.Generator, n_atoms: int = 4, pbc: bool | tuple[bool, ...] = True) -> Atoms:
    """Atoms of three elements at random places of a sheared cell."""
    cell_cc = 4 * np.eye(3) + rng.uniform(-0.5, 0.5, (3, 3))
    positions_nc = rng.uniform(0, 1, (n_atoms, 3)) @ cell_cc
    return Atoms(rng.choice([1, 8, 14], n_atoms), positions_nc, cell=cell_cc, pbc=pbc)


def with_results(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """A copy with energy, forces and stress as results of a calculator."""
    copy = atoms.copy()
    copy.calc = SinglePointCalculator(
        copy, energy=rng.normal(), forces=rng.normal(size=(len(copy), 3)), stress=rng.normal(size=6) / 100
    )
    return copy


def with_keys(atoms: Atoms, rng: np.random.Generator, prefix: str = "REF_") -> Atoms:
    """A copy with energy, forces and stress under names."""
    copy = atoms.copy()
    copy.info[f"{prefix}energy"] = rng.normal()
    copy.info[f"{prefix}stress"] = rng.normal(size=6) / 100
    copy.arrays[f"{prefix}forces"] = rng.normal(size=(len(copy), 3))
    return copy


@st.composite
def labelled_structures(draw: st.DrawFn) -> list[Atoms]:
    """A few structures, each with an energy and perhaps forces, stress and periodicity."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    found = []
    for index in range(draw(st.integers(1, 6))):
        pbc = tuple(draw(st.lists(st.booleans(), min_size=3, max_size=3)))
        atoms = random_structure(rng, draw(st.integers(1, 5)), pbc)
        atoms.info = {"id": f"s-{index}", "group": draw(st.sampled_from(["solid", "liquid melt", "slab_100"]))}
        atoms.info["REF_energy"] = draw(st.floats(-1e6, 1e6, allow_nan=False))
        if draw(st.booleans()):
            atoms.arrays["REF_forces"] = rng.normal(size=(len(atoms), 3))
        if draw(st.booleans()):
            atoms.info["REF_stress"] = rng.normal(size=6)
        found.append(atoms)
    return found


def silicon_with_noise(count: int, seed: int, derivatives: bool = False) -> list[Atoms]:
    """Rattled cells of two silicon atoms with random energies and, where asked for, random forces and stresses."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        atoms = bulk("Si")
        atoms.positions += rng.normal(0, 0.15, (2, 3))
        atoms.info["REF_energy"] = rng.normal() - 10
        if derivatives:
            atoms.arrays["REF_forces"] = rng.normal(size=(2, 3))
            atoms.info["REF_stress"] = rng.normal(size=6) / 50
        made.append(atoms)
    return made


def by_emt(atoms: Atoms, group: str) -> Atoms:
    """A copy with energy, forces and stress of ASE's effective medium theory."""
    atoms = atoms.copy()
    atoms.calc = EMT()
    copy = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    copy.info.update(REF_energy=atoms.get_potential_energy(), REF_stress=atoms.get_stress(), group=group)
    copy.arrays["REF_forces"] = atoms.get_forces()
    return copy


def emt_alloys(
    count: int, seed: int = 0, strain: float = 0.03, groups: Sequence[str] = ("EMT",), rattle: float = 0.1
) -> list[Atoms]:
    """Strained and rattled cells of four atoms of copper and gold, their groups in turn."""
    rng = np.random.default_rng(seed)
    made = []
    for k in range(count):
        atoms = bulk("Cu", cubic=True, a=3.8)
        atoms.numbers[rng.random(4) < 0.4] = 79
        atoms.set_cell(atoms.cell[:] @ (np.eye(3) + rng.normal(0, strain, (3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(0, rattle, (4, 3))
        made.append(by_emt(atoms, groups[k % len(groups)]))
    return made
