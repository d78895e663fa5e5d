"""How far predictions are from the references.

Energies are compared per atom. A reference that is unknown is left out, and counted.
"""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.dataset import Dataset
from potscope.core.prediction import Prediction
from potscope.core.validation import check_choice

QUANTITIES = ("energy", "force", "stress")
UNITS = {"energy": "eV/atom", "force": "eV/Å", "stress": "eV/Å³"}


def summary(dataset: Dataset, prediction: Prediction) -> dict[str, float]:
    r"""Errors of all structures together.

    With the differences :math:`d_k` between prediction and reference :math:`y_k`,

    .. math:: \mathrm{MAE} = \frac1N\sum_k |d_k|, \quad \mathrm{RMSE} = \sqrt{\frac1N\sum_k d_k^2}, \quad
              R^2 = 1 - \frac{\sum_k d_k^2}{\sum_k (y_k - \bar y)^2}

    where k counts structures for the energy per atom, Cartesian components of all atoms for the forces, and the
    six Voigt components of all structures for the stress.

    Returns
    -------
    dict
        For each of ``energy`` (eV/atom), ``force`` (eV/Å) and ``stress`` (eV/Å³):

        ================ =====================================================================
        ``…_mae``        mean absolute error
        ``…_rmse``       root mean square error
        ``…_max``        largest absolute error
        ``…_r2``         :math:`R^2`, no unit; NaN if all references are equal
        ``…_count``      how many numbers were compared
        ``…_unknown``    for how many structures there was nothing to compare
        ================ =====================================================================

        Errors are NaN where nothing could be compared.
    """
    found: dict[str, float] = {}
    for quantity in QUANTITIES:
        reference_k, predicted_k, n_unknown = compared(dataset, prediction, quantity)
        errors = error_measures(reference_k, predicted_k)
        found |= {f"{quantity}_{name}": value for name, value in errors.items()}
        found[f"{quantity}_unknown"] = n_unknown
    return found


def by_group(dataset: Dataset, prediction: Prediction) -> dict[str, dict[str, float]]:
    """`summary` of each group, in the order of the groups' first structures."""
    _check_same(dataset, prediction)
    groups = np.array(dataset.groups)
    found = {}
    for group in dataset.group_sizes:
        members = np.flatnonzero(groups == group)
        found[group] = summary(dataset[members], taken(prediction, members))
    return found


def taken(prediction: Prediction, indices: IntArray) -> Prediction:
    """The prediction of some of the structures."""

    def of_atoms(values: tuple[Array, ...] | None) -> tuple[Array, ...] | None:
        return None if values is None else tuple(values[s] for s in indices)

    return Prediction(
        energies=prediction.energies[indices],
        local_energies=of_atoms(prediction.local_energies),
        forces=tuple(prediction.forces[s] for s in indices),
        stresses=prediction.stresses[indices],
        energy_std=None if prediction.energy_std is None else prediction.energy_std[indices],
        local_energy_std=of_atoms(prediction.local_energy_std),
        force_std=of_atoms(prediction.force_std),
        extrapolation=of_atoms(prediction.extrapolation),
    )


def compared(dataset: Dataset, prediction: Prediction, quantity: str) -> tuple[Array, Array, int]:
    """The numbers that can be compared, flat: what a parity plot shows.

    Parameters
    ----------
    dataset, prediction
        Of the same structures.
    quantity
        ``"energy"`` per atom (eV/atom), ``"force"`` components (eV/Å) or ``"stress"`` components (eV/Å³).

    Returns
    -------
    reference_k, predicted_k
        Of equal shape.
    n_unknown
        Number of structures that are left out.
    """
    check_choice("quantity", quantity, QUANTITIES)
    _check_same(dataset, prediction)
    if quantity == "force":
        known = [s for s, forces_nc in enumerate(dataset.forces) if forces_nc is not None]
        reference = [forces_nc.ravel() for forces_nc in dataset.forces if forces_nc is not None]
        predicted = [prediction.forces[s].ravel() for s in known]
        nothing = np.empty(0)
        return (
            np.concatenate([nothing, *reference]),
            np.concatenate([nothing, *predicted]),
            len(dataset) - len(known),
        )
    per_atom = quantity == "energy"
    reference_sv = (dataset.energies / dataset.n_atoms)[:, None] if per_atom else dataset.stresses
    predicted_sv = (prediction.energies / dataset.n_atoms)[:, None] if per_atom else prediction.stresses
    known_s = np.isfinite(reference_sv + predicted_sv).all(axis=1)
    return reference_sv[known_s].ravel(), predicted_sv[known_s].ravel(), int((~known_s).sum())


def error_measures(reference_k: Array, predicted_k: Array) -> dict[str, float]:
    """Mean absolute, root mean square and largest error, R² and count of some numbers; see `summary`.

    Examples
    --------
    >>> error_measures(np.array([0.0, 2.0]), np.array([0.0, 1.0]))["r2"]
    0.5
    """
    if len(reference_k) == 0:
        return dict.fromkeys(("mae", "rmse", "max", "r2"), np.nan) | {"count": 0}
    difference_k = predicted_k - reference_k
    squares = float(np.sum(difference_k**2))
    spread = float(np.sum((reference_k - reference_k.mean()) ** 2))
    return {
        "mae": float(np.abs(difference_k).mean()),
        "rmse": float(np.sqrt(squares / len(difference_k))),
        "max": float(np.abs(difference_k).max()),
        "r2": 1 - squares / spread if spread > 0 else np.nan,
        "count": len(reference_k),
    }


def energy_errors(dataset: Dataset, prediction: Prediction) -> Array:
    """Predicted minus reference energy, eV/atom, shape (structures,); NaN where unknown."""
    _check_same(dataset, prediction)
    return np.asarray((prediction.energies - dataset.energies) / dataset.n_atoms)


def force_error_norms(dataset: Dataset, prediction: Prediction) -> tuple[Array, ...]:
    """Lengths of the differences of the forces, eV/Å, for each structure shape (atoms,); NaN where unknown."""
    _check_same(dataset, prediction)
    return tuple(
        np.full(len(predicted_nc), np.nan)
        if reference_nc is None
        else np.asarray(np.linalg.norm(predicted_nc - reference_nc, axis=1))
        for reference_nc, predicted_nc in zip(dataset.forces, prediction.forces, strict=True)
    )


def force_rmses(dataset: Dataset, prediction: Prediction) -> Array:
    """Root mean square error of each structure's force components, eV/Å, shape (structures,); NaN where unknown."""
    norms = force_error_norms(dataset, prediction)
    return np.array([np.sqrt(np.mean(norms_n**2) / 3) for norms_n in norms])


def stress_errors(dataset: Dataset, prediction: Prediction) -> Array:
    """Root mean square error of each structure's stress components, eV/Å³, shape (structures,); NaN where unknown."""
    _check_same(dataset, prediction)
    return np.asarray(np.sqrt(np.mean((prediction.stresses - dataset.stresses) ** 2, axis=1)))


def worst_first(dataset: Dataset, prediction: Prediction, quantity: str = "energy") -> IntArray:
    """Indices of the structures, the largest error first, those that are unknown last.

    Parameters
    ----------
    dataset, prediction
        Of the same structures.
    quantity
        ``"energy"``: absolute error per atom; ``"force"``, ``"stress"``: root mean square of the components.
    """
    check_choice("quantity", quantity, QUANTITIES)
    measure = {"energy": energy_errors, "force": force_rmses, "stress": stress_errors}[quantity]
    error_s = np.abs(measure(dataset, prediction))
    return np.argsort(np.where(np.isnan(error_s), np.inf, -error_s), kind="stable")


def _check_same(dataset: Dataset, prediction: Prediction) -> None:
    if len(prediction) != len(dataset):
        raise ValueError(f"`prediction`: expected {len(dataset)} structures as in `dataset`, got {len(prediction)}")
    for s, forces_nc in enumerate(prediction.forces):
        if len(forces_nc) != dataset.n_atoms[s]:
            expected = dataset.n_atoms[s]
            raise ValueError(f"`prediction`: expected {expected} atoms in structure {s}, got {len(forces_nc)}")
