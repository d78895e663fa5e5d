"""The screened repulsion of nuclei, which a potential may be fitted on top of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.pairs import Pairs
from potscope.core.validation import check_not_negative, check_positive

COULOMB = 14.399645  # eV Å, e²/(4πε₀) in the `metal` units of LAMMPS
LENGTH, POWER = 0.46850, 0.23  # Å, and of the nuclear charges
AMOUNT_K = np.array([0.02817, 0.28022, 0.50986, 0.18175])
DECAY_K = np.array([0.20162, 0.40290, 0.94229, 3.19980])


@dataclass(frozen=True)
class ZBL:
    r"""Repulsion of nuclei as Ziegler, Biersack and Littmark have it, switched off as in LAMMPS' ``pair_style zbl``.

    .. math::
        E = \tfrac12\sum_p \left[\phi(r_p) + S(r_p)\right], \qquad
        \phi(r) = \frac{Z_i Z_j e^2}{4\pi\varepsilon_0\, r} \sum_k c_k\, e^{-d_k r/a}, \qquad
        a = \frac{0.4685\ \text{Å}}{Z_i^{0.23} + Z_j^{0.23}} ,

    for :math:`r < r_o`, with :math:`t = r - r_i` beyond the inner distance, 0 before it, and :math:`T = r_o - r_i`:

    .. math::
        S(r) = \frac A3 t^3 + \frac B4 t^4 + C, \qquad
        A = \frac{T\phi'' - 3\phi'}{T^2}, \quad B = \frac{2\phi' - T\phi''}{T^3}, \quad
        C = -\phi + \frac T2 \phi' - \frac{T^2}{12} \phi'' ,

    where :math:`\phi` and its derivatives are those at :math:`r_o`. There energy, slope and curvature vanish. Below
    :math:`r_i` the energy is shifted by C, and the force is that of :math:`\phi`.

    Parameters
    ----------
    inner, outer
        Where the switching begins, :math:`r_i`, and where nothing is left, :math:`r_o`, Å.

    Raises
    ------
    ValueError
        If the inner distance is negative or not smaller than the outer.

    References
    ----------
    J. F. Ziegler, J. P. Biersack, U. Littmark, The Stopping and Range of Ions in Matter, Pergamon (1985).

    Examples
    --------
    >>> from ase.build import bulk
    >>> zbl = ZBL(inner=4.0, outer=4.8)
    >>> pairs = Pairs.from_structures(bulk("Ta"), zbl.outer)
    >>> zbl.energies(pairs)[0].shape
    (1,)
    """

    inner: float
    outer: float

    def __post_init__(self) -> None:
        """Check the two distances."""
        check_not_negative("inner", self.inner)
        check_positive("outer", self.outer)
        if self.inner >= self.outer:
            raise ValueError(f"`inner`: expected less than `outer`, {self.outer:g} Å, got {self.inner:g}")

    def energies(self, pairs: Pairs) -> tuple[Array, Array]:
        r"""Energies of atoms, half of each pair's, and slopes by the pair vectors.

        Parameters
        ----------
        pairs
            Of a neighbour list that reaches at least to `outer`.

        Returns
        -------
        energy_n, dE_dD_pc
            eV, shape (atoms,), and :math:`\partial E/\partial\mathbf D_p`, eV/Å, shape (pairs, 3).
        """
        near = np.flatnonzero(pairs.r_p < self.outer)
        r_p, i_p = pairs.r_p[near], pairs.i_p[near]
        energy_p, slope_p = self.pair(r_p, pairs.numbers_n[i_p], pairs.numbers_n[pairs.j_p[near]])
        dE_dD_pc = np.zeros_like(pairs.D_pc)
        dE_dD_pc[near] = (slope_p / (2 * r_p))[:, None] * pairs.D_pc[near]
        return np.asarray(np.bincount(i_p, energy_p / 2, pairs.n_atoms), dtype=float), dE_dD_pc

    def pair(self, r_p: Array, first_p: IntArray, second_p: IntArray) -> tuple[Array, Array]:
        """Energy of pairs of nuclei within `outer`, eV, and its derivative, eV/Å, each of shape (pairs,).

        Parameters
        ----------
        r_p
            Distances, Å.
        first_p, second_p
            Atomic numbers.
        """
        charge_p = np.asarray(COULOMB * first_p * second_p, dtype=float)
        inverse_p = (first_p**POWER + second_p**POWER) / LENGTH
        phi_p, dphi_p, _ = _screened(r_p, charge_p, inverse_p)
        end_p, dend_p, ddend_p = _screened(np.full_like(r_p, self.outer), charge_p, inverse_p)
        T = self.outer - self.inner
        A_p = (T * ddend_p - 3 * dend_p) / T**2
        B_p = (2 * dend_p - T * ddend_p) / T**3
        C_p = -end_p + T / 2 * dend_p - T**2 / 12 * ddend_p
        t_p = np.maximum(r_p - self.inner, 0.0)
        return phi_p + t_p**3 * (A_p / 3 + B_p / 4 * t_p) + C_p, dphi_p + t_p**2 * (A_p + B_p * t_p)


def _screened(r_p: Array, charge_p: Array, inverse_p: Array) -> tuple[Array, Array, Array]:
    """The screened Coulomb energy and its first two derivatives."""
    decay_pk = DECAY_K * inverse_p[:, None]
    term_pk = AMOUNT_K * np.exp(-decay_pk * r_p[:, None])
    sum_p, dsum_p, ddsum_p = (np.einsum("pk,pk->p", term_pk, (-decay_pk) ** order) for order in range(3))
    return (
        charge_p / r_p * sum_p,
        charge_p / r_p * (dsum_p - sum_p / r_p),
        charge_p / r_p * (ddsum_p - 2 / r_p * (dsum_p - sum_p / r_p)),
    )
