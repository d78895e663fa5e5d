"""qmllib's times of Coulomb matrices and of the kernel matrix between all molecules."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from cases import LENGTH, SIZE, molecules, timed
from qmllib.kernels import laplacian_kernel_symmetric
from qmllib.representations import generate_coulomb_matrix, generate_coulomb_matrix_eigenvalue
from timing import report

structures, times = molecules(), {}
n = len(structures)


def matrices(sorting: str) -> np.ndarray:
    return np.array(
        [generate_coulomb_matrix(a.numbers.astype(float), a.positions, SIZE, sorting=sorting) for a in structures]
    )


def eigenvalues() -> np.ndarray:
    return np.array(
        [generate_coulomb_matrix_eigenvalue(a.numbers.astype(float), a.positions, SIZE) for a in structures]
    )


times[f"Coulomb matrix sorted, {n} molecules"] = timed(lambda: matrices("row-norm"), n)
times[f"Coulomb matrix eigenspectrum, {n} molecules"] = timed(eigenvalues, n)
times[f"Coulomb matrix full, {n} molecules"] = timed(lambda: matrices("unsorted"), n)
values = matrices("row-norm")
times[f"Laplacian kernel matrix, {n} molecules"] = timed(lambda: laplacian_kernel_symmetric(values, LENGTH), n)
report(f"qmllib {version('qmllib')}", times)
