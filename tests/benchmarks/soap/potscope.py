"""potscope's times of SOAP."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from cases import CUTOFF, L_MAX, N_MAX, SIGMA, cases, elements, has_jacobian, timed
from timing import report

from potscope.core.compiled import set_num_threads
from potscope.core.descriptors import SOAP

set_num_threads(1)
times = {}
for what, structures in cases().items():
    soap = SOAP(species=elements(structures), cutoff=CUTOFF, n_max=N_MAX, l_max=L_MAX, sigma=SIGMA)
    features = soap.compute(structures)
    weight = np.ones_like(features.values)
    times[f"SOAP values, {what}"] = timed(lambda: soap.compute(structures), structures)
    times[f"SOAP pull-back alone, {what}"] = timed(lambda: features.pull_back(weight), structures)
    if has_jacobian(what):
        times[f"SOAP values and Jacobian, {what}"] = timed(lambda: soap.compute(structures).jacobian(), structures)
structures = cases()["silicon, 4096"]
soap = SOAP(species=["Si"], cutoff=CUTOFF, n_max=N_MAX, l_max=L_MAX, sigma=SIGMA)
features = soap.compute(structures)
weight = np.ones_like(features.values)
for threads in (1, 2):
    set_num_threads(threads)
    label = f"{threads} thread{'s' * (threads > 1)}, by the wall, silicon, 4096"
    times[f"SOAP values, {label}"] = timed(lambda: soap.compute(structures), structures, threads=2)
    times[f"SOAP pull-back alone, {label}"] = timed(lambda: features.pull_back(weight), structures, threads=2)
report(f"potscope {version('potscope')}", times)
