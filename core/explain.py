r"""What each neighbour contributes to a feature, or to a kernel, of the environment of one atom.

Let :math:`v(S)` be a feature of an atom that has only the neighbours in :math:`S`. The Shapley value shares
:math:`v(N) - v(\varnothing)` out among all neighbours: it is the mean, over all orders in which they may come in, of
what each adds when it comes. No other way of sharing out is complete, treats alike what is alike, gives nothing to
those that never change anything, and is additive.

In general its cost grows as :math:`2^{|N|}`. Features of atoms, however, are sums over single neighbours, pairs of
neighbours and so on up to `LocalDescriptor.neighbour_order` :math:`K`,

.. math::
    v(S) = v(\varnothing) + \sum_{j \in S} m_j + \sum_{\{j,k\} \subseteq S} m_{jk}
         + \sum_{\{j,k,l\} \subseteq S} m_{jkl},

of which each neighbour that takes part has an equal share, :math:`\phi_j = m_j + \tfrac12 \sum_k m_{jk} +
\tfrac13 \sum_{kl} m_{jkl}`. With :math:`D_j = v(N) - v(N \setminus j)` and :math:`P_j = \sum_k m_{jk}`,
:math:`m_{jk} = v(jk) - v(j) - v(k) + v(\varnothing)`, that is

.. math::
    \phi_j = \begin{cases}
        D_j & K = 1 \\
        \tfrac12 \left(m_j + D_j\right) & K = 2 \\
        m_j + \tfrac12 P_j + \tfrac13 \left(D_j - m_j - P_j\right) & K = 3
    \end{cases}

and exact. The environments :math:`S` that this needs are described in one batch: many copies of the atom, each with a
few of its neighbours. A kernel :math:`k = (\hat{\mathbf p} \cdot \hat{\mathbf q})^\zeta` with another environment
:math:`\mathbf q` is shared out in proportion to what each neighbour adds to :math:`\mathbf p \cdot \mathbf q`,

.. math::
    k = \frac{k}{\mathbf p \cdot \mathbf q} \left[ \mathbf v(\varnothing) \cdot \mathbf q
        + \sum_j \boldsymbol\phi_j \cdot \mathbf q \right] .

References
----------
L. S. Shapley, in Contributions to the Theory of Games II, Princeton University Press, 307 (1953).
doi:10.1515/9781400881970-018

M. Grabisch, M. Roubens, Int. J. Game Theory 28, 547 (1999), for interactions of several. doi:10.1007/s001820050125
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms

from potscope.core._types import Array, IntArray
from potscope.core.descriptors.base import LocalDescriptor
from potscope.core.kernels import normalised, power
from potscope.core.pairs import Pairs
from potscope.core.validation import check_integer, check_positive

HIGHEST_ORDER = 3


@dataclass(frozen=True)
class Shares:
    """A number as a sum over the neighbours of an atom.

    Attributes
    ----------
    baseline
        What the number is for the atom alone.
    neighbours_j
        What each neighbour adds to it, shape (neighbours,).
    """

    baseline: float
    neighbours_j: Array

    @property
    def total(self) -> float:
        """The number."""
        return float(self.baseline + self.neighbours_j.sum())


@dataclass(frozen=True)
class Explanation:
    """The features of one atom, shared out among its neighbours.

    Attributes
    ----------
    atom
        Index of the atom.
    neighbours_j
        Index of the atom that each neighbour is, or is an image of, shape (neighbours,).
    shifts_jc
        In which periodic image it is, whole cell vectors, shape (neighbours, 3).
    D_jc
        From the atom to each neighbour, Å, shape (neighbours, 3).
    numbers_j
        Atomic number of each neighbour, shape (neighbours,).
    baseline_f
        Features of the atom alone, shape (features,).
    contributions_jf
        What each neighbour adds to them, shape (neighbours, features).
    names
        Names of the features.
    """

    atom: int
    neighbours_j: IntArray
    shifts_jc: IntArray
    D_jc: Array
    numbers_j: IntArray
    baseline_f: Array
    contributions_jf: Array
    names: tuple[str, ...]

    @cached_property
    def values_f(self) -> Array:
        """The features of the atom: the sum of everything."""
        return np.asarray(self.baseline_f + self.contributions_jf.sum(axis=0))

    def feature(self, feature: int | str) -> Shares:
        """One feature, by its name or its place.

        Raises
        ------
        ValueError
            If there is no such feature.
        """
        if isinstance(feature, str):
            if feature not in self.names:
                raise ValueError(f"`feature`: expected one of the {len(self.names)} names, got {feature!r}")
            feature = self.names.index(feature)
        if not 0 <= feature < len(self.names):
            raise ValueError(f"`feature`: expected 0 to {len(self.names) - 1}, got {feature}")
        return Shares(float(self.baseline_f[feature]), self.contributions_jf[:, feature].copy())

    def kernel(self, others_f: Array, zeta: float = 2.0) -> Shares:
        r"""The kernel :math:`(\hat{\mathbf p} \cdot \hat{\mathbf q})^\zeta` with another environment.

        Parameters
        ----------
        others_f
            The features :math:`\mathbf q` of the other environment, not necessarily normalised, shape (features,).
        zeta
            Power :math:`\zeta`, at least 1.

        Raises
        ------
        ValueError
            If `others_f` has another shape, or `zeta` is below 1.
        """
        if np.shape(others_f) != self.values_f.shape:
            raise ValueError(f"`others_f`: expected shape {self.values_f.shape}, got {np.shape(others_f)}")
        if check_positive("zeta", zeta) < 1:
            raise ValueError(f"`zeta`: expected at least 1, got {zeta!r}")
        units_2f, (length, other_length) = normalised(np.stack([self.values_f, np.asarray(others_f, dtype=float)]))
        if length == 0 or other_length == 0:
            return Shares(0.0, np.zeros(len(self.neighbours_j)))
        weight_f = power(np.vdot(units_2f[0], units_2f[1]), zeta - 1) * units_2f[1] / length
        return Shares(float(self.baseline_f @ weight_f), self.contributions_jf @ weight_f)


def explain(descriptor: LocalDescriptor, atoms: Atoms, atom: int) -> Explanation:
    """Share the features of one atom out among its neighbours; see `potscope.core.explain` for how.

    Parameters
    ----------
    descriptor
        A local descriptor whose `neighbour_order` is at most 3.
    atoms
        The structure.
    atom
        Index of the atom.

    Raises
    ------
    TypeError
        If the descriptor is not a local one.
    ValueError
        If more than three neighbours act together in it, there is no such atom, or the structure has elements that it
        does not know.

    Examples
    --------
    >>> from ase.build import bulk
    >>> from potscope.core.descriptors import SOAP
    >>> explanation = explain(SOAP(species=["Si"], cutoff=3.0, n_max=4, l_max=3), bulk("Si"), 0)
    >>> explanation.D_jc.shape, explanation.contributions_jf.shape
    ((4, 3), (4, 40))
    >>> shares = explanation.kernel(explanation.values_f)
    >>> round(shares.total, 12), bool(np.ptp(shares.neighbours_j) < 1e-12)
    (1.0, True)
    """
    order = _order(descriptor)
    check_integer("atom", atom, 0, len(atoms) - 1)
    descriptor.check_species([atoms])
    around = Pairs.from_structures([atoms], descriptor.reach)
    p = slice(around.first_n[atom], around.first_n[atom + 1])
    neighbours_j = around.j_p[p]
    coalitions = _coalitions(len(neighbours_j), order)
    pairs = _copies(around, atom, coalitions)
    features = descriptor.compute_pairs(pairs)
    baseline_f, contributions_jf = _shapley(features.values[: len(coalitions)], len(neighbours_j), order)
    return Explanation(
        atom=int(atom),
        neighbours_j=neighbours_j,
        shifts_jc=around.S_pc[p],
        D_jc=around.D_pc[p],
        numbers_j=around.numbers_n[neighbours_j],
        baseline_f=baseline_f,
        contributions_jf=contributions_jf,
        names=features.names,
    )


def _order(descriptor: LocalDescriptor) -> int:
    if not isinstance(descriptor, LocalDescriptor):
        raise TypeError(f"`descriptor`: expected a local descriptor such as SOAP, got {descriptor!r}")
    order = descriptor.neighbour_order
    if order is None or not 1 <= order <= HIGHEST_ORDER:
        how = "not a sum over groups of neighbours" if order is None else f"made of {order} neighbours at once"
        raise ValueError(
            f"`descriptor`: expected features made of at most {HIGHEST_ORDER} neighbours at once, which can be shared "
            f"out exactly; those of {descriptor!r} are {how}"
        )
    return order


def _coalitions(n: int, order: int) -> list[Sequence[int]]:
    """Which of n neighbours are there: none, all, all but each, each alone, and each two, as far as `order` asks."""
    everyone = range(n)
    found: list[Sequence[int]] = [(), everyone]
    found += [tuple(k for k in everyone if k != j) for j in everyone]
    if order > 1:
        found += [(j,) for j in everyone]
    if order > 2:
        found += list(itertools.combinations(everyone, 2))
    return found


def _copies(around: Pairs, atom: int, coalitions: Sequence[Sequence[int]]) -> Pairs:
    """Copies of an atom, each with some of its neighbours; after them the neighbours, which have none themselves."""
    first, last = around.first_n[atom : atom + 2]
    D_jc, numbers_j = around.D_pc[first:last], around.numbers_n[around.j_p[first:last]]
    n_copies, n = len(coalitions), len(D_jc)
    size_k = np.array([len(coalition) for coalition in coalitions], dtype=np.int64)
    member_p = np.fromiter(itertools.chain.from_iterable(coalitions), dtype=np.int64, count=int(size_k.sum()))
    ends_k = np.cumsum(size_k)
    return Pairs(
        i_p=np.repeat(np.arange(n_copies), size_k),
        j_p=n_copies + member_p,
        D_pc=np.ascontiguousarray(D_jc[member_p]),
        S_pc=np.zeros((len(member_p), 3), dtype=np.int64),
        first_n=np.concatenate([[0], ends_k, np.full(n, ends_k[-1])]).astype(np.int64),
        structure_n=np.zeros(n_copies + n, dtype=np.int64),
        numbers_n=np.concatenate([np.full(n_copies, around.numbers_n[atom]), numbers_j]),
        n_structures=1,
        cutoff=around.cutoff,
    )


def _shapley(values_kf: Array, n: int, order: int) -> tuple[Array, Array]:
    """Baseline and Shapley values from the features of the coalitions, in the order of `_coalitions`."""
    alone_f, whole_f = values_kf[0], values_kf[1]
    last_jf = whole_f - values_kf[2 : 2 + n]
    if order == 1:
        return alone_f.copy(), last_jf
    first_jf = values_kf[2 + n : 2 + 2 * n] - alone_f
    if order == 2:
        return alone_f.copy(), (first_jf + last_jf) / 2
    pairs_jf = np.zeros_like(first_jf)
    j_q, k_q = np.triu_indices(n, 1)
    together_qf = values_kf[2 + 2 * n :] - alone_f - first_jf[j_q] - first_jf[k_q]
    np.add.at(pairs_jf, j_q, together_qf)
    np.add.at(pairs_jf, k_q, together_qf)
    return alone_f.copy(), first_jf + pairs_jf / 2 + (last_jf - first_jf - pairs_jf) / 3
