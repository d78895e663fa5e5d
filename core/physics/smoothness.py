"""Whether energy and forces are as smooth as dynamics needs them: along lines, and where a neighbour leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from potscope.core._types import Array
from potscope.core.local_updates import Source
from potscope.core.physics.common import Found, Quantity, energies_of, forces_of
from potscope.core.physics.curves import bond_length
from potscope.core.validation import check_geometry, check_integer, check_positive

HALVINGS = 20  # of a step that is suspect: what a millionth of it leaves is a jump
KINK_HALVINGS = 9  # of steps about a kink, whose slopes are differences: more would be their rounding
BESIDE = 1e-5  # Å, on either side of the cutoff


@dataclass(frozen=True, eq=False)
class Smoothness(Found):
    """Energies and forces as one atom moves along straight lines.

    Attributes
    ----------
    step
        Distance between points of a line, Å.
    second_difference
        The largest change of the change of a force component from one step to the next, eV/Å.
    energy_mismatch
        The largest difference between the change of the energy over a step and the integral of the force, eV.
    jump
        What is left of the change of a force over the step in which they bend most, and over that whose integral is
        farthest from the energy, once these are halved `HALVINGS` times, eV/Å; zero for continuous forces.
    kink
        What is left of the change of the derivative of a force between two steps, those about the largest change of
        the fourth differences, once these are halved `KINK_HALVINGS` times, eV/Å²; near zero for forces whose
        derivative is continuous. Phonons and elastic constants are derivatives of forces.
    """

    step: float
    second_difference: float
    energy_mismatch: float
    jump: float
    kink: float

    def quantities(self) -> tuple[Quantity, ...]:
        """All of them."""
        return (
            Quantity(f"second difference of forces, steps of {self.step:g} Å", self.second_difference, "eV/Å"),
            Quantity("energy less the integral of the forces", self.energy_mismatch, "eV", 0.0),
            Quantity("jump of a force", self.jump, "eV/Å", 0.0),
            Quantity("jump of a force's derivative", self.kink, "eV/Å²", 0.0),
        )


def smoothness(
    source: Source, atoms: Atoms, lines: int = 3, length: float = 2.0, points: int = 101, seed: int = 0
) -> Smoothness:
    r"""Move an atom along straight lines through where it is, in directions by chance.

    Within a step h, the energy changes by the integral of the forces, here by Simpson's rule with the middle
    point, whose error is of the order of :math:`h^5`:

    .. math:: E(x + h) - E(x) = -\frac h6 \left[ F(x) + 4 F(x + \tfrac h2) + F(x + h) \right]

    Parameters
    ----------
    source
        A fitted potential, or an ASE calculator.
    atoms
        A structure; the line of each is that of another atom, by chance.
    lines, length, points
        How many lines, how long, Å, and with how many points.
    seed
        Of atoms and directions.

    Raises
    ------
    ValueError
        If an argument is not as expected.
    """
    check_geometry(atoms, "`atoms`")
    check_integer("lines", lines, low=1)
    check_integer("points", points, low=5)
    check_positive("length", length)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(lines):
        direction_c = rng.normal(size=3)
        direction_c /= np.linalg.norm(direction_c)
        found.append(_Line(source, atoms, int(rng.integers(len(atoms))), direction_c).look(length, points))
    return Smoothness(length / (points - 1), *(float(column.max()) for column in np.array(found).T))


@dataclass(frozen=True, eq=False)
class _Line:
    source: Source
    atoms: Atoms
    member: int
    direction_c: Array

    def at(self, x_k: ArrayLike) -> list[Atoms]:
        found = []
        for x in np.asarray(x_k, float):
            atoms = self.atoms.copy()
            atoms.positions[self.member] += x * self.direction_c
            found.append(atoms)
        return found

    def look(self, length: float, points: int) -> tuple[float, float, float, float]:
        x_k = np.linspace(-length / 2, length / 2, 2 * points - 1)  # and the middles
        energy_k, force_knc = energies_of(self.source, self.at(x_k)), np.array(forces_of(self.source, self.at(x_k)))
        along_k = force_knc[:, self.member] @ self.direction_c
        step = x_k[2] - x_k[0]
        work_j = step / 6 * (along_k[:-2:2] + 4 * along_k[1:-1:2] + along_k[2::2])
        mismatch_j = np.abs(np.diff(energy_k[::2]) + work_j)
        bend_j = np.abs(np.diff(force_knc[::2], n=2, axis=0)).max(axis=(1, 2))
        # a smooth wall may bend more than a jump does, but its integral is right
        bent, torn = 2 * int(bend_j.argmax()), 2 * int(mismatch_j.argmax())
        jump = max(self._jump(x_k[bent], x_k[bent + 4]), self._jump(x_k[torn], x_k[torn + 2]))
        rough_j = np.abs(np.diff(force_knc[::2], n=4, axis=0)).max(axis=(1, 2))
        kinked = 2 * int(rough_j.argmax())
        kink = self._kink(x_k[kinked + 4], float(step))
        return float(bend_j.max()), float(mismatch_j.max()), jump, kink

    def _kink(self, centre: float, step: float) -> float:
        """Halve a step, and keep that of five points about which the slope changes most."""
        change = 0.0
        for _ in range(KINK_HALVINGS):
            around_k = centre + step * np.arange(-2, 3)
            change_knc = np.diff(np.array(forces_of(self.source, self.at(around_k))), n=2, axis=0) / step
            change_k = np.abs(change_knc).max(axis=(1, 2))
            centre, change = float(around_k[1 + int(change_k.argmax())]), float(change_k.max())
            step /= 2
        return change

    def _jump(self, low: float, high: float) -> float:
        """Halve a step again and again, and keep the half in which forces change more."""
        low_nc, high_nc = forces_of(self.source, self.at([low, high]))
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            (middle_nc,) = forces_of(self.source, self.at([middle]))
            if np.abs(middle_nc - low_nc).max() > np.abs(high_nc - middle_nc).max():
                high, high_nc = middle, middle_nc
            else:
                low, low_nc = middle, middle_nc
        return float(np.abs(high_nc - low_nc).max())


@dataclass(frozen=True)
class CutoffJump(Found):
    """What happens to energy and forces as an atom crosses the cutoff of another.

    Attributes
    ----------
    elements
        Of the central atom, and of the one that crosses.
    cutoff
        Å.
    energy, force, stiffness
        The jump of the energy, eV, the largest of a force component, eV/Å, and the largest of the derivative of one,
        eV/Å².
    edge
        What is crossed there.
    """

    elements: tuple[str, str]
    cutoff: float
    energy: float
    force: float
    stiffness: float
    edge: str = "the cutoff"

    def quantities(self) -> tuple[Quantity, ...]:
        """The distance and the three jumps."""
        words = f"{self.elements[1]} crosses {self.edge} of {self.elements[0]}"
        return (
            Quantity(f"{words}: at", self.cutoff, "Å"),
            Quantity(f"{words}: energy", self.energy, "eV", 0.0),
            Quantity(f"{words}: force", self.force, "eV/Å", 0.0),
            Quantity(f"{words}: derivative of a force", self.stiffness, "eV/Å²", 0.0),
        )


def cutoff_jump(
    source: Source,
    elements: tuple[str, str],
    cutoff: float,
    surroundings: Atoms | None = None,
    edge: str = "the cutoff",
) -> CutoffJump:
    """Let an atom cross the cutoff of another that has neighbours, or any other distance from it.

    The central atom and those within 0.8 of the cutoff about it make a cluster. The other atom stands where it is
    farthest from all others, at two distances inside and two outside of the cutoff of the central one; straight lines
    through each two meet at the cutoff, or differ there by the jump.

    Parameters
    ----------
    source
        A fitted potential, or an ASE calculator.
    elements
        Of the central atom and of the one that crosses.
    cutoff
        Å.
    surroundings
        A structure with an atom of the first element, the first of which is the centre; by default the centre and two
        neighbours of its kind, a bond's length away at an angle of 109°.
    edge
        What the distance is called.

    Raises
    ------
    Meaningless
        If the potential is for other structures.
    ValueError
        If the structure has no atom of that element.
    """
    check_positive("cutoff", cutoff)
    cluster = _triangle(elements[0]) if surroundings is None else _cluster(surroundings, elements[0], 0.8 * cutoff)
    direction_c = _roomiest(cluster, cutoff)
    four = []
    for k in (-3, -1, 1, 3):
        atoms = cluster.copy()
        atoms.append(elements[1])
        atoms.positions[-1] = (cutoff + k * BESIDE) * direction_c
        four.append(atoms)
    energy_k, force_knc = energies_of(source, four), np.array(forces_of(source, four))
    weight_k = np.array([0.5, -1.5, 1.5, -0.5])
    jump, jump_nc = weight_k @ energy_k, np.einsum("k,knc->nc", weight_k, force_knc)
    slope_jump_nc = (force_knc[3] - force_knc[2] - force_knc[1] + force_knc[0]) / (2 * BESIDE)
    sizes = (float(abs(jump)), float(np.abs(jump_nc).max()), float(np.abs(slope_jump_nc).max()))
    return CutoffJump(elements, cutoff, *sizes, edge)


def _triangle(element: str) -> Atoms:
    bond, angle = bond_length((element, element)), np.deg2rad(109.47)
    return Atoms([element] * 3, [[0, 0, 0], [bond, 0, 0], [bond * np.cos(angle), bond * np.sin(angle), 0]])


def _cluster(structure: Atoms, element: str, radius: float) -> Atoms:
    """Atoms within a radius about the first of an element, which is first and at the origin."""
    centres = [n for n, symbol in enumerate(structure.get_chemical_symbols()) if symbol == element]
    if not centres:
        raise ValueError(f"`surroundings`: expected an atom of {element}, got {structure.symbols}")
    widths_d = (
        1 / np.linalg.norm(structure.cell.reciprocal().array, axis=1) if structure.pbc.all() else np.full(3, np.inf)
    )
    images = np.where(structure.pbc, np.ceil(radius / widths_d) + 1, 0).astype(int)
    found_nc, numbers = [], []
    centre_c = structure.positions[centres[0]]
    for shift in np.ndindex(*(2 * images + 1)):
        place_nc = structure.positions + (np.array(shift) - images) @ structure.cell.array - centre_c
        near = np.linalg.norm(place_nc, axis=1) < radius
        found_nc.append(place_nc[near])
        numbers.append(structure.numbers[near])
    place_nc, number_n = np.concatenate(found_nc), np.concatenate(numbers)
    order = np.argsort(np.linalg.norm(place_nc, axis=1), kind="stable")
    return Atoms(number_n[order], place_nc[order])


def _roomiest(cluster: Atoms, distance: float) -> Array:
    """The direction from the origin in which a point at a distance is farthest from all atoms, of 400 even ones."""
    k = np.arange(400) + 0.5
    height_k, azimuth_k = 1 - 2 * k / len(k), np.pi * (1 + np.sqrt(5)) * k
    around_k = np.sqrt(1 - height_k**2)
    direction_kc = np.stack([around_k * np.cos(azimuth_k), around_k * np.sin(azimuth_k), height_k], axis=1)
    away_kn = np.linalg.norm(distance * direction_kc[:, None] - cluster.positions[None], axis=2)
    return np.asarray(direction_kc[int(away_kn.min(axis=1).argmax())])
