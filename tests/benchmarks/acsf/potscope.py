"""potscope's times of symmetry functions."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from cases import CUTOFF, RADIAL, cases, elements, timed
from timing import report

from potscope.core.compiled import set_num_threads
from potscope.core.descriptors import ACSF

set_num_threads(1)
times = {}
for what, (structures, g4, g5) in cases().items():
    acsf = ACSF(elements(structures), CUTOFF, g2=RADIAL, g4=g4, g5=g5)
    features = acsf.compute(structures)
    weight = np.ones_like(features.values)
    times[f"ACSF values, {what}"] = timed(lambda: acsf.compute(structures), structures)
    times[f"ACSF pull-back alone, {what}"] = timed(lambda: features.pull_back(weight), structures)
    if len(weight) <= 512:
        times[f"ACSF values and Jacobian, {what}"] = timed(lambda: acsf.compute(structures).jacobian(), structures)
report(f"potscope {version('potscope')}", times)
