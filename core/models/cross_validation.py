"""Cross-validation: choosing hyperparameters by the errors of structures that were left out of the fit."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from potscope.core import metrics
from potscope.core._types import Array, IntArray
from potscope.core.dataset import Dataset
from potscope.core.descriptors import Descriptor
from potscope.core.leaks import trajectories, warn_of_leaks
from potscope.core.models.base import Potential, joined
from potscope.core.models.offsets import compositions
from potscope.core.models.structure_kernel import StructureKernelPotential, median_distance
from potscope.core.models.training import with_energies
from potscope.core.prediction import Prediction
from potscope.core.progress import Progress, part, silent
from potscope.core.refitting import SomeModel, predicted, refitted
from potscope.core.splits import folds_of, folds_of_units
from potscope.core.validation import check_choice, check_integer

Model = TypeVar("Model", bound=Potential)
Row = dict[str, float | str]

DIVISIONS = ("random", "whole groups", "trajectories")
SCORES = ("mae", "rmse", "force_mae", "force_rmse")
OF_FORCES = ("force_mae", "force_rmse")


def divided(
    dataset: Dataset, count: int = 5, by: str = "whole groups", seed: int = 0, descriptor: Descriptor | None = None
) -> IntArray:
    """The fold of each structure, 0 to count − 1, shape (structures,).

    Parameters
    ----------
    dataset
        In the order of time, where it has trajectories.
    count
        From two to the number of structures, or of groups or trajectories.
    by
        ``"random"``: every structure by itself. ``"whole groups"``: groups of the data set stay together.
        ``"trajectories"``: frames of one trajectory do, as far as `potscope.core.leaks.trajectories` finds them.
    seed
        Of the division.
    descriptor
        That trajectories are found by.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described.
    """
    check_choice("by", by, DIVISIONS)
    check_integer("seed", seed, low=0)
    check_integer("folds", count, low=2, high=len(dataset))
    if by == "random":
        return folds_of(dataset.ids, count, seed)
    units = dataset.groups if by == "whole groups" else trajectories(dataset, descriptor).tolist()
    return folds_of_units(units, dataset.ids, count, seed)


def left_out(
    model: SomeModel,
    dataset: Dataset,
    fold_s: IntArray,
    progress: Progress = silent,
    *,
    groups: Mapping[str, Any] | None = None,
    atom_std: bool = False,
) -> Prediction:
    """What fits to all other folds predict of each structure; with it go `metrics` and `calibration`.

    Parameters
    ----------
    model
        A potential, or anything with ``fit`` and ``predict``; it is not changed.
    dataset
        Structures with references.
    fold_s
        The fold of each structure, as of `divided`.
    progress
        Called with the fraction done; it may raise `Cancelled`.
    groups
        Settings of groups, as of ``fit``.
    atom_std
        Whether to give standard deviations of atoms, where the model has them.

    Raises
    ------
    ValueError
        If there is no fold for each structure, or only one, or a fit fails.
    """
    names = np.unique(fold_s)
    if np.shape(fold_s) != (len(dataset),) or len(names) < 2:
        raise ValueError(f"`fold_s`: expected two folds or more for {len(dataset)} structures, got {fold_s!r}")
    parts, places = [], []
    for done, fold in enumerate(names):
        own = part(progress, done / len(names), (done + 1) / len(names))
        held_out, kept = np.flatnonzero(fold_s == fold), np.flatnonzero(fold_s != fold)
        own(0.0, f"fold {done + 1} of {len(names)}")
        fitted = refitted(model, dataset[kept], part(own, 0.0, 0.8), groups)
        parts.append(predicted(fitted, dataset[held_out], part(own, 0.8, 1.0), atom_std))
        places.append(held_out)
    return metrics.taken(joined(parts), np.argsort(np.concatenate(places)))


def cross_validated(
    model: Model,
    train: Dataset,
    grid: Mapping[str, Sequence[float | str]],
    folds: int = 5,
    seed: int = 0,
    progress: Progress = silent,
    *,
    by: str = "random",
    score: str = "mae",
    groups: Mapping[str, Any] | None = None,
) -> tuple[Model, list[Row]]:
    r"""The best of some hyperparameters, by the errors of structures that were left out of the fit.

    The data are divided into folds; each is predicted by a fit to all others, offsets included. What counts is the mean
    of the absolute errors of all energies, or another of the errors in the table.

    Of a potential on whole structures the features are computed once; the length of the kernel is in median distances
    between all structures, which no energy enters. Other potentials are fitted anew to each part.

    Parameters
    ----------
    model
        A potential, fitted or not; it is not changed.
    train
        What may be learnt from: hold test structures out before. For a potential on whole structures, those without
        energies are left out.
    grid
        Values to try, by the name of the hyperparameter; all combinations are.
    folds
        Number of folds, from two to the number of structures.
    seed
        Of the division, which does not depend on the order of the structures but for trajectories.
    progress
        Called before every fit; it may raise `Cancelled`.
    by
        What stays together, as of `divided`. Structures divided at ``"random"`` are compared first, and a
        `potscope.core.leaks.LeakWarning` says where frames of one trajectory, or near-duplicates, are in several folds.
    score
        ``"mae"`` or ``"rmse"`` of total energies; ``"force_mae"`` or ``"force_rmse"`` of a family that learns forces.
    groups
        Settings of groups, as of ``fit``.

    Returns
    -------
    best
        A potential with the best hyperparameters, the first of equal ones, fitted to all of `train`.
    table
        For each combination its values, ``mae`` and ``rmse`` of the total energies, eV, and of a family that learns
        forces ``force_mae`` and ``force_rmse``, eV/Å, where the data have them. Errors are infinite where the equations
        had no solution.

    Raises
    ------
    ValueError, TypeError
        If the grid is empty or names something that is no hyperparameter of the model, a value is not allowed, there
        are too few structures, or no combination has a solution.
    """
    candidates = _candidates(model, grid)
    on_structures = isinstance(model, StructureKernelPotential)
    known = with_energies(train) if on_structures else train
    check_choice("score", score, SCORES)
    if score in OF_FORCES and not (model.learns_forces and known.n_forces):
        raise ValueError(f"`score`: expected 'mae' or 'rmse', as there are no forces to learn, got {score!r}")
    progress(0.0, "dividing the structures")
    fold_s = divided(known, folds, by, seed)
    if by == "random":
        warn_of_leaks(known, fold_s, stacklevel=3)
    errors_of: Callable[..., list[Row]] = _left_out_errors if on_structures else _refitted_errors
    table = errors_of(candidates, known, fold_s, groups, part(progress, 0.0, 0.9))
    scores = [float(row[score]) for row in table]
    if not np.isfinite(scores).any():
        raise ValueError("`grid`: no combination has a solution; take larger regularisations or smaller lengths")
    best = candidates[int(np.argmin(scores))][1]
    return refitted(best, known, part(progress, 0.9, 1.0), groups), table


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


def _refitted_errors(
    candidates: Sequence[tuple[Row, Model]],
    known: Dataset,
    fold_s: IntArray,
    groups: Mapping[str, Any] | None,
    progress: Progress,
) -> list[Row]:
    table: list[Row] = []
    for number, (values, candidate) in enumerate(candidates):
        own = part(progress, number / len(candidates), (number + 1) / len(candidates))
        own(0.0, f"combination {number + 1} of {len(candidates)}")
        try:
            found = left_out(candidate, known, fold_s, own, groups=groups)
        except ValueError:  # the equations have no solution; another combination may have one
            errors = dict.fromkeys(SCORES if candidate.learns_forces and known.n_forces else SCORES[:2], np.inf)
        else:
            errors = _errors(candidate, known, found)
        table.append({**values, **errors})
    return table


def _errors(candidate: Potential, known: Dataset, found: Prediction) -> dict[str, float]:
    error_s = (found.energies - known.energies)[np.isfinite(known.energies)]
    errors = {"mae": float(np.abs(error_s).mean()), "rmse": float(np.sqrt((error_s**2).mean()))}
    if candidate.learns_forces and known.n_forces:
        measures = metrics.summary(known, found)
        errors |= {name: measures[name] for name in OF_FORCES}
    return errors


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


def _left_out_errors(
    candidates: Sequence[tuple[Row, StructureKernelPotential]],
    known: Dataset,
    fold_s: IntArray,
    groups: Mapping[str, Any] | None,
    progress: Progress,
) -> list[Row]:
    """As `_refitted_errors`, from features that are computed once."""
    first = candidates[0][1]
    first.checked_groups(known, groups)
    distances = _Distances(first.describe(known, part(progress, 0.0, 0.1)))
    table: list[Row] = []
    for number, (values, candidate) in enumerate(candidates):
        progress(0.1 + 0.9 * number / len(candidates), f"combination {number + 1} of {len(candidates)}")
        error_s = _kernel_errors(candidate, distances.kernel(candidate), known, fold_s)
        table.append({**values, "mae": float(np.abs(error_s).mean()), "rmse": float(np.sqrt((error_s**2).mean()))})
    return table


def _kernel_errors(candidate: StructureKernelPotential, kernel_ss: Array, known: Dataset, fold_s: IntArray) -> Array:
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
