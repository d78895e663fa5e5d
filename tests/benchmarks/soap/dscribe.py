"""DScribe's times of SOAP."""

from __future__ import annotations

from importlib.metadata import version

from cases import CUTOFF, L_MAX, N_MAX, SIGMA, cases, elements, timed
from dscribe.descriptors import SOAP
from timing import report

times = {}
for what, structures in cases().items():
    soap = SOAP(
        species=elements(structures),
        r_cut=CUTOFF,
        n_max=N_MAX,
        l_max=L_MAX,
        sigma=SIGMA,
        rbf="gto",
        periodic=bool(structures[0].pbc.any()),
    )
    times[f"SOAP values, {what}"] = timed(lambda: soap.create(structures), structures)
report(f"DScribe {version('dscribe')}", times)
