"""DScribe's times of kernel matrices between structures, normalised; one call each, as one takes a minute."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from cases import ALPHA, CUTOFF, L_MAX, N_MAX, N_MOLECULES, SIGMA, SPECIES, THRESHOLD, microseconds_a_pair, molecules
from dscribe.descriptors import SOAP
from dscribe.kernels import AverageKernel, REMatchKernel
from timing import report

soap = SOAP(species=SPECIES, r_cut=CUTOFF, n_max=N_MAX, l_max=L_MAX, sigma=SIGMA, rbf="gto", periodic=False)
features = [rows / np.linalg.norm(rows, axis=1)[:, None] for rows in soap.create(molecules())]
times = {}
for name, kernel in {
    "REMatch": REMatchKernel(ALPHA, THRESHOLD, metric="linear"),
    "average": AverageKernel(metric="linear"),
}.items():
    kernel.create(features[:3])
    times[f"{name} kernel matrix, {N_MOLECULES} molecules"] = microseconds_a_pair(lambda: kernel.create(features), 1)
report(f"DScribe {version('dscribe')}", times)
