"""How far predictions are from the references.

Energies are compared per atom. A reference that is unknown is left out, and counted.
"""

from __future__ import annotations

import numpy as np
from ase.data import atomic_numbers

from potscope.core._types import Array, IntArray
from potscope.core.dataset import Dataset
from potscope.core.prediction import Prediction
from potscope.core.validation import check_choice, check_not_negative

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


def by_element(dataset: Dataset, prediction: Prediction) -> dict[str, dict[str, float]]:
    """`summary` for each element, in the order of `Dataset.species`.

    Forces are those on the atoms of the element; energies per atom and stresses are those of the structures that have
    it, whatever else is in them, and so are the structures that count as unknown.
    """
    _check_same(dataset, prediction)
    found = {}
    for symbol in dataset.species:
        z = atomic_numbers[symbol]
        members = np.flatnonzero([(atoms.numbers == z).any() for atoms in dataset.structures])
        part, predicted = dataset[members], taken(prediction, members)
        own_n = np.concatenate(
            [atoms.numbers == z for atoms, known in zip(part.structures, part.forces, strict=True) if known is not None]
            or [np.empty(0, dtype=bool)]
        )
        reference_k, predicted_k, _ = compared(part, predicted, "force")
        errors = error_measures(reference_k.reshape(-1, 3)[own_n].ravel(), predicted_k.reshape(-1, 3)[own_n].ravel())
        found[symbol] = summary(part, predicted) | {f"force_{name}": value for name, value in errors.items()}
    return found


def force_vectors(dataset: Dataset, prediction: Prediction, threshold: float = 0.1) -> dict[str, float]:
    r"""Errors of the lengths and the directions of the forces on atoms.

    With references :math:`\mathbf F_n`, predictions :math:`\hat{\mathbf F}_n` and the angles :math:`\theta_n` between:

    Parameters
    ----------
    dataset, prediction
        Of the same structures.
    threshold
        Length of the reference, eV/Å, below which a direction says little.

    Returns
    -------
    dict
        ======================== =================================================================================
        ``magnitude_mae``        mean of :math:`\left||\hat{\mathbf F}_n| - |\mathbf F_n|\right|`, eV/Å
        ``magnitude_rmse``       root of the mean of their squares, eV/Å
        ``magnitude_bias``       mean of :math:`|\hat{\mathbf F}_n| - |\mathbf F_n|`, eV/Å: below zero if too soft
        ``magnitude_relative``   the first over the mean of :math:`|\mathbf F_n|`, no unit
        ``vector_relative``      mean of :math:`|\hat{\mathbf F}_n - \mathbf F_n|` over that of :math:`|\mathbf F_n|`
        ``angle_mean``           mean of :math:`\theta_n` where :math:`|\mathbf F_n|` is at least `threshold`, degrees
        ``angle_weighted``       :math:`\sum_n |\mathbf F_n| \theta_n / \sum_n |\mathbf F_n|` over all atoms, degrees
        ``angle_count``          how many atoms are above the threshold
        ``count``                how many atoms have a reference
        ======================== =================================================================================

        NaN where there is nothing to compare, or to divide by.
    """
    check_not_negative("threshold", threshold)
    reference_k, predicted_k, _ = compared(dataset, prediction, "force")
    reference_nc, predicted_nc = reference_k.reshape(-1, 3), predicted_k.reshape(-1, 3)
    length_n = np.linalg.norm(reference_nc, axis=1)
    difference_n = np.linalg.norm(predicted_nc, axis=1) - length_n
    angle_n = _angles(reference_nc, predicted_nc)
    has_direction_n = length_n > 0
    large_n = has_direction_n & (length_n >= threshold)
    return {
        "magnitude_mae": _ratio(np.abs(difference_n).sum(), len(length_n)),
        "magnitude_rmse": float(np.sqrt(_ratio((difference_n**2).sum(), len(length_n)))),
        "magnitude_bias": _ratio(difference_n.sum(), len(length_n)),
        "magnitude_relative": _ratio(np.abs(difference_n).sum(), length_n.sum()),
        "vector_relative": _ratio(np.linalg.norm(predicted_nc - reference_nc, axis=1).sum(), length_n.sum()),
        "angle_mean": _ratio(angle_n[large_n].sum(), int(large_n.sum())),
        "angle_weighted": _ratio((length_n * angle_n)[has_direction_n].sum(), length_n.sum()),
        "angle_count": int(large_n.sum()),
        "count": len(length_n),
    }


def total_energies(dataset: Dataset, prediction: Prediction) -> dict[str, float]:
    """Errors of the energies of whole structures, as is usual for molecules: ``total_energy_mae``, ``…_rmse``, eV."""
    _check_same(dataset, prediction)
    known_s = np.isfinite(dataset.energies + prediction.energies)
    errors = error_measures(dataset.energies[known_s], prediction.energies[known_s])
    return {f"total_energy_{name}": errors[name] for name in ("mae", "rmse")}


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


def force_angles(dataset: Dataset, prediction: Prediction) -> tuple[Array, ...]:
    """Angles between predicted and reference force, degrees, for each structure shape (atoms,).

    NaN where the reference is unknown or zero; 90° where the prediction is zero and the reference is not.
    """
    _check_same(dataset, prediction)
    return tuple(
        np.full(len(predicted_nc), np.nan) if reference_nc is None else _angles(reference_nc, predicted_nc)
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


def _angles(reference_nc: Array, predicted_nc: Array) -> Array:
    along_n = np.einsum("nc,nc->n", reference_nc, predicted_nc)
    across_n = np.linalg.norm(np.cross(reference_nc, predicted_nc), axis=1)
    angle_n = np.degrees(np.arctan2(across_n, along_n))
    angle_n[~predicted_nc.any(axis=1)] = 90.0
    angle_n[~reference_nc.any(axis=1)] = np.nan
    return np.asarray(angle_n)


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator else float("nan")


def _check_same(dataset: Dataset, prediction: Prediction) -> None:
    if len(prediction) != len(dataset):
        raise ValueError(f"`prediction`: expected {len(dataset)} structures as in `dataset`, got {len(prediction)}")
    for s, forces_nc in enumerate(prediction.forces):
        if len(forces_nc) != dataset.n_atoms[s]:
            expected = dataset.n_atoms[s]
            raise ValueError(f"`prediction`: expected {expected} atoms in structure {s}, got {len(forces_nc)}")
