"""What the physical checks share: sources of energies, relaxation, and how a number is told."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from potscope.core._types import Array
from potscope.core.dataset import Dataset
from potscope.core.local_updates import Source
from potscope.core.models.base import Potential
from potscope.core.physics.applicability import check_describes
from potscope.core.validation import check_geometry, shown

MOST_STEPS = 300  # of a relaxation; one that needs more has lost its way
MOST_STRETCH = 1.5  # of a cell along any direction; so has this one


@dataclass(frozen=True)
class Quantity:
    """One number that a check has found.

    Attributes
    ----------
    name
        What it is.
    value
        The number; NaN where there is none.
    unit
        Empty for a pure number.
    reference
        What it should be, in the same unit, where that is known.
    """

    name: str
    value: float
    unit: str = ""
    reference: float | None = None


class Found(ABC):
    """What a check has found: a frozen dataclass of numbers, which can be told one by one."""

    @abstractmethod
    def quantities(self) -> tuple[Quantity, ...]:
        """The numbers a person looks at."""


class Unrelaxed(RuntimeError):
    """A relaxation did not end: the forces do not become small."""


def calculator_of(source: Source) -> Calculator:
    """An ASE calculator of a fitted potential, or the one that was given.

    Raises
    ------
    TypeError
        If the source is neither.
    NotFitted
        If the potential is not fitted.
    """
    if isinstance(source, Potential):
        return source.calculator()
    if not isinstance(source, Calculator):
        raise TypeError(f"`source`: expected a potential or an ASE calculator, got {shown(source)}")
    return source


def energies_of(source: Source, structures: Sequence[Atoms]) -> Array:
    """Total energies, eV, shape (structures,); `Meaningless` where there are none."""
    check_describes(source, structures)
    if isinstance(source, Potential):
        return source.predict(structures).energies
    calculator = calculator_of(source)
    return np.array([float(calculator.get_property("energy", atoms.copy())) for atoms in structures])


def forces_of(source: Source, structures: Sequence[Atoms]) -> list[Array]:
    """For each structure eV/Å, shape (atoms, 3); `Meaningless` where there are none."""
    check_describes(source, structures)
    if isinstance(source, Potential):
        return list(source.predict(structures).forces)
    calculator = calculator_of(source)
    return [np.array(calculator.get_property("forces", atoms.copy()), dtype=float) for atoms in structures]


def relaxed(atoms: Atoms, source: Source, *, cell: bool = False, largest_force: float = 1e-3) -> Atoms:
    """A copy moved downhill until all forces are small; without a calculator.

    Parameters
    ----------
    atoms
        Where to start.
    source
        A fitted potential, or an ASE calculator.
    cell
        Whether the cell relaxes too.
    largest_force
        eV/Å, of any atom, and of the cell as `ase.filters.FrechetCellFilter` counts it.

    Raises
    ------
    Meaningless
        If the potential is for other structures.
    Unrelaxed
        If that is not reached in `MOST_STEPS` steps, or a cell is stretched or squeezed by more than `MOST_STRETCH`.
    """
    check_geometry(atoms, "`atoms`")
    check_describes(source, [atoms])
    moving: Atoms = atoms.copy()
    moving.calc = calculator_of(source)
    what: Any = FrechetCellFilter(moving) if cell else moving
    optimiser = BFGS(what, logfile=None)
    if cell:
        optimiser.attach(_check_stretch, before=atoms, after=moving)
    if not optimiser.run(fmax=largest_force, steps=MOST_STEPS):
        raise Unrelaxed(f"forces are not below {largest_force:g} eV/Å after {MOST_STEPS} steps")
    moving.calc = None
    return moving


def _check_stretch(before: Atoms, after: Atoms) -> None:
    stretch_c = np.linalg.svd(np.linalg.solve(before.cell.array, after.cell.array), compute_uv=False)
    if not (stretch_c.min() > 1 / MOST_STRETCH and stretch_c.max() < MOST_STRETCH):
        amounts = " × ".join(f"{stretch:.2g}" for stretch in stretch_c)
        raise Unrelaxed(f"the cell does not come to rest: it is {amounts} of what it was")


def members(reference: Dataset, group: str) -> Dataset:
    """The structures of one group that have an energy.

    Raises
    ------
    ValueError
        If there is none.
    """
    found = reference[
        [s for s, name in enumerate(reference.groups) if name == group and np.isfinite(reference.energies[s])]
    ]
    if len(found) == 0:
        known = ", ".join(map(repr, reference.group_sizes))
        raise ValueError(f"`reference`: expected a group {group!r} with energies, got {known}")
    return found
