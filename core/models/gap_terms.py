"""The terms of a Gaussian approximation potential: descriptor, kernel, prior deviation, sparse points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from potscope.core import descriptors, kernels
from potscope.core._types import Array, IntArray
from potscope.core.dataset import Dataset
from potscope.core.descriptors import FEW_BODY, FewBody, LocalDescriptor, TwoBody
from potscope.core.hyperparameters import Declared, hyperparameter
from potscope.core.kernels import PolynomialKernel, SimilarityKernel, SquaredExponential
from potscope.core.models.base import batches, learnt_from
from potscope.core.models.descriptor_files import plain_of
from potscope.core.models.environment_kernel import SparseKernel
from potscope.core.models.gap_clusters import in_parts
from potscope.core.pairs import Pairs
from potscope.core.progress import Progress, part

MOST_CANDIDATES = 50_000_000  # features of candidates for sparse points: 400 MB
NARROWEST = 1e-6  # of the largest spread; components that vary less are constants but for rounding

FEWEST_POINTS, FEWEST_OF_A_KIND = 100, 20
MOST_UNEXPLAINED = 1e-4  # of the prior variance of a pair; where more is left, sums over pairs have useless variances
DISTANCES = 200  # that are looked at for that
JITTER = 1e-8

Choose = Callable[[Array, int, np.random.Generator, Progress], IntArray]

SPARSE_METHODS: dict[str, Choose] = {
    "farthest points": kernels.SELECTIONS["farthest points"],
    "CUR": kernels.SELECTIONS["leading leverage"],
    "uniform": kernels.SELECTIONS["uniform"],
    "random": kernels.SELECTIONS["random"],
}


@dataclass(frozen=True)
class Term(Declared):
    r"""A term of the energy, a sum over environments, pairs or triplets, and the Gaussian process that it is.

    .. math::
        E_t = \sum_r w_r\, g(\mathbf x_r), \qquad
        \langle g(\mathbf x)\, g(\mathbf x')\rangle = \delta^2\, \kappa(\mathbf x, \mathbf x')

    with a function g for each kind of elements, and weights :math:`w_r` that are one for environments.

    Parameters
    ----------
    descriptor
        A local descriptor such as `SOAP`, or `TwoBody` or `ThreeBody`.
    kernel
        `PolynomialKernel` or `SquaredExponential`.
    relative_lengths, delta, n_sparse, sparse_method
        As declared; see ``declared(Term)``.
    """

    descriptor: LocalDescriptor | FewBody
    kernel: SimilarityKernel = field(default_factory=SquaredExponential)
    relative_lengths: bool = hyperparameter(
        "Whether lengths of a squared exponential are in units of the spread of each feature in the data, times the "
        "root of the number of features.",
        default=True,
    )
    delta: float = hyperparameter(
        "Prior standard deviation of the energy of an environment, a pair or a triplet.",
        default=1.0,
        unit="eV",
        bounds=(1e-3, 1e3),
    )
    n_sparse: int = hyperparameter(
        "Sparse points. Environments share them by their numbers, kinds of pairs and of triplets evenly. 0 for 100, or "
        "for 20 of each kind of pairs or triplets where that is more.",
        default=0,
        bounds=(0, 20000),
    )
    sparse_method: str = hyperparameter(
        "How sparse points are chosen.", default="farthest points", choices=tuple(SPARSE_METHODS)
    )

    def __post_init__(self) -> None:
        """Check the hyperparameters."""
        super().__post_init__()
        if not isinstance(self.descriptor, (LocalDescriptor, FewBody)):
            raise TypeError(
                f"`descriptor`: expected a local descriptor such as SOAP, or TwoBody or ThreeBody, "
                f"got {self.descriptor!r}"
            )
        if not isinstance(self.kernel, SimilarityKernel):
            raise TypeError(f"`kernel`: expected PolynomialKernel or SquaredExponential, got {self.kernel!r}")
        if isinstance(self.descriptor, FewBody) and isinstance(self.kernel, PolynomialKernel):
            raise ValueError("`kernel`: expected SquaredExponential for pairs and triplets, got PolynomialKernel")

    def plain(self) -> dict[str, Any]:
        """What makes it again by `from_plain`, for JSON."""
        return {
            "descriptor": plain_of(self.descriptor),
            "kernel": plain_of(self.kernel),
            "hyperparameters": self.hyperparameters(),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Term:
        """The term that `plain` came from."""
        kernel = kernels.REGISTRY[plain["kernel"]["class"]](**plain["kernel"]["hyperparameters"])
        if not isinstance(kernel, SimilarityKernel):
            raise ValueError(f"a {cls.__name__} has no {type(kernel).__name__}")
        return cls(descriptor_from(plain["descriptor"]), kernel, **plain["hyperparameters"])

    def resolved(self, length_f: Array) -> SimilarityKernel:
        """The kernel with lengths in the features' unit; none for a kernel without lengths."""
        return replace(self.kernel, length=tuple(length_f.tolist())) if len(length_f) else self.kernel

    def lengths(self, values_rf: Array, kind_r: IntArray) -> Array:
        r"""Lengths of a squared exponential by the spread of the features about the mean of their kind.

        .. math:: \theta_f = \theta\, \sqrt{F}\, \sqrt{\langle (x_{rf} - \bar x_{k(r) f})^2 \rangle}
        """
        if not isinstance(self.kernel, SquaredExponential):
            return np.empty(0)
        given_f = np.broadcast_to(self.kernel.length, values_rf.shape[1:])
        if not self.relative_lengths:
            return np.array(given_f)
        square_f = np.zeros(values_rf.shape[1])
        for kind in np.unique(kind_r):
            own = values_rf[kind_r == kind]
            square_f += ((own - own.mean(axis=0)) ** 2).sum(axis=0)
        spread_f = np.sqrt(square_f / max(1, len(values_rf)))
        widest = spread_f.max(initial=0.0)
        if widest == 0:
            return np.array(given_f)
        return np.asarray(given_f * np.sqrt(len(spread_f)) * np.maximum(spread_f, NARROWEST * widest))


def descriptor_from(plain: Mapping[str, Any]) -> LocalDescriptor | FewBody:
    """The descriptor that `plain_of` came from."""
    name = plain["class"]
    kind = FEW_BODY[name] if name in FEW_BODY else descriptors.REGISTRY[name]
    descriptor = kind(**plain["hyperparameters"])
    if not isinstance(descriptor, (LocalDescriptor, FewBody)):
        raise ValueError(f"a GAP stands on descriptors of atoms, pairs or triplets, not on {name}")
    return descriptor


def sparse_kernel(term: Term, train: Dataset, rng: np.random.Generator, progress: Progress) -> SparseKernel:
    """The kernel of a term with sparse points chosen among the clusters of a data set."""
    values_rf, kind_r = _candidates(term, train, part(progress, 0.0, 0.4))
    if len(values_rf) == 0:
        raise ValueError(
            f"`terms`: expected atoms within the cutoff of {term.descriptor!r} in the training data, found none"
        )
    kernel = term.resolved(term.lengths(values_rf, kind_r))
    mapped_rf, _ = kernel.mapped(values_rf)
    kinds, sizes = np.unique(kind_r, return_counts=True)
    chosen = []
    for index, (kind, wanted) in enumerate(zip(kinds, _shares(term, sizes), strict=True)):
        rows = np.flatnonzero(kind_r == kind)
        own = part(progress, 0.4 + 0.6 * index / len(kinds), 0.4 + 0.6 * (index + 1) / len(kinds))
        chosen.append(rows[_chosen(mapped_rf[rows], int(wanted), term.sparse_method, rng, own)])
    m = np.concatenate(chosen)
    return SparseKernel(kernel, term.delta, mapped_rf[m], kind_r[m])


def _shares(term: Term, sizes: IntArray) -> IntArray:
    """How many sparse points each kind has, at least one."""
    even = isinstance(term.descriptor, FewBody)
    share = np.full(len(sizes), 1 / len(sizes)) if even else sizes / sizes.sum()
    wanted = term.n_sparse or max(FEWEST_POINTS, even * FEWEST_OF_A_KIND * len(sizes))
    return np.minimum(np.maximum(np.round(wanted * share), 1), sizes).astype(np.int64)


def unexplained(kernel: SparseKernel) -> float:
    r"""The largest share of the prior variance of a pair that the sparse points leave, between the outermost of a kind.

    .. math:: \max_r \left[ 1 - \mathbf k_r^{\mathsf T}\mathbf K_{mm}^{-1}\mathbf k_r \right]
        \quad\text{for}\quad \delta = 1

    What is left of each pair adds up over all pairs of a structure. Above `MOST_UNEXPLAINED` the standard deviation of
    its energy is far larger than its error, while the energy itself may be as good as with more points.

    Parameters
    ----------
    kernel
        Of pairs, whose only feature is a distance.
    """
    left = 0.0
    for _, own in kernel.columns:
        Q_mf = kernel.sparse_mf[own]
        x_rf = np.linspace(Q_mf.min(axis=0), Q_mf.max(axis=0), DISTANCES)
        K_mm, k_rm = (kernel.kernel.curve(kernel.kernel.similarity(rows_f, Q_mf)) for rows_f in (Q_mf, x_rf))
        factor = cho_factor(K_mm + JITTER * np.eye(len(Q_mf)), check_finite=False)
        explained_r = np.einsum("rm,mr->r", k_rm, cho_solve(factor, k_rm.T, check_finite=False))
        left = max(left, 1 - float(explained_r.min()))
    return left


def remark(terms: Sequence[Term], fitted: Sequence[SparseKernel]) -> str:
    """Which terms of pairs have too few sparse points for their standard deviations; empty where none has."""
    found = []
    for term, kernel in zip(terms, fitted, strict=True):
        if isinstance(term.descriptor, TwoBody) and (left := unexplained(kernel)) > MOST_UNEXPLAINED:
            kinds = len(kernel.columns)
            wanted = max(FEWEST_OF_A_KIND * kinds, 2 * kernel.size)
            found.append(
                f"{kernel.size} sparse points for {kinds} kind{'s' * (kinds != 1)} of pairs leave {left:.2g} of a "
                f"pair's prior variance: standard deviations are much too large, {wanted} points may do"
            )
    return "; ".join(found)


def _chosen(mapped_rf: Array, wanted: int, method: str, rng: np.random.Generator, progress: Progress) -> IntArray:
    picked = SPARSE_METHODS[method](mapped_rf, wanted, rng, progress)
    if method in ("farthest points", "CUR"):
        return picked
    # without doubles, which would be one equation twice
    return np.asarray(picked[np.sort(kernels.farthest_points(mapped_rf[picked], wanted))])


def _candidates(term: Term, train: Dataset, progress: Progress) -> tuple[Array, IntArray]:
    """Features and kinds of all clusters of a data set; where these are very many, of every second, fourth, ..."""
    found: list[tuple[Array, IntArray]] = []
    stride, done = 1, 0
    for batch in batches(train.structures):
        progress(done / max(1, len(train)), "describing the environments")
        with learnt_from(train.ids[done : done + len(batch)]):
            pairs = Pairs.from_structures(batch, term.descriptor.reach)
        done += len(batch)
        for clusters in in_parts(term.descriptor, pairs):
            found.append((clusters.values_rf[::stride].copy(), clusters.kind_r[::stride].copy()))
        while sum(values_rf.size for values_rf, _ in found) > MOST_CANDIDATES:
            stride *= 2
            found = [(values_rf[::2].copy(), kind_r[::2].copy()) for values_rf, kind_r in found]
    return np.concatenate([v for v, _ in found]), np.concatenate([k for _, k in found])
