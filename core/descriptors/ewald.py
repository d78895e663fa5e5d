"""The Ewald sum matrix of a crystal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log, pi, sqrt
from typing import ClassVar

import numpy as np
from ase import Atoms

from potscope.core._types import Array
from potscope.core.descriptors import matrix_kernels
from potscope.core.descriptors.all_pairs import AllPairs
from potscope.core.descriptors.matrices import Entries, Layout, MatrixDescriptor, charge_products
from potscope.core.descriptors.periodic import check_apart_in_crystals, nearest_images, virials_of
from potscope.core.hyperparameters import hyperparameter

WIDTH = 1.5  # screening in units of √π/V^⅓; sums in reciprocal space are matrix products, so that more goes there


@dataclass(frozen=True)
class EwaldMatrix(MatrixDescriptor):
    r"""The Ewald sum matrix of a crystal: the Coulomb interaction of each atom with all images of each other one.

    .. math::
        C_{ij} = Z_i Z_j \left[ \sum_{\mathbf R} \frac{\operatorname{erfc}(a\,|\mathbf D_{ij} + \mathbf R|)}
            {|\mathbf D_{ij} + \mathbf R|} + \frac{4\pi}{V} \sum_{\mathbf G \ne 0}
            \frac{e^{-G^2/4a^2}}{G^2} \cos(\mathbf G \cdot \mathbf D_{ij}) - \frac{\pi}{V a^2} \right]

        C_{ii} = Z_i^2 \left[ \frac12 \sum_{\mathbf R \ne 0} \frac{\operatorname{erfc}(a R)}{R}
            + \frac{2\pi}{V} \sum_{\mathbf G \ne 0} \frac{e^{-G^2/4a^2}}{G^2} - \frac{a}{\sqrt\pi}
            - \frac{\pi}{2 V a^2} \right]

    where a uniform background makes the cell neutral, and :math:`\sum_{i \le j} C_{ij}` is its electrostatic energy.
    The screening a has no influence on the matrix. Both sums end where their terms have fallen to `accuracy`,

    .. math::
        R_\text{cut} = f/a, \qquad G_\text{cut} = 2 a f, \qquad f = \sqrt{-\ln A}, \qquad a = 1.5 \sqrt\pi / V^{1/3} .

    Under a strain, :math:`\mathbf G \cdot \mathbf D` does not change, and with
    :math:`w_G = \frac{4\pi}{V G^2} e^{-G^2/4a^2}`

    .. math::
        \frac{\partial w_G}{\partial\varepsilon_{cd}} = w_G \left[ -\delta_{cd} + 2\, G_c G_d
            \left(\frac{1}{4a^2} + \frac{1}{G^2}\right) \right] .

    See `MatrixDescriptor` for the ways of forgetting the order of the atoms. The values are in e²/Å, those of DScribe's
    ``EwaldSumMatrix`` where that is as accurate.

    Parameters
    ----------
    n_atoms_max, permutation, sigma, seed, accuracy
        As declared; see ``declared(EwaldMatrix)``.

    References
    ----------
    F. Faber, A. Lindmaa, O. A. von Lilienfeld, R. Armiento, Int. J. Quantum Chem. 115, 1094 (2015).
    doi:10.1002/qua.24917

    A. Y. Toukmaji, J. A. Board, Comput. Phys. Commun. 95, 73 (1996). doi:10.1016/0010-4655(96)00016-1

    Examples
    --------
    >>> from ase.build import bulk
    >>> EwaldMatrix(n_atoms_max=4).compute(bulk("Si")).values.shape
    (1, 4)
    """

    title: ClassVar[str] = "Ewald sum matrix"
    periodic_directions = frozenset({3})
    depends_on_the_choice_of_cell = True

    accuracy: float = hyperparameter(
        "Relative size of the terms where the sums in real and reciprocal space end.",
        default=1e-13,
        bounds=(1e-15, 1e-2),
    )

    def entries(self, structures: Sequence[Atoms], pairs: AllPairs) -> Entries:
        """The entries of the matrices of checked crystals."""
        check_apart_in_crystals(structures, pairs)
        return _Ewald(structures, pairs, self.accuracy)


class _Ewald(Entries):
    def __init__(self, structures: Sequence[Atoms], pairs: AllPairs, accuracy: float) -> None:
        self._pairs = pairs
        nearest_pc = nearest_images(structures, pairs)
        self._charges_p = charge_products(pairs)
        self._squares_n = pairs.numbers_n.astype(float) ** 2
        self._sums = [
            _Sums(atoms.positions, atoms.cell[:], nearest_pc[pairs.first_n[first] : pairs.first_n[last]], accuracy)
            for atoms, first, last in zip(structures, pairs.first_atom_s[:-1], pairs.first_atom_s[1:], strict=True)
            if len(atoms)
        ]
        self._sizes = np.diff(pairs.first_atom_s)[np.diff(pairs.first_atom_s) > 0]
        value_p = self._charges_p * np.concatenate([sums.values() for sums in self._sums] or [np.empty(0)])
        diagonal_n = self._squares_n * np.repeat([sums.own for sums in self._sums], self._sizes)
        self.C_e = Layout(pairs).entries_of(value_p, diagonal_n)

    @cached_property
    def _slopes(self) -> tuple[Array, Array]:
        slopes = [sums.slopes() for sums in self._sums]
        slope_pc = np.concatenate([slope for slope, _ in slopes] or [np.empty((0, 3))])
        strain_pcc = np.concatenate([strain for _, strain in slopes] or [np.empty((0, 3, 3))])
        return self._charges_p[:, None] * slope_pc, self._charges_p[:, None, None] * strain_pcc

    @property
    def slope_pc(self) -> Array:
        return self._slopes[0]

    def virials(self, g_p: Array, g_n: Array) -> Array:
        virials_scc = virials_of(self._pairs, g_p, self._slopes[1])
        if self._sums:
            own_ncc = np.repeat([sums.own_strain for sums in self._sums], self._sizes, axis=0)
            np.add.at(virials_scc, self._pairs.structure_n, -(g_n * self._squares_n)[:, None, None] * own_ncc)
        return virials_scc


class _Sums:
    """The Ewald sums of unit charges in one cell."""

    def __init__(self, positions_nc: Array, h_cc: Array, D_pc: Array, accuracy: float) -> None:
        reach = sqrt(-log(accuracy))
        self.volume: float = abs(float(np.linalg.det(h_cc)))
        self.a: float = WIDTH * sqrt(pi) / self.volume ** (1 / 3)
        self.cutoff = reach / self.a
        self.D_pc = D_pc
        longest = float(np.sqrt(np.einsum("pc,pc->p", D_pc, D_pc).max(initial=0.0)))
        self.R_lc = lattice_points(h_cc, self.cutoff + longest)
        self.phase_ng = positions_nc @ self._half_of_reciprocal_space(h_cc, 2 * self.a * reach).T

    def _half_of_reciprocal_space(self, h_cc: Array, cutoff: float) -> Array:
        """Keep one of each G and −G, and the weights that stand for both."""
        points = lattice_points(np.asarray(2 * pi * np.linalg.inv(h_cc).T, dtype=float), cutoff)
        self.G_gc = points[: len(points) // 2]
        self.G2_g = np.einsum("gc,gc->g", self.G_gc, self.G_gc)
        self.w_g = 8 * pi / self.volume * np.exp(-self.G2_g / (4 * self.a**2)) / self.G2_g
        return self.G_gc

    @cached_property
    def _waves(self) -> tuple[Array, Array]:
        return np.cos(self.phase_ng), np.sin(self.phase_ng)

    @cached_property
    def _strain_gcc(self) -> Array:
        stretch_g = 2 * (1 / (4 * self.a**2) + 1 / self.G2_g)
        outer_gcc = self.G_gc[:, :, None] * self.G_gc[:, None, :]
        return np.asarray(self.w_g[:, None, None] * (stretch_g[:, None, None] * outer_gcc - np.eye(3)))

    @property
    def _background(self) -> float:
        return -pi / (self.volume * self.a**2)

    def _cosines(self, weight_g: Array) -> Array:
        cos_ng, sin_ng = self._waves
        return _without_diagonal((cos_ng * weight_g) @ cos_ng.T + (sin_ng * weight_g) @ sin_ng.T)

    def _sines(self, weight_g: Array) -> Array:
        cos_ng, sin_ng = self._waves
        return _without_diagonal((cos_ng * weight_g) @ sin_ng.T - (sin_ng * weight_g) @ cos_ng.T)

    def values(self) -> Array:
        """Of each pair, 1/Å."""
        real_p = np.empty(len(self.D_pc))
        matrix_kernels.ewald_real_values(self.D_pc, self.R_lc, self.a, self.cutoff, real_p)
        return real_p + self._cosines(self.w_g) + self._background

    def slopes(self) -> tuple[Array, Array]:
        """Of each pair, by its vector and by strain."""
        slope_pc, strain_pcc = np.zeros((len(self.D_pc), 3)), np.zeros((len(self.D_pc), 3, 3))
        matrix_kernels.ewald_real_slopes(self.D_pc, self.R_lc, self.a, self.cutoff, slope_pc, strain_pcc)
        for c in range(3):
            slope_pc[:, c] -= self._sines(self.w_g * self.G_gc[:, c])
            strain_pcc[:, c, c] -= self._background
            for d in range(c, 3):
                reciprocal_p = self._cosines(self._strain_gcc[:, c, d])
                strain_pcc[:, c, d] += reciprocal_p
                if d > c:
                    strain_pcc[:, d, c] += reciprocal_p
        return slope_pc, strain_pcc

    @cached_property
    def _images_lc(self) -> Array:
        return self.R_lc[self.R_lc.any(axis=1)]

    @property
    def own(self) -> float:
        """Of an atom with its images, 1/Å."""
        real = np.empty(1)
        matrix_kernels.ewald_real_values(np.zeros((1, 3)), self._images_lc, self.a, self.cutoff, real)
        return float(0.5 * (real[0] + self.w_g.sum() + self._background) - self.a / sqrt(pi))

    @property
    def own_strain(self) -> Array:
        """The derivative of that by strain, shape (3, 3)."""
        slope, strain = np.zeros((1, 3)), np.zeros((1, 3, 3))
        matrix_kernels.ewald_real_slopes(np.zeros((1, 3)), self._images_lc, self.a, self.cutoff, slope, strain)
        return np.asarray(0.5 * (strain[0] + self._strain_gcc.sum(axis=0) - self._background * np.eye(3)))


def lattice_points(h_cc: Array, reach: float) -> Array:
    """All points of a lattice within a distance of the origin, one half and then, in reverse, its mirror image.

    The origin is in the middle. Vectors are rows; units are those of `h_cc`.
    """
    most = np.floor(reach * np.linalg.norm(np.linalg.inv(h_cc), axis=0)).astype(int)
    axes = [np.arange(-k, k + 1) for k in most]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3) @ h_cc
    return np.asarray(points[np.einsum("lc,lc->l", points, points) <= reach**2])


def _without_diagonal(C: Array) -> Array:
    return np.asarray(C[~np.eye(len(C), dtype=bool)])
