"""How errors fall as there is more to learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np
from scipy.stats import linregress

from potscope.core import metrics
from potscope.core._types import Array, IntArray
from potscope.core.dataset import Dataset
from potscope.core.progress import Progress, part, silent
from potscope.core.refitting import Model, predicted, refitted
from potscope.core.splits import nested_order
from potscope.core.validation import check_choice, check_integer

MEASURES = tuple(f"{quantity}_{measure}" for quantity in metrics.QUANTITIES for measure in ("mae", "rmse"))
HALVINGS = 4
SEEDS_APART = 1_000_003  # so that the repeats of one seed are not those of the next


@dataclass(frozen=True)
class PowerLaw:
    r"""The straight line :math:`\ln\epsilon = \ln a - b \ln N` through a learning curve.

    Attributes
    ----------
    prefactor
        :math:`a`, in the unit of the error.
    exponent
        :math:`b`, no unit: with 0.5, a quarter of the error takes sixteen times the data.
    exponent_error
        Its standard error; NaN of two points.
    """

    prefactor: float
    exponent: float
    exponent_error: float

    def __call__(self, sizes: Array | IntArray) -> Array:
        """The error that the law gives at training sets of some sizes."""
        return np.asarray(self.prefactor * np.asarray(sizes, dtype=float) ** -self.exponent)


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Errors on one test set after fits to training sets of growing size.

    Attributes
    ----------
    sizes
        Structures learnt from, rising, shape (sizes,).
    errors
        By name, of `MEASURES`, as in `metrics.summary`: shape (sizes, repeats), NaN where there is nothing to compare.
    fit_seconds
        Processor time of each fit, shape (sizes, repeats).
    seed
        Of the draws.
    """

    sizes: IntArray
    errors: Mapping[str, Array]
    fit_seconds: Array
    seed: int

    def mean(self, measure: str = "energy_mae") -> Array:
        """Mean over the repeats, shape (sizes,)."""
        return np.asarray(self._errors(measure).mean(axis=1))

    def spread(self, measure: str = "energy_mae") -> Array:
        """Standard deviation over the repeats, shape (sizes,); zero where there is one repeat."""
        return np.asarray(self._errors(measure).std(axis=1, ddof=min(1, self.fit_seconds.shape[1] - 1)))

    def power_law(self, measure: str = "energy_mae") -> PowerLaw:
        """Least squares through the means of the errors' logarithms.

        Raises
        ------
        ValueError
            If there are fewer than two sizes, or errors that are zero or unknown.
        """
        error_kr = self._errors(measure)
        if len(self.sizes) < 2:
            raise ValueError(f"`sizes`: expected two sizes or more for a power law, got {len(self.sizes)}")
        if not (error_kr > 0).all():
            raise ValueError(f"`measure`: expected errors greater than zero, which {measure!r} does not have")
        line = linregress(np.log(self.sizes), np.log(error_kr).mean(axis=1))
        error = float(line.stderr) if len(self.sizes) > 2 else float("nan")
        return PowerLaw(float(np.exp(line.intercept)), -float(line.slope), error)

    def _errors(self, measure: str) -> Array:
        return self.errors[check_choice("measure", measure, self.errors)]


def learning_curve(
    model: Model,
    train: Dataset,
    test: Dataset,
    sizes: Sequence[int] | None = None,
    repeats: int = 3,
    seed: int = 0,
    progress: Progress = silent,
    *,
    groups: Mapping[str, Any] | None = None,
) -> LearningCurve:
    """Fit copies of a model to nested parts of a training set, and test each on the same structures.

    In each repeat the structures are put in an order of its own, which depends on the seed and their ids alone; a
    training set is the beginning of it, so that each holds all smaller ones, and the smallest has all elements as far
    as its size allows.

    Parameters
    ----------
    model
        A potential, or anything with ``fit`` and ``predict``; it is not changed.
    train, test
        What may be learnt from, and what errors are taken of.
    sizes
        Numbers of structures; by default all, half of them, a quarter and so on, down to a sixteenth.
    repeats
        Draws of each size.
    seed
        Another seed, other draws.
    progress
        Called with the fraction done; it may raise `Cancelled`.
    groups
        Settings of groups, as of ``fit``.

    Raises
    ------
    ValueError, TypeError
        If a size or the number of repeats is not as described, or the fit to one of the parts fails, as for want of a
        reference energy in it.

    References
    ----------
    C. Cortes, L. D. Jackel, S. A. Solla, V. Vapnik, J. S. Denker, Adv. Neural Inf. Process. Syst. 6, 327 (1993), for
    the power law.
    """
    chosen = _checked_sizes(sizes, len(train))
    check_integer("repeats", repeats, low=1)
    check_integer("seed", seed, low=0)
    errors = {measure: np.full((len(chosen), repeats), np.nan) for measure in MEASURES}
    seconds_kr = np.empty((len(chosen), repeats))
    shares = np.concatenate([[0.0], np.cumsum(np.tile(chosen, repeats))]) / (sum(chosen) * repeats)
    elements = [frozenset(atoms.numbers.tolist()) for atoms in train.structures]
    for r in range(repeats):
        order = nested_order(train.ids, elements, seed + SEEDS_APART * r)
        for k, size in enumerate(chosen):
            done = r * len(chosen) + k
            own = part(progress, shares[done], shares[done + 1])
            own(0.0, f"{size} structures, draw {r + 1} of {repeats}")
            started = process_time()
            fitted = refitted(model, train[np.sort(order[:size])], part(own, 0.0, 0.9), groups)
            seconds_kr[k, r] = process_time() - started
            found = metrics.summary(test, predicted(fitted, test, part(own, 0.9, 1.0)))
            for measure in MEASURES:
                errors[measure][k, r] = found[measure]
    progress(1.0, "learning curve")
    return LearningCurve(np.array(chosen, dtype=np.int64), errors, seconds_kr, seed)


def _checked_sizes(sizes: Sequence[int] | None, most: int) -> list[int]:
    if sizes is None:
        return sorted({most // 2**k for k in range(HALVINGS + 1) if most // 2**k > 0})
    checked = [check_integer(f"sizes[{k}]", size, low=1, high=most) for k, size in enumerate(sizes)]
    if not checked or sorted(set(checked)) != checked:
        raise ValueError(f"`sizes`: expected rising numbers of structures, at least one, got {list(sizes)}")
    return checked
