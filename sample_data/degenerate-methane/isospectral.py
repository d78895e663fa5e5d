"""Isomers with the same eigenvalues of the Coulomb matrix, found numerically.

The N eigenvalues of the Coulomb matrix, whose sum is fixed by the elements, are N − 1 conditions on 3N − 6
coordinates: two isomers can be deformed until all of them agree. Here that is done at the least cost of springs
between all atoms, of which those of bonds are the stiffest. That eigenvalues do not tell molecules apart: J. E.
Moussa, Phys. Rev. Lett. 109, 059801 (2012), doi:10.1103/PhysRevLett.109.059801.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import molecule
from scipy.optimize import minimize

ISOMERS = (("CH3CH2OH", "CH3OCH3"), ("C3H4_C3v", "C3H4_D2d"), ("CH3ONO", "CH3NO2"))  # names of ASE's
STIFFNESS_POWER = 4
TOLERANCE = 1e-12  # of the eigenvalues, which are of the order of 100
MAX_STEPS = 50


def coulomb_matrix(numbers: np.ndarray, positions_nc: np.ndarray) -> np.ndarray:
    """Rupp's matrix, distances in Å: Z_i Z_j / r_ij, and Z_i^2.4 / 2 on the diagonal."""
    distances_nn = np.linalg.norm(positions_nc[:, None] - positions_nc, axis=-1)
    np.fill_diagonal(distances_nn, 1)
    matrix_nn = np.outer(numbers, numbers) / distances_nn
    np.fill_diagonal(matrix_nn, 0.5 * numbers**2.4)
    return matrix_nn


def spectrum(numbers: np.ndarray, positions_nc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Eigenvalues, ascending, and their derivatives :math:`\mathbf v_k^T (\partial M / \partial x)\, \mathbf v_k`."""
    matrix_nn = coulomb_matrix(numbers, positions_nc)
    values_k, vectors_nk = np.linalg.eigh(matrix_nn)
    vectors_nnc = positions_nc[:, None] - positions_nc
    squares_nn = np.sum(vectors_nnc**2, axis=-1)
    np.fill_diagonal(squares_nn, np.inf)
    slopes_nnc = -(matrix_nn / squares_nn)[..., None] * vectors_nnc
    derivatives_knc = 2 * np.einsum("nk,mk,nmc->knc", vectors_nk, vectors_nk, slopes_nnc)
    return values_k, derivatives_knc


def springs(positions_nc: np.ndarray, rest_nc: np.ndarray) -> tuple[float, np.ndarray]:
    r"""Cost of a deformation, :math:`\sum_{i<j} \ln^2(r_{ij} / r^0_{ij}) / (r^0_{ij})^p`, and its derivative."""
    upper = np.triu_indices(len(rest_nc), 1)
    vectors_pc = positions_nc[upper[0]] - positions_nc[upper[1]]
    squares_p = np.sum(vectors_pc**2, axis=1)
    rest_p = np.sum((rest_nc[upper[0]] - rest_nc[upper[1]]) ** 2, axis=1)
    logarithms_p, stiffness_p = np.log(squares_p / rest_p) / 2, rest_p ** (-STIFFNESS_POWER / 2)
    slopes_pc = (2 * stiffness_p * logarithms_p / squares_p)[:, None] * vectors_pc
    gradient_nc = np.zeros_like(positions_nc)
    np.add.at(gradient_nc, upper[0], slopes_pc)
    np.add.at(gradient_nc, upper[1], -slopes_pc)
    return float(np.sum(stiffness_p * logarithms_p**2)), gradient_nc


class Pair:
    """Two isomers, seen as one vector of coordinates."""

    def __init__(self, first: str, second: str) -> None:
        self.molecules = molecule(first), molecule(second)
        self.rest = self.join([atoms.positions for atoms in self.molecules])

    def join(self, both: list[np.ndarray]) -> np.ndarray:
        """One vector of what each molecule has one of for each of its coordinates."""
        return np.concatenate([part.reshape(*part.shape[:-2], -1) for part in both], axis=-1)

    def split(self, coordinates: np.ndarray) -> list[np.ndarray]:
        """Positions of the two molecules."""
        return [part.reshape(-1, 3) for part in np.split(coordinates, 2)]

    def cost(self, coordinates: np.ndarray) -> tuple[float, np.ndarray]:
        """Of deforming both, and its derivative."""
        parts = [springs(x, rest) for x, rest in zip(self.split(coordinates), self.split(self.rest), strict=True)]
        return sum(value for value, _ in parts), self.join([gradient for _, gradient in parts])

    def difference(self, coordinates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of the eigenvalues, all but the lowest as their sum is fixed; and its derivatives."""
        numbers = [atoms.numbers for atoms in self.molecules]
        parts = [spectrum(z, x) for z, x in zip(numbers, self.split(coordinates), strict=True)]
        (values_1, slopes_1), (values_2, slopes_2) = parts
        return (values_1 - values_2)[1:], self.join([slopes_1, -slopes_2])[1:]

    def solve(self) -> tuple[Atoms, Atoms]:
        """Both deformed until their eigenvalues agree.

        Raises
        ------
        RuntimeError
            If they do not.
        """
        constraint = {
            "type": "eq",
            "fun": lambda coordinates: self.difference(coordinates)[0],
            "jac": lambda coordinates: self.difference(coordinates)[1],
        }
        options = {"ftol": 1e-9, "maxiter": 1000}
        found = minimize(self.cost, self.rest, jac=True, method="SLSQP", constraints=constraint, options=options)
        coordinates = found.x
        for _ in range(MAX_STEPS):
            difference, slopes = self.difference(coordinates)
            if np.abs(difference).max() < TOLERANCE:
                first, second = self.split(coordinates)
                return Atoms(self.molecules[0].numbers, first), Atoms(self.molecules[1].numbers, second)
            coordinates = coordinates - np.linalg.lstsq(slopes, difference)[0]
        raise RuntimeError(f"eigenvalues differ by {np.abs(difference).max():.1e} after {MAX_STEPS} steps")


def pairs() -> list[tuple[Atoms, Atoms]]:
    """Ethanol and dimethyl ether, propyne and allene, methyl nitrite and nitromethane."""
    return [Pair(*names).solve() for names in ISOMERS]
