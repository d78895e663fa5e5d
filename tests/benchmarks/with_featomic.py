"""featomic's times, on one thread (RAYON_NUM_THREADS=1)."""

from __future__ import annotations

from importlib.metadata import version

from featomic import SoapPowerSpectrum
from timing import CUTOFF, L_MAX, N_MAX, SIGMA, SIZES, microseconds_an_atom, rattled_silicon, report

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
for size in SIZES:
    atoms = rattled_silicon(size)
    times[f"SOAP values, {size}"] = microseconds_an_atom(lambda: soap.compute(atoms), size)
    if size <= 512:
        gradients = microseconds_an_atom(lambda: soap.compute(atoms, gradients=["positions"]), size)
        times[f"SOAP values and Jacobian, {size}"] = gradients
report(f"featomic {version('featomic')}", times)
