"""potscope's times of bispectra, and of the energy and forces of a linear model."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from cases import cases
from timing import microseconds_an_atom, report

from potscope.core.compiled import set_num_threads
from potscope.core.descriptors import Bispectrum

set_num_threads(1)
times = {}
for what, (atoms, hyper) in cases().items():
    bispectrum = Bispectrum(**hyper)
    coefficients = np.random.default_rng(0).normal(size=len(bispectrum.names))

    def energy_and_forces(bispectrum=bispectrum, atoms=atoms, coefficients=coefficients) -> None:
        features = bispectrum.compute(atoms)
        (features.values @ coefficients).sum()
        features.pull_back(np.broadcast_to(coefficients, features.values.shape))

    step = microseconds_an_atom(energy_and_forces, len(atoms))
    times[f"linear model, energy and forces, {what}"] = step
    # without the energy a step costs the same here
    times[f"linear model, forces alone, {what}"] = step
    times[f"values, {what}"] = microseconds_an_atom(lambda: bispectrum.compute(atoms), len(atoms))
    features = bispectrum.compute(atoms)
    weight = np.ones_like(features.values)
    times[f"pull-back alone, {what}"] = microseconds_an_atom(lambda: features.pull_back(weight), len(atoms))
    if len(atoms) <= 512:
        times[f"values and Jacobian, {what}"] = microseconds_an_atom(
            lambda: bispectrum.compute(atoms).jacobian(), len(atoms)
        )
report(f"potscope {version('potscope')}", times)
