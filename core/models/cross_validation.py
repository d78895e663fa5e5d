"""Choosing hyperparameters of a potential on whole structures by cross-validation."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.dataset import Dataset
from potscope.core.models.offsets import compositions
from potscope.core.models.structure_kernel import StructureKernelPotential, median_distance, with_energies
from potscope.core.progress import Progress, part, silent
from potscope.core.splits import folds_of
from potscope.core.validation import check_integer

Model = TypeVar("Model", bound=StructureKernelPotential)
Row = dict[str, float | str]


def cross_validated(
    model: Model,
    train: Dataset,
    grid: Mapping[str, Sequence[float | str]],
    folds: int = 5,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[Model, list[Row]]:
    r"""The best of some hyperparameters, by the errors of structures that were left out of the fit.

    The data are divided into folds; each is predicted by a fit to all others, offsets included. What counts is the mean
    of the absolute errors of all energies. The features are computed once; the length of the kernel is in median
    distances between all structures, which no energy enters.

    Parameters
    ----------
    model
        A potential on whole structures, fitted or not; it is not changed.
    train
        What may be learnt from: hold test structures out before. Structures without energies are left out.
    grid
        Values to try, by the name of the hyperparameter; all combinations are.
    folds
        Number of folds, from two to the number of structures.
    seed
        Of the division, which does not depend on the order of the structures.
    progress
        Called before every fit.

    Returns
    -------
    best
        A potential with the best hyperparameters, the first of equal ones, fitted to all of `train`.
    table
        For each combination its values, and ``mae`` and ``rmse`` of the total energies, eV. Both are infinite where
        the equations had no solution.

    Raises
    ------
    ValueError, TypeError
        If the grid is empty or names something that is no hyperparameter of the model, a value is not allowed, there
        are too few structures, or no combination has a solution.
    """
    candidates = _candidates(model, grid)
    known = with_energies(train)
    check_integer("folds", folds, low=2, high=len(known))
    fold_s = folds_of(known.ids, folds, seed)
    progress(0.0, "describing the structures")
    values_sf = model.describe(known, part(progress, 0.0, 0.1))
    table: list[Row] = []
    errors: list[float] = []
    distances = _Distances(values_sf)
    for number, (values, candidate) in enumerate(candidates):
        progress(0.1 + 0.8 * number / len(candidates), f"combination {number + 1} of {len(candidates)}")
        error_s = _left_out_errors(candidate, distances.kernel(candidate), known, fold_s)
        errors.append(float(np.abs(error_s).mean()))
        table.append({**values, "mae": errors[-1], "rmse": float(np.sqrt((error_s**2).mean()))})
    if not np.isfinite(errors).any():
        raise ValueError("`grid`: no combination has a solution; take larger regularisations or smaller lengths")
    best = candidates[int(np.argmin(errors))][1]
    return best.fit(known, part(progress, 0.9, 1.0)), table


def _candidates(model: Model, grid: Mapping[str, Sequence[float | str]]) -> list[tuple[Row, Model]]:
    allowed = model.hyperparameters()
    for name in grid:
        if name not in allowed:
            raise ValueError(f"`grid`: expected hyperparameters among {', '.join(allowed)}, got {name!r}")
    combinations = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    if not grid or not combinations:
        raise ValueError("`grid`: expected at least one value to try, got none")
    made = []
    for values in combinations:
        changes: dict[str, Any] = values
        made.append((values, replace(model, **changes)))
    return made


class _Distances:
    """Kernels of one set of structures; distances and the last kernel are kept for the next candidate."""

    def __init__(self, values_sf: Array) -> None:
        self._values_sf = values_sf
        self._distance_ss, self._median, self._of = np.empty((0, 0)), 1.0, ""

    def kernel(self, candidate: StructureKernelPotential) -> Array:
        if candidate.kernel != self._of:
            self._distance_ss = candidate.distances(self._values_sf)
            self._median, self._of = median_distance(self._distance_ss), candidate.kernel
        return candidate.kernel_of(self._distance_ss, candidate.length * self._median)


def _left_out_errors(candidate: StructureKernelPotential, kernel_ss: Array, known: Dataset, fold_s: IntArray) -> Array:
    """Predicted minus reference energy of each structure, eV, infinite where the equations have no solution."""
    counts_sz, scale_s = compositions(known.structures, known.species), candidate.scale(known.structures)
    predicted_s = np.empty(len(known))
    for fold in np.unique(fold_s):
        left_out, kept = np.flatnonzero(fold_s == fold), np.flatnonzero(fold_s != fold)
        try:
            solution = candidate.solve(kernel_ss[np.ix_(kept, kept)], known[kept], known.species)
        except ValueError:  # as singular as the message of `fit` says; another combination may do
            return np.full(len(known), np.inf)
        learnt = solution.constant + kernel_ss[np.ix_(left_out, kept)] @ solution.weights_s
        predicted_s[left_out] = counts_sz[left_out] @ solution.offsets_z + scale_s[left_out] * learnt
    return np.asarray(predicted_s - known.energies)
