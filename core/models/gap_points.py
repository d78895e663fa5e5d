"""Sparse points of a Gaussian approximation potential by their kinds, taken from elsewhere and given back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from potscope.core._types import Array
from potscope.core.descriptors import FewBody, LocalDescriptor
from potscope.core.kernels import SquaredExponential
from potscope.core.models.environment_kernel import SparseKernel
from potscope.core.models.gap_process import SparseProcess
from potscope.core.models.gap_terms import Term
from potscope.core.validation import check_array, shown

OfKinds = Mapping[str, ArrayLike]


def kinds_of(descriptor: LocalDescriptor | FewBody) -> tuple[str, ...]:
    """What functions of a term are learnt for: elements of centres, or those of pairs and triplets."""
    return descriptor.kinds if isinstance(descriptor, FewBody) else tuple(descriptor.species)


def process_of(
    terms: Sequence[Term], points: Sequence[OfKinds], weights: Sequence[OfKinds]
) -> tuple[SparseProcess, Array]:
    """The process of sparse points that are known, and the weights of all of them; see `GAP.from_sparse_points`."""
    if isinstance(terms, Term) or not all(isinstance(term, Term) for term in terms):
        raise TypeError(f"`terms`: expected some Term, got {shown(terms)}")
    if not len(terms) == len(points) == len(weights) or not terms:
        raise ValueError(
            f"`points` and `weights`: expected one of each for every term, got {len(terms)} terms, {len(points)} and "
            f"{len(weights)}"
        )
    kernels, weights_m = [], []
    for t, term in enumerate(terms):
        kernel, own_m = _kernel_of(t, term, points[t], weights[t])
        kernels.append(kernel)
        weights_m.append(own_m)
    return SparseProcess(tuple(term.descriptor for term in terms), tuple(kernels)), np.concatenate(weights_m)


def _kernel_of(t: int, term: Term, points: OfKinds, weights: OfKinds) -> tuple[SparseKernel, Array]:
    """The kernel of a term with its sparse points, kind after kind, and their weights."""
    if isinstance(term.kernel, SquaredExponential) and term.relative_lengths:
        raise ValueError(
            f"`terms`[{t}]: expected relative_lengths=False, as no data tell the spread of the features, got True"
        )
    kinds, n_features = kinds_of(term.descriptor), len(term.descriptor.names)
    for name, given in (("points", points), ("weights", weights)):
        if not isinstance(given, Mapping) or not given or set(given) - set(kinds):
            got = ", ".join(map(str, given)) if isinstance(given, Mapping) else shown(given)
            raise ValueError(f"`{name}`[{t}]: expected arrays by kinds among {', '.join(kinds)}, got {got or 'none'}")
    if set(points) != set(weights):
        raise ValueError(
            f"`weights`[{t}]: expected those of the kinds {', '.join(points)} of the points, got {', '.join(weights)}"
        )
    mapped, kind_m, weights_m = [], [], []
    for place, kind in enumerate(kinds):
        if kind in points:
            own_mf = check_array(f"points[{t}][{kind!r}]", points[kind], (None, n_features))
            weights_m.append(check_array(f"weights[{t}][{kind!r}]", weights[kind], (len(own_mf),)))
            mapped.append(term.kernel.mapped(own_mf)[0])
            kind_m.append(np.full(len(own_mf), place))
    if not sum(map(len, mapped)):
        raise ValueError(f"`points`[{t}]: expected at least one, got none")
    kernel = SparseKernel(term.kernel, term.delta, np.concatenate(mapped), np.concatenate(kind_m))
    return kernel, np.concatenate(weights_m)


def terms_of(process: SparseProcess, weights_m: Array) -> tuple[tuple[Term, dict[str, Array], dict[str, Array]], ...]:
    """Terms with lengths in units of the features, the features of their sparse points and the weights, by kinds."""
    found = []
    for descriptor, kernel, place in process.terms():
        term = Term(descriptor, kernel.kernel, relative_lengths=False, delta=kernel.delta, n_sparse=kernel.size)
        kinds, own_m = kinds_of(descriptor), weights_m[place]
        length_f = np.array(kernel.kernel.length) if isinstance(kernel.kernel, SquaredExponential) else np.ones(1)
        points = {kinds[kind]: kernel.sparse_mf[m] * length_f for kind, m in kernel.columns}
        found.append((term, points, {kinds[kind]: own_m[m].copy() for kind, m in kernel.columns}))
    return tuple(found)
