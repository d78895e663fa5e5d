"""featomic's times of SOAP, on one thread (RAYON_NUM_THREADS=1)."""

from __future__ import annotations

from importlib.metadata import version

from cases import CUTOFF, L_MAX, N_MAX, SIGMA, cases, has_jacobian, timed
from featomic import SoapPowerSpectrum
from timing import report

soap = SoapPowerSpectrum(
    cutoff={"radius": CUTOFF, "smoothing": {"type": "ShiftedCosine", "width": 1.0}},
    density={"type": "Gaussian", "width": SIGMA},
    basis={
        "type": "TensorProduct",
        "max_angular": L_MAX,
        "radial": {"type": "Gto", "max_radial": N_MAX - 1},
    },
)
times = {}
for what, structures in cases().items():
    times[f"SOAP values, {what}"] = timed(lambda: soap.compute(structures), structures)
    if has_jacobian(what):
        gradients = timed(lambda: soap.compute(structures, gradients=["positions"]), structures)
        times[f"SOAP values and Jacobian, {what}"] = gradients
report(f"featomic {version('featomic')}", times)
