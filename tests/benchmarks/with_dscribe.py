"""DScribe's times."""

from __future__ import annotations

from importlib.metadata import version

from dscribe.descriptors import SOAP
from timing import CUTOFF, L_MAX, N_MAX, SIGMA, SIZES, microseconds_an_atom, rattled_silicon, report

soap = SOAP(species=["Si"], r_cut=CUTOFF, n_max=N_MAX, l_max=L_MAX, sigma=SIGMA, rbf="gto", periodic=True)
times = {}
for size in SIZES:
    atoms = rattled_silicon(size)
    times[f"SOAP values, {size}"] = microseconds_an_atom(lambda: soap.create(atoms), size)
report(f"DScribe {version('dscribe')}", times)
