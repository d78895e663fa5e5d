"""Pair potentials with known properties, as ASE calculators."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from potscope.core.models.local_energies import voigt
from potscope.core.pairs import Pairs

Function = Callable[[np.ndarray], np.ndarray]


class Pairwise(Calculator):
    """E = ½ Σ φ(r) over pairs nearer than a cutoff, whatever φ is there."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, phi: Function, slope: Function, cutoff: float) -> None:
        super().__init__()
        self.phi, self.slope, self.cutoff = phi, slope, cutoff

    def calculate(self, atoms: Atoms, properties=("energy",), system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        pairs = Pairs.from_structures(atoms, self.cutoff)
        g_pc = (self.slope(pairs.r_p) / 2 / pairs.r_p)[:, None] * pairs.D_pc
        self.results = {"energy": float(self.phi(pairs.r_p).sum() / 2), "forces": pairs.forces(g_pc)}
        if atoms.cell.rank == 3:
            self.results["stress"] = voigt(-pairs.virials(g_pc) / atoms.get_volume())[0]


def springs(*shells: tuple[float, float]) -> Pairwise:
    """Springs (k, r₀) to neighbours nearer than 1.15 r₀ and not nearer than 0.85 r₀."""

    def of(function: Callable[[np.ndarray, float, float], np.ndarray]) -> Function:
        return lambda r: sum(np.where(np.abs(r / r0 - 1) < 0.15, function(r, k, r0), 0.0) for k, r0 in shells)

    return Pairwise(
        of(lambda r, k, r0: k / 2 * (r - r0) ** 2),
        of(lambda r, k, r0: k * (r - r0)),
        1.15 * max(r0 for _, r0 in shells),
    )


def square_well(depth: float, cutoff: float) -> Pairwise:
    """Every neighbour nearer than the cutoff is worth a depth, wherever it is."""
    return Pairwise(lambda r: np.full_like(r, -depth), np.zeros_like, cutoff)


def morse(depth: float, decay: float, r0: float, cutoff: float) -> Pairwise:
    """D[e^(−2α(r−r₀)) − 2e^(−α(r−r₀))], cut off without any smoothing."""

    def x(r: np.ndarray) -> np.ndarray:
        return np.exp(-decay * (r - r0))

    return Pairwise(lambda r: depth * (x(r) ** 2 - 2 * x(r)), lambda r: -2 * decay * depth * (x(r) ** 2 - x(r)), cutoff)
