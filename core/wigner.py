r"""Wigner's functions on the sphere in four dimensions, and the coefficients that couple them.

All momenta are doubled, as LAMMPS has them: :math:`j = 0, 1, 2, \dots` stands for spin :math:`j/2`, and rows and
columns :math:`m', m = 0 \dots j` for :math:`-j/2 \dots j/2`. A point of the sphere is a pair of complex numbers with
:math:`|a|^2 + |b|^2 = 1`, and

.. math::
    U^j_{m'm} = N^j_{m'm} P^j_{m'm}, \qquad
    N^j_{m'm} = \sqrt{\frac{m!\,(j-m)!}{m'!\,(j-m')!}}, \qquad
    (a^* x - b^* y)^{j-m'} (b x + a y)^{m'} = \sum_m P^j_{m'm}\, x^{j-m} y^m .

So the polynomials :math:`P` follow from those of the next lower :math:`j` with no factors at all,

.. math::
    P^j_{m'm} = a^* P^{j-1}_{m'm} - b^* P^{j-1}_{m',m-1} = b\, P^{j-1}_{m'-1,m} + a P^{j-1}_{m'-1,m-1},

and have those for derivatives,

.. math::
    \partial_{a^*} P^j_{m'm} = (j - m') P^{j-1}_{m'm}, \quad
    \partial_{b^*} P^j_{m'm} = -(j - m') P^{j-1}_{m',m-1}, \quad
    \partial_a P^j_{m'm} = m' P^{j-1}_{m'-1,m-1}, \quad
    \partial_b P^j_{m'm} = m' P^{j-1}_{m'-1,m} .

Half of the rows is enough, :math:`2m' \le j`, because

.. math:: U^j_{j-m',j-m} = (-1)^{m'-m} (U^j_{m'm})^* .

References
----------
D. A. Varshalovich, A. N. Moskalev, V. K. Khersonskii, Quantum Theory of Angular Momentum (World Scientific, 1988),
chapters 4 and 8. doi:10.1142/0270

A. P. Thompson et al., J. Comput. Phys. 285, 316 (2015). doi:10.1016/j.jcp.2014.12.018
"""

from __future__ import annotations

from fractions import Fraction
from math import factorial, prod, sqrt
from typing import Any

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel
from potscope.core.simd import LANES, fma, load, splat, store

ENTRY = 2 * LANES
"""Numbers that a complex entry takes for eight points: their real parts, then their imaginary parts."""


def first_of_all_rows(twojmax: int) -> IntArray:
    """Where the entries of each j begin if all rows are laid end to end; one more for their number."""
    return np.array([sum((i + 1) ** 2 for i in range(j)) for j in range(twojmax + 2)], dtype=np.int64)


def first_of_half_rows(twojmax: int) -> IntArray:
    """Where the entries of each j begin if the rows with 2m' ≤ j are laid end to end; one more for their number."""
    return np.array([sum((i // 2 + 1) * (i + 1) for i in range(j)) for j in range(twojmax + 2)], dtype=np.int64)


def norms(twojmax: int) -> Array:
    r""":math:`N^j_{m'm}` of the half rows, laid end to end."""
    return np.array(
        [
            sqrt(factorial(m) * factorial(j - m) / (factorial(row) * factorial(j - row)))
            for j in range(twojmax + 1)
            for row in range(j // 2 + 1)
            for m in range(j + 1)
        ]
    )


def clebsch_gordan(j1: int, j2: int, j: int) -> Array:
    r"""Coefficients :math:`C` that couple two momenta, by Racah's formula.

    With :math:`s = (j_1 + j_2 - j)/2`, :math:`s_1 = j_1 - s`, :math:`s_2 = j_2 - s` and :math:`m = m_1 + m_2 - s`,

    .. math::
        C^{jm}_{j_1 m_1 j_2 m_2} = \sqrt{\frac{(j+1)\, s!\, s_1!\, s_2!\, m_1!\,(j_1-m_1)!\, m_2!\,(j_2-m_2)!\,
            m!\,(j-m)!}{(s+j+1)!}}
            \sum_k \frac{(-1)^k}{k!\,(s-k)!\,(j_1-m_1-k)!\,(m_2-k)!\,(m_1-s+k)!\,(s_2-m_2+k)!}

    Parameters
    ----------
    j1, j2, j
        With :math:`|j_1 - j_2| \le j \le j_1 + j_2` and an even sum.

    Returns
    -------
    C_mm
        At :math:`m_1, m_2`, shape (j1 + 1, j2 + 1); zero where m is not from 0 to j.

    References
    ----------
    D. A. Varshalovich, A. N. Moskalev, V. K. Khersonskii, Quantum Theory of Angular Momentum (World Scientific, 1988),
    section 8.2.1, equation 3. doi:10.1142/0270
    """
    s = (j1 + j2 - j) // 2
    C_mm = np.zeros((j1 + 1, j2 + 1))
    common = Fraction((j + 1) * factorial(s) * factorial(j1 - s) * factorial(j2 - s), factorial(s + j + 1))
    for m1 in range(j1 + 1):
        for m2 in range(max(0, s - m1), min(j2, j + s - m1) + 1):
            m = m1 + m2 - s
            squared = common
            for up, down in ((m1, j1 - m1), (m2, j2 - m2), (m, j - m)):
                squared *= factorial(up) * factorial(down)
            C_mm[m1, m2] = sqrt(squared) * float(_racah_sum(j1 - m1, m2, m1 - s, j2 - s - m2, s))
    return C_mm


def _racah_sum(p: int, q: int, u: int, v: int, s: int) -> Fraction:
    total = Fraction(0)
    for k in range(max(0, -u, -v), min(s, p, q) + 1):
        below = (k, s - k, p - k, q - k, u + k, v + k)
        total += Fraction((-1) ** k, prod(map(factorial, below)))
    return total


@kernel
def next_polynomials(j: int, ar: Any, ai: Any, br: Any, bi: Any, below: int, here: int, P_v: Array) -> None:
    """Half rows of :math:`P^j` for j > 0, placed from `here` on, from those of j − 1 at `below`; see `polynomials`."""
    for row in range(j // 2 + 1):
        # in the middle row of an even j by the second recurrence, a* and −b* being b and a there
        middle = 2 * row == j
        cr, ci, dr, di = (br, bi, ar, ai) if middle else (ar, splat(0.0) - ai, splat(0.0) - br, bi)
        p, v = below + (row - 1 if middle else row) * j * ENTRY, here + row * (j + 1) * ENTRY
        sr = si = splat(0.0)
        for _ in range(j):
            pr, pi = load(P_v, p), load(P_v, p + LANES)
            store(P_v, v, fma(cr, pr, fma(dr, sr, splat(0.0) - ci * pi - di * si)))
            store(P_v, v + LANES, fma(cr, pi, fma(ci, pr, fma(dr, si, di * sr))))
            sr, si = pr, pi
            p += ENTRY
            v += ENTRY
        store(P_v, v, dr * sr - di * si)
        store(P_v, v + LANES, dr * si + di * sr)


@kernel
def polynomials(first_j: IntArray, ar: Any, ai: Any, br: Any, bi: Any, P_v: Array) -> None:
    r"""All :math:`P^j_{m'm}` of half rows at eight points of the sphere.

    Parameters
    ----------
    first_j
        From `first_of_half_rows`.
    ar, ai, br, bi
        Real and imaginary parts of a and b, `Lanes`.
    P_v
        Written: of each entry eight real parts, then eight imaginary parts, flat.
    """
    store(P_v, 0, splat(1.0))
    store(P_v, LANES, splat(0.0))
    for j in range(1, len(first_j) - 1):
        next_polynomials(j, ar, ai, br, bi, first_j[j - 1] * ENTRY, first_j[j] * ENTRY, P_v)
