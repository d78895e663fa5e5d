"""Phonons at a few points, and what dynamics without a thermostat does to the energy."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ase.phonons
import numpy as np
from ase import Atoms, units
from numpy.typing import ArrayLike

from potscope.core._types import Array
from potscope.core.dynamics import Frame, energy_drift, run
from potscope.core.local_updates import Source
from potscope.core.pairs import Pairs
from potscope.core.physics.applicability import check_describes, check_sizes_compare
from potscope.core.physics.common import Found, Quantity, calculator_of
from potscope.core.physics.curves import bond_length
from potscope.core.progress import Progress, silent
from potscope.core.validation import check_integer, check_positive

TERAHERTZ = float(np.sqrt(units._e / units._amu) * 1e10 / (2 * np.pi) * 1e-12)  # of the root of eV/Å²/amu


@dataclass(frozen=True, eq=False)
class Phonons(Found):
    """Frequencies of a crystal.

    Attributes
    ----------
    frequencies
        For each point of the Brillouin zone THz, rising, shape (3 × atoms of the cell,); imaginary ones are negative.
    reference
        As they should be, for points where that is known.
    """

    frequencies: Mapping[str, Array]
    reference: Mapping[str, Array]

    @property
    def lowest(self) -> float:
        """The lowest frequency of all, THz; below zero the crystal is not stable."""
        return min(float(frequency.min()) for frequency in self.frequencies.values())

    def quantities(self) -> tuple[Quantity, ...]:
        """The highest and the lowest frequency of every point."""
        found = []
        for point, frequency_k in self.frequencies.items():
            true_k = self.reference.get(point)
            for which, k in (("lowest", 0), ("highest", -1)):
                true = None if true_k is None else float(true_k[k])
                found.append(Quantity(f"{point}: {which}", float(frequency_k[k]), "THz", true))
        return tuple(found)


def phonons(
    source: Source,
    crystal: Atoms,
    points: Mapping[str, ArrayLike] | None = None,
    repeats: int | None = None,
    displacement: float = 0.02,
    reference: Mapping[str, ArrayLike] | None = None,
) -> Phonons:
    r"""Frequencies by finite displacements in a supercell, with `ase.phonons`.

    .. math:: D_{ai,bj}(\mathbf q) = \frac{1}{\sqrt{m_a m_b}} \sum_{\mathbf R}
        \frac{\partial^2 E}{\partial r_{ai}^{0}\,\partial r_{bj}^{\mathbf R}}\, e^{-i\mathbf q\cdot\mathbf R}, \qquad
        \mathbf D\,\mathbf e = \omega^2 \mathbf e , \quad \nu = \omega/2\pi

    The sums of the force constants are made zero, as translations cost nothing. The error is of second order in the
    displacement where the forces are smooth. Where their derivative jumps, as with a neighbour at the very distance at
    which a cosine cutoff begins to act, it is of first order.

    Parameters
    ----------
    source
        A fitted potential, or an ASE calculator.
    crystal
        The primitive cell, at rest.
    points
        In units of the reciprocal cell vectors; by default the special points of the lattice.
    repeats
        Of the cell, along each periodic direction; by default as many as make it 10 Å wide, at least two. Exact at
        points that fit in it, and everywhere if it is twice as wide as forces reach.
    displacement
        Å.
    reference
        Frequencies as they should be, THz, for some of the points.

    Raises
    ------
    Meaningless
        If the energy of a supercell is not that of the crystal, or there is none.
    ValueError
        If the structure is not periodic, or `reference` has other points or numbers of frequencies.
    """
    check_positive("displacement", displacement)
    if not crystal.pbc.any():
        raise ValueError("`crystal`: expected a periodic structure")
    if repeats is not None:
        check_integer("repeats", repeats, low=1)
    chosen = dict(crystal.cell.bandpath(npoints=0, pbc=crystal.pbc).special_points if points is None else points)
    true = {point: np.sort(np.asarray(frequencies, float)) for point, frequencies in (reference or {}).items()}
    for point, frequency_k in true.items():
        if point not in chosen or frequency_k.shape != (3 * len(crystal),):
            raise ValueError(
                f"`reference`: expected {3 * len(crystal)} frequencies at {', '.join(chosen)}, got {point!r}"
            )
    widths_d = (
        1 / np.linalg.norm(crystal.cell.reciprocal().array, axis=1) if crystal.cell.rank == 3 else np.full(3, 10.0)
    )
    supercell = tuple(
        (repeats or max(2, int(np.ceil(10.0 / width)))) if periodic else 1
        for width, periodic in zip(widths_d, crystal.pbc, strict=True)
    )
    check_sizes_compare(source)
    check_describes(source, [crystal * supercell])
    with tempfile.TemporaryDirectory() as folder:
        made = ase.phonons.Phonons(
            crystal.copy(),
            calculator_of(source),
            supercell=supercell,
            delta=displacement,
            name=str(Path(folder) / "phonon"),
        )
        made.run()
        made.read(acoustic=True)
    found = {}
    for point, q in chosen.items():
        square_k = np.linalg.eigvalsh(made.compute_dynamical_matrix(np.asarray(q, float), np.asarray(made.D_N)))
        found[point] = np.sign(square_k) * np.sqrt(np.abs(square_k)) * TERAHERTZ
    return Phonons(found, true)


@dataclass(frozen=True)
class EnergyConservation(Found):
    """What dynamics without a thermostat does to the total energy.

    Attributes
    ----------
    drift
        Slope of the total energy, meV/atom/ps.
    fluctuation
        Standard deviation about that slope, meV/atom.
    temperature
        Mean, K.
    time
        fs.
    displacement
        Root mean square of the distances, in the second half, of the atoms from where they were at first, without the
        motion of the centre, over the distance of nearest neighbours at first. A crystal that stays one has less than
        about 0.1 (Lindemann); molecules that turn have more.

    References
    ----------
    F. A. Lindemann, Phys. Z. 11, 609 (1910).
    """

    drift: float
    fluctuation: float
    temperature: float
    time: float
    displacement: float

    def quantities(self) -> tuple[Quantity, ...]:
        """Drift, fluctuation, mean temperature, and how far the atoms went."""
        return (
            Quantity(f"drift over {self.time / 1000:g} ps", self.drift, "meV/atom/ps", 0.0),
            Quantity("fluctuation", self.fluctuation, "meV/atom"),
            Quantity("mean temperature", self.temperature, "K"),
            Quantity("displacement, in distances of neighbours", self.displacement),
        )


def energy_conservation(
    source: Source,
    atoms: Atoms,
    temperature: float = 600.0,
    timestep: float = 1.0,
    steps: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
) -> EnergyConservation:
    """Newton's equations by velocity Verlet, whose energy stays where forces are the derivative of a smooth energy.

    Parameters
    ----------
    source
        A fitted potential, or an ASE calculator.
    atoms
        Where to start. At rest, half of the kinetic energy soon becomes potential energy.
    temperature
        Of the first velocities, K.
    timestep, steps, seed
        As of `potscope.core.dynamics.run`.
    progress
        Called with every frame.

    Raises
    ------
    Meaningless
        If the potential is for other structures.
    Unstable
        If the trajectory breaks up.
    ValueError
        If there are fewer than ten steps, or an argument is not as `run` expects.
    """
    check_integer("steps", steps, low=10)
    check_describes(source, [atoms])
    frames = []
    for frame in run(
        atoms, calculator_of(source), temperature=temperature, timestep=timestep, steps=steps, every=5, seed=seed
    ):
        progress(frame.step / steps, f"step {frame.step} of {steps}")
        frames.append(frame)
    time_f = np.array([frame.time for frame in frames])
    energy_f = 1000 / len(atoms) * np.array([frame.total_energy - frames[0].total_energy for frame in frames])
    drift = energy_drift(frames)
    rest_f = energy_f - np.polyval(np.polyfit(time_f, energy_f, 1), time_f)
    mean = float(np.mean([frame.temperature for frame in frames]))
    return EnergyConservation(drift, float(rest_f.std()), mean, frames[-1].time, _displacement(frames))


def _displacement(frames: Sequence[Frame]) -> float:
    """As of `EnergyConservation.displacement`; NaN without neighbours."""
    start = frames[0].atoms
    moved_fnc = np.array([frame.atoms.positions - start.positions for frame in frames[len(frames) // 2 :]])
    moved_fnc -= moved_fnc.mean(axis=1, keepdims=True)
    apart_p = Pairs.from_structures([start], 2 * bond_length([max(start.symbols, key=_radius)] * 2)).r_p
    nearest = apart_p.min() if len(apart_p) else float("nan")
    return float(np.sqrt((moved_fnc**2).sum(axis=2).mean()) / nearest)


def _radius(symbol: str) -> float:
    return bond_length([symbol])
