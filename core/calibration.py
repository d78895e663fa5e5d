r"""Whether standard deviations tell how large the errors are, and what makes them do so.

With errors :math:`d_k = \hat y_k - y_k` and predicted standard deviations :math:`\sigma_k`, normal errors have
:math:`z_k = d_k/\sigma_k` of variance one, and are within the central interval of confidence p, which is as wide as
:math:`|z| \le \Phi^{-1}((1 + p)/2)`, in a fraction p of cases. It is the same for every family whose predictions have
standard deviations: variances of Gaussian processes, leverages of linear potentials, committees.

References
----------
V. Kuleshov, N. Fenner, S. Ermon, Proc. 35th Int. Conf. Machine Learning, PMLR 80, 2796 (2018). arXiv:1807.00263

K. Tran, W. Neiswanger, J. Yoon, Q. Zhang, E. Xing, Z. W. Ulissi, Mach. Learn.: Sci. Technol. 1, 025006 (2020).
doi:10.1088/2632-2153/ab7e1a
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy.stats import norm, spearmanr

from potscope.core._types import Array
from potscope.core.dataset import Dataset
from potscope.core.metrics import taken
from potscope.core.prediction import Prediction
from potscope.core.splits import folds_of
from potscope.core.validation import check_choice, check_positive, check_real

UNITS = {"energy": "eV/atom", "force": "eV/Å"}
QUANTITIES = tuple(UNITS)
METHODS = ("likelihood", "median")
INTERVALS = ("central", "lower")
LEVELS = np.linspace(0.0, 1.0, 101)
MOST_BINS = 10


@dataclass(frozen=True, eq=False)
class Calibration:
    r"""How well standard deviations tell the errors.

    Attributes
    ----------
    quantity, unit
        What was compared, and the unit of `sharpness`, `bin_std` and `bin_rmse`.
    count
        How many numbers were compared.
    unknown
        For how many there was no reference, or no standard deviation greater than zero.
    expected, observed
        The reliability curve: confidence levels p, and the fraction of the errors within the interval of each, no
        unit, shape (levels,). Above the diagonal the standard deviations are too large.
    miscalibration_area
        :math:`\int_0^1 |\text{observed}(p) - p|\,\mathrm dp`, from 0 to ½, exact for the steps that the curve has.
    sharpness
        Root of the mean variance: at equal calibration, the smaller the better.
    negative_log_likelihood
        Mean of :math:`\tfrac12\ln(2\pi\sigma_k^2) + \tfrac12 z_k^2`.
    spearman
        Rank correlation of :math:`|d_k|` with :math:`\sigma_k`; NaN where either is constant.
    z_mean, z_rms
        Mean and root mean square of :math:`z_k`: 0 and 1 at best; of 2 where the errors are twice what is said.
    bin_std, bin_rmse
        In up to ten bins of equally many numbers, ordered by standard deviation, the root mean variance and the root
        mean square error, which should be equal; shape (bins,).
    """

    quantity: str
    unit: str
    count: int
    unknown: int
    expected: Array
    observed: Array
    miscalibration_area: float
    sharpness: float
    negative_log_likelihood: float
    spearman: float
    z_mean: float
    z_rms: float
    bin_std: Array
    bin_rmse: Array

    def measures(self) -> dict[str, float]:
        """The single numbers by name, for a row of a table."""
        names = ("miscalibration_area", "sharpness", "negative_log_likelihood", "spearman", "z_mean", "z_rms", "count")
        return {name: getattr(self, name) for name in names}


def calibration(
    dataset: Dataset, prediction: Prediction, quantity: str = "energy", interval: str = "central"
) -> Calibration:
    """How well the standard deviations of a prediction tell its errors.

    Parameters
    ----------
    dataset, prediction
        Of the same structures, none of which the potential was fitted to.
    quantity
        ``"energy"`` per atom (eV/atom) or ``"force"`` components (eV/Å).
    interval
        ``"central"``: the errors within the central interval of each confidence, as Tran et al.; ``"lower"``: those
        below each quantile, as Kuleshov et al., which shows a bias as well.

    Raises
    ------
    ValueError
        If the prediction has no such standard deviations, or nothing can be compared.
    """
    error_k, std_k, unknown = errors_and_stds(dataset, prediction, quantity)
    return replace(calibration_of(error_k, std_k, interval), quantity=quantity, unit=UNITS[quantity], unknown=unknown)


def calibration_of(error_k: Array, std_k: Array, interval: str = "central") -> Calibration:
    """`calibration` of any errors and standard deviations greater than zero, shape (numbers,).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> std_k = rng.uniform(0.5, 1.5, 10_000)
    >>> found = calibration_of(std_k * rng.normal(size=10_000), std_k)
    >>> print(f"{found.z_rms:.1f} {found.miscalibration_area:.2f}")
    1.0 0.00
    """
    check_choice("interval", interval, INTERVALS)
    error_k, std_k = _checked(error_k, std_k)
    z_k = error_k / std_k
    needed_k = np.sort(2 * norm.cdf(np.abs(z_k)) - 1 if interval == "central" else norm.cdf(-z_k))
    bins = np.array_split(np.argsort(std_k, kind="stable"), min(MOST_BINS, len(std_k)))
    return Calibration(
        quantity="",
        unit="",
        count=len(error_k),
        unknown=0,
        expected=LEVELS,
        observed=np.searchsorted(needed_k, LEVELS, side="right") / len(needed_k),
        miscalibration_area=_area(needed_k),
        sharpness=_rms(std_k),
        negative_log_likelihood=float(np.mean(np.log(std_k) + 0.5 * z_k**2) + 0.5 * np.log(2 * np.pi)),
        spearman=_spearman(np.abs(error_k), std_k),
        z_mean=float(z_k.mean()),
        z_rms=_rms(z_k),
        bin_std=np.array([_rms(std_k[members]) for members in bins]),
        bin_rmse=np.array([_rms(error_k[members]) for members in bins]),
    )


def errors_and_stds(dataset: Dataset, prediction: Prediction, quantity: str) -> tuple[Array, Array, int]:
    """Errors and their standard deviations, flat, of energies per atom or of force components.

    Returns
    -------
    error_k, std_k
        Predicted minus reference value and standard deviation, eV/atom or eV/Å.
    unknown
        How many are left out, for want of a reference or of a standard deviation greater than zero.

    Raises
    ------
    ValueError
        If the prediction has no such standard deviations.
    """
    check_choice("quantity", quantity, QUANTITIES)
    found = prediction.energy_std if quantity == "energy" else prediction.force_std
    if found is None:
        raise ValueError(f"`prediction`: expected standard deviations of each {quantity}, got none")
    if len(prediction) != len(dataset):
        raise ValueError(f"`prediction`: expected {len(dataset)} structures as in `dataset`, got {len(prediction)}")
    if quantity == "energy":
        error_k = (prediction.energies - dataset.energies) / dataset.n_atoms
        std_k = np.asarray(found) / dataset.n_atoms
    else:
        reference = [
            np.full_like(predicted_nc, np.nan) if forces_nc is None else forces_nc
            for forces_nc, predicted_nc in zip(dataset.forces, prediction.forces, strict=True)
        ]
        error_k = np.concatenate([np.empty((0, 3)), *prediction.forces]).ravel()
        error_k = error_k - np.concatenate([np.empty((0, 3)), *reference]).ravel()
        std_k = np.concatenate([np.empty((0, 3)), *found]).ravel()
    known_k = np.isfinite(error_k) & np.isfinite(std_k) & (std_k > 0)
    return error_k[known_k], std_k[known_k], int((~known_k).sum())


@dataclass(frozen=True, eq=False)
class Conformal:
    r"""Intervals that hold a wanted fraction of new errors, whatever their distribution.

    Split conformal prediction with normalised residuals: on structures that the potential was not fitted to, the
    scores are :math:`s_k = |d_k|/\sigma_k`; with :math:`q_\alpha` the :math:`\lceil (n + 1)(1 - \alpha) \rceil`-th
    smallest of the n scores, the interval :math:`\hat y \pm q_\alpha \sigma` of a new structure, exchangeable with
    those, holds its reference with a probability of at least :math:`1 - \alpha`, and, where scores differ, at most
    :math:`1 - \alpha + 1/(n + 1)`. That is on the average over structures, not for each of them. Components of the
    forces of one structure are not exchangeable with those of another: for forces it is no guarantee.

    Attributes
    ----------
    quantity
        ``"energy"`` per atom or ``"force"`` components.
    scores
        Rising, no unit, shape (numbers,).

    References
    ----------
    J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman, J. Am. Stat. Assoc. 113, 1094 (2018).
    doi:10.1080/01621459.2017.1307116
    """

    quantity: str
    scores: Array

    @classmethod
    def of(cls, dataset: Dataset, prediction: Prediction, quantity: str = "energy") -> Self:
        """From a calibration set, which neither the potential nor its hyperparameters were fitted to."""
        error_k, std_k, _ = errors_and_stds(dataset, prediction, quantity)
        return cls.of_errors(error_k, std_k, quantity)

    @classmethod
    def of_errors(cls, error_k: Array, std_k: Array, quantity: str = "energy") -> Self:
        """From errors and standard deviations."""
        error_k, std_k = _checked(error_k, std_k)
        return cls(quantity, np.sort(np.abs(error_k) / std_k))

    def factor(self, alpha: float = 0.1) -> float:
        r""":math:`q_\alpha`: half widths in standard deviations; infinite where n is below :math:`1/\alpha - 1`.

        Parameters
        ----------
        alpha
            The fraction of errors that may be outside, between 0 and 1.
        """
        if not 0 < check_real("alpha", alpha) < 1:
            raise ValueError(f"`alpha`: expected a number between 0 and 1, got {alpha:g}")
        rank = int(np.ceil((len(self.scores) + 1) * (1 - alpha) - 1e-9))  # less what rounding adds
        return float(self.scores[rank - 1]) if rank <= len(self.scores) else float("inf")

    def half_widths(self, std_k: Array, alpha: float = 0.1) -> Array:
        """Half widths of the intervals of new predictions with these standard deviations, in their unit."""
        return np.asarray(self.factor(alpha) * np.asarray(std_k, dtype=float))

    def coverage(self, dataset: Dataset, prediction: Prediction, alpha: float = 0.1) -> tuple[float, float]:
        """Share of the references of other structures that are within, and the mean half width, eV/atom or eV/Å."""
        error_k, std_k, _ = errors_and_stds(dataset, prediction, self.quantity)
        width_k = self.half_widths(std_k, alpha)
        if not len(error_k):
            return float("nan"), float("nan")
        return float(np.mean(np.abs(error_k) <= width_k)), float(width_k.mean())


@dataclass(frozen=True)
class Recalibration:
    r"""Factors that standard deviations are multiplied with.

    The factor that makes the errors of a calibration set most likely, for normal errors, is the root mean square of
    z: :math:`a^2 = \frac1K \sum_k d_k^2/\sigma_k^2`. A few large errors, or deviations that are next to zero, make it
    large; the median, `median_factor`, they do not move. Neither changes the order of the standard deviations nor their
    correlation with the errors.

    Attributes
    ----------
    energy
        For standard deviations of energies, total and of atoms.
    force
        For those of forces.

    References
    ----------
    F. Musil, M. J. Willatt, M. A. Langovoy, M. Ceriotti, J. Chem. Theory Comput. 15, 906 (2019).
    doi:10.1021/acs.jctc.8b00959
    """

    energy: float = 1.0
    force: float = 1.0

    def __post_init__(self) -> None:
        """Check that the factors are greater than zero."""
        for name, value in vars(self).items():
            object.__setattr__(self, name, check_positive(name, value))

    @classmethod
    def of(cls, dataset: Dataset, prediction: Prediction, method: str = "likelihood") -> Self:
        """From a calibration set; a factor stays one where the prediction has no such standard deviations.

        Parameters
        ----------
        dataset, prediction
            Of the same structures, none of which the potential was fitted to.
        method
            ``"likelihood"``: the root mean square; ``"median"``.

        Raises
        ------
        ValueError
            If the prediction has no standard deviations of anything that has a reference.
        """
        check_choice("method", method, METHODS)
        factors = {}
        for quantity, stds in (("energy", prediction.energy_std), ("force", prediction.force_std)):
            if stds is None:
                continue
            error_k, std_k, _ = errors_and_stds(dataset, prediction, quantity)
            factor = 0.0
            if len(error_k):
                factor = _rms(error_k / std_k) if method == "likelihood" else median_factor(error_k / std_k)
            if factor > 0:
                factors[quantity] = factor
        if not factors:
            raise ValueError("`prediction`: expected standard deviations of structures with references, got none")
        return cls(**factors)

    def apply(self, prediction: Prediction) -> Prediction:
        """The same prediction with standard deviations that are scaled."""
        changes: dict[str, Any] = {}
        if prediction.energy_std is not None:
            changes["energy_std"] = self.energy * prediction.energy_std
        if prediction.local_energy_std is not None:
            changes["local_energy_std"] = tuple(self.energy * std_n for std_n in prediction.local_energy_std)
        if prediction.force_std is not None:
            changes["force_std"] = tuple(self.force * std_nc for std_nc in prediction.force_std)
        return replace(prediction, **changes)


def recalibrated(
    dataset: Dataset, prediction: Prediction, quantity: str = "energy", seed: int = 0
) -> Calibration | None:
    """How well standard deviations tell the errors once they are scaled: what a calibration set would make of them.

    The structures are divided into two halves, and each is scaled by the factor of the other, `median_factor`; no error
    is judged by a factor that it has a part in.

    Parameters
    ----------
    dataset, prediction
        Of the same structures, none of which the potential was fitted to.
    quantity
        ``"energy"`` per atom or ``"force"`` components.
    seed
        Of the halves.

    Returns
    -------
    Calibration or None
        None where a half has nothing that can be compared.

    Raises
    ------
    ValueError
        If the prediction has no such standard deviations.
    """
    fold_s = folds_of(dataset.ids, 2, seed)
    halves = []
    for fold in (0, 1):
        own = np.flatnonzero(fold_s == fold)
        halves.append(errors_and_stds(dataset[own], taken(prediction, own), quantity))
    factors = [median_factor(error_k / std_k) if len(error_k) else 0.0 for error_k, std_k, _ in halves]
    if min(factors) <= 0:
        return None
    error_k = np.concatenate([half[0] for half in halves])
    std_k = np.concatenate([factor * half[1] for factor, half in zip(factors[::-1], halves, strict=True)])
    unknown = sum(half[2] for half in halves)
    return replace(calibration_of(error_k, std_k), quantity=quantity, unit=UNITS[quantity], unknown=unknown)


def median_factor(z_k: Array) -> float:
    r"""What standard deviations have to be multiplied with for half the errors to be within the interval that says so.

    .. math:: a = \operatorname{median}_k |z_k| \,/\, \Phi^{-1}(\tfrac34)

    The reliability curve then goes through (½, ½). For normal errors it is their root mean square.

    Parameters
    ----------
    z_k
        Errors over standard deviations, no unit, shape (numbers,); at least one.

    References
    ----------
    F. R. Hampel, J. Am. Stat. Assoc. 69, 383 (1974), for the median as a measure of spread.
    doi:10.1080/01621459.1974.10482962
    """
    return float(np.median(np.abs(z_k)) / norm.ppf(0.75))


def _checked(error_k: Array, std_k: Array) -> tuple[Array, Array]:
    error_k, std_k = np.asarray(error_k, dtype=float), np.asarray(std_k, dtype=float)
    if error_k.ndim != 1 or error_k.shape != std_k.shape:
        raise ValueError(f"`std_k`: expected the shape of `error_k`, one axis, got {error_k.shape} and {std_k.shape}")
    if not len(error_k):
        raise ValueError("`error_k`: expected at least one error with a standard deviation, got none")
    if not np.isfinite(error_k).all():
        raise ValueError("`error_k`: expected finite numbers, got NaN or infinity")
    if not (np.isfinite(std_k) & (std_k > 0)).all():
        raise ValueError(f"`std_k`: expected finite numbers greater than zero, got {std_k[~(std_k > 0)][:1]}")
    return error_k, std_k


def _rms(values_k: Array) -> float:
    return float(np.sqrt(np.mean(values_k**2)))


def _area(needed_k: Array) -> float:
    """Area between the diagonal and the distribution function of the rising levels at which each error is within."""
    edges = np.concatenate([[0.0], needed_k, [1.0]])
    height = np.arange(len(needed_k) + 1) / len(needed_k)
    below, above = edges[:-1] - height, edges[1:] - height
    return float(np.sum(above * np.abs(above) - below * np.abs(below)) / 2)


def _spearman(error_k: Array, std_k: Array) -> float:
    if np.ptp(error_k) == 0 or np.ptp(std_k) == 0:
        return float("nan")
    return float(spearmanr(error_k, std_k).statistic)
