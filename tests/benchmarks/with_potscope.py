"""potscope's times."""

from __future__ import annotations

import sys
from importlib.metadata import version

import numpy as np
from timing import CUTOFF, L_MAX, N_MAX, SIGMA, SIZES, microseconds_an_atom, rattled_silicon, report

from potscope.core.compiled import set_num_threads
from potscope.core.descriptors import SOAP
from potscope.core.models import load

set_num_threads(1)
times = {}
soap = SOAP(species=["Si"], cutoff=CUTOFF, n_max=N_MAX, l_max=L_MAX, sigma=SIGMA)
for size in SIZES:
    atoms = rattled_silicon(size)
    features = soap.compute(atoms)
    weight = np.ones_like(features.values)
    times[f"SOAP values, {size}"] = microseconds_an_atom(lambda: soap.compute(atoms), size)
    times[f"SOAP pull-back alone, {size}"] = microseconds_an_atom(lambda: features.pull_back(weight), size)
    if size <= 512:
        times[f"SOAP values and Jacobian, {size}"] = microseconds_an_atom(lambda: soap.compute(atoms).jacobian(), size)
if len(sys.argv) > 1:
    calculator = load(sys.argv[1]).calculator()
    for size in (64, 512):
        atoms = rattled_silicon(size)

        def step(atoms=atoms) -> None:
            atoms.positions += 1e-6
            calculator.calculate(atoms)

        times[f"GAP energy and forces, {size}"] = microseconds_an_atom(step, size)
report(f"potscope {version('potscope')}", times)
