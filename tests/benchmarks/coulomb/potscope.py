"""potscope's times of Coulomb, sine and Ewald matrices, a structure, and of the kernel matrix between all molecules."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from cases import CRYSTAL_ACCURACY, LENGTH, SIZE, crystal, molecules, timed
from timing import report

from potscope.core.compiled import set_num_threads
from potscope.core.descriptors import CoulombMatrix, EwaldMatrix, SineMatrix
from potscope.core.descriptors.matrices import lower_triangle
from potscope.core.kernels import Laplacian

set_num_threads(1)
structures, times = molecules(), {}
n = len(structures)
for permutation in ("sorted", "eigenspectrum", "full"):
    descriptor = CoulombMatrix(n_atoms_max=SIZE, permutation=permutation)
    features = descriptor.compute(structures)
    weight = np.ones_like(features.values)
    times[f"Coulomb matrix {permutation}, {n} molecules"] = timed(lambda: descriptor.compute(structures), n)
    times[f"Coulomb matrix {permutation}, values and pull-back, {n} molecules"] = timed(
        lambda: descriptor.compute(structures).pull_back(weight), n
    )
values = lower_triangle(CoulombMatrix(n_atoms_max=SIZE, permutation="sorted").compute(structures).values)
kernel = Laplacian(LENGTH)
times[f"Laplacian kernel matrix, {n} molecules"] = timed(lambda: kernel(values, values), n)
atoms = crystal()
crystals = {
    "sine": SineMatrix(n_atoms_max=len(atoms)),
    "Ewald": EwaldMatrix(n_atoms_max=len(atoms), accuracy=CRYSTAL_ACCURACY),
}
for name, descriptor in crystals.items():
    weight = np.ones((1, len(atoms)))
    times[f"{name} eigenspectrum, {len(atoms)} atoms"] = timed(lambda: descriptor.compute(atoms), 1)
    times[f"{name} eigenspectrum, values and pull-back, {len(atoms)} atoms"] = timed(
        lambda: descriptor.compute(atoms).pull_back(weight), 1
    )
report(f"potscope {version('potscope')}", times)
