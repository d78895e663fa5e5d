"""What colours the atoms in three dimensions: a number for each, its unit, and the range of the colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from potscope.core import Dataset, Prediction
    from potscope.core._types import Array
    from potscope.core.dynamics import Frame
    from potscope.explorer.work import Fit

ELEMENT, FORCE_ERROR, LOCAL_ENERGY, FORCE = "element", "force error", "local energy", "force"
FORCE_STD, LOCAL_STD, EXTRAPOLATION = "force ±", "local energy ±", "extrapolation"

Values = tuple[str, str, "Sequence[Array | None]"]
"""Name, unit, and one number an atom for each structure; no structures where nothing is known yet."""


@dataclass(frozen=True)
class AtomColours:
    """One number for each atom of what is shown, and the range of the colours.

    `beyond` says that the largest values of the dataset lie above the range.
    """

    values_n: Array
    name: str
    unit: str
    limits: tuple[float, float]
    beyond: bool = False


def of_structure(
    index: int, colour_by: str, dataset: Dataset, fit: Fit | None, of_atoms: Prediction | None
) -> AtomColours | None:
    """The colours of one structure, in a range that is the same for all of them; None where nothing is known.

    Parameters
    ----------
    index
        Of the structure in the dataset.
    colour_by
        `FORCE_ERROR` and so on.
    dataset, fit, of_atoms
        What is known: references, a fit, and a prediction with the uncertainties of atoms.
    """
    name, unit, values = _values(colour_by, dataset, fit, of_atoms)
    values_n = values[index] if values else None
    if values_n is None:
        return None
    every_n = np.concatenate([value_n for value_n in values if value_n is not None])
    every_n = every_n[np.isfinite(every_n)]
    low = float(np.quantile(every_n, 0.005)) if colour_by == LOCAL_ENERGY else 0.0
    high = float(f"{np.quantile(every_n, 0.995):.{4 if colour_by == LOCAL_ENERGY else 2}g}")
    limits = (low, high if high > low else low + 1.0)
    return AtomColours(values_n, name, unit, limits, beyond=bool(every_n.max() > limits[1]))


def of_frames(frames: Sequence[Frame], trajectory: Sequence[Frame]) -> AtomColours:
    """Length of the force on each atom in some frames of a trajectory, shape (frames, atoms)."""
    force_fn = np.array([np.linalg.norm(frame.forces, axis=1) for frame in frames])
    known = [np.linalg.norm(frame.forces, axis=1) for frame in trajectory[:: 1 + len(trajectory) // 100]]
    high = float(f"{np.quantile(np.concatenate(known), 0.995):.2g}") or 1.0
    return AtomColours(force_fn, "force", "eV/Å", (0.0, high), beyond=True)


def _values(colour_by: str, dataset: Dataset, fit: Fit | None, of_atoms: Prediction | None) -> Values:
    if colour_by == FORCE or fit is None:
        forces = dataset.forces
        return "force", "eV/Å", [None if f_nc is None else np.linalg.norm(f_nc, axis=1) for f_nc in forces]
    if colour_by in (FORCE_STD, LOCAL_STD, EXTRAPOLATION):
        return _uncertainties(colour_by, of_atoms)
    local = fit.prediction.local_energies
    if colour_by == LOCAL_ENERGY and local is not None:
        return "local energy", "eV", local
    return "force error", "eV/Å", fit.force_error_n


def _uncertainties(colour_by: str, found: Prediction | None) -> Values:
    if colour_by == EXTRAPOLATION:
        return "extrapolation grade", "", () if found is None else found.extrapolation or ()
    if colour_by == LOCAL_STD:
        return "local energy ±", "eV", () if found is None else found.local_energy_std or ()
    stds = () if found is None else found.force_std or ()
    return "force ±", "eV/Å", [np.linalg.norm(std_nc, axis=1) for std_nc in stds]
