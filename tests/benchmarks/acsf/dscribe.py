"""DScribe's times of symmetry functions."""

from __future__ import annotations

from importlib.metadata import version

from cases import CUTOFF, RADIAL, cases, elements, timed
from dscribe.descriptors import ACSF
from timing import report

times = {}
for what, (structures, g4, g5) in cases().items():
    acsf = ACSF(
        r_cut=CUTOFF,
        g2_params=RADIAL,
        g4_params=g4 or None,
        g5_params=g5 or None,
        species=elements(structures),
        periodic=bool(structures[0].pbc.any()),
    )
    times[f"ACSF values, {what}"] = timed(lambda: acsf.create(structures), structures)
report(f"DScribe {version('dscribe')}", times)
