"""quippy's times of a potential made by gap_fit."""

from __future__ import annotations

import sys
from importlib.metadata import version

from quippy.potential import Potential
from timing import microseconds_an_atom, rattled_silicon, report

potential = Potential(param_filename=sys.argv[1])
times = {}
for size in (64, 512):
    atoms = rattled_silicon(size)

    def step(atoms=atoms) -> None:
        atoms.positions += 1e-6
        potential.calculate(atoms, ["energy", "forces"])

    times[f"GAP energy and forces, {size}"] = microseconds_an_atom(step, size)
report(f"quippy {version('quippy-ase')}", times)
