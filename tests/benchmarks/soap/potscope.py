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
set_num_threads(2)
for what, structures in cases().items():
    if what == "silicon, 4096":
        soap = SOAP(species=elements(structures), cutoff=CUTOFF, n_max=N_MAX, l_max=L_MAX, sigma=SIGMA)
        features = soap.compute(structures)
        weight = np.ones_like(features.values)
        times[f"SOAP values on two threads, {what}"] = timed(lambda: soap.compute(structures), structures)
        times[f"SOAP pull-back alone on two threads, {what}"] = timed(lambda: features.pull_back(weight), structures)
report(f"potscope {version('potscope')}", times)
