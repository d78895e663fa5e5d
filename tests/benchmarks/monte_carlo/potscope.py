"""A Monte Carlo trial with local updates beside one with the energy of the whole: one atom of silicon moved."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(folder for folder in sys.path if Path(folder).resolve() != HERE)]

import numpy as np  # noqa: E402 - after this folder, with a potscope.py in it, is off the path
from timing import microseconds_an_atom, rattled_silicon, report  # noqa: E402

from potscope import sample_data  # noqa: E402
from potscope.core.compiled import set_num_threads  # noqa: E402
from potscope.core.descriptors import SOAP, Bispectrum  # noqa: E402
from potscope.core.local_updates import LocalConfiguration, Whole  # noqa: E402
from potscope.core.models import GAP, SNAP  # noqa: E402
from potscope.core.models.base import LocalPotential  # noqa: E402
from potscope.core.pairs import Pairs  # noqa: E402

set_num_threads(1)
train, _ = sample_data.load("silicon").split(test=0.1, by="group", seed=0)
potentials: dict[str, LocalPotential] = {
    "GAP": GAP(SOAP(species=["Si"], cutoff=5.0, n_max=8, l_max=6, sigma=0.5)).fit(train),
    "SNAP": SNAP(Bispectrum(species=["Si"], twojmax=6)).fit(train),
}
times = {}
for name, potential in potentials.items():
    for size in (64, 512, 4096):
        atoms = rattled_silicon(size)
        rng, member, number = np.random.default_rng(0), np.array([size // 2]), atoms.numbers[:1]
        local, whole = LocalConfiguration(atoms, potential), Whole(atoms, potential)

        def moved(atoms=atoms, member=member, rng=rng):
            """Somewhere else at every call: a calculator remembers what it has computed last."""
            return atoms.positions[member] + rng.uniform(-0.1, 0.1, (1, 3))

        ways = {
            "local update": lambda local=local: local.try_atoms(member, moved(), number),
            "whole, energy alone": lambda atoms=atoms: potential.local_energies(
                Pairs.from_structures(atoms, potential.reach)
            ),
            "whole, by the calculator": lambda whole=whole: whole.try_atoms(member, moved(), number),
        }
        for what, way in ways.items():
            seconds = 0.5 if size < 4096 else 0.1
            times[f"{name} trial, {size} atoms, {what}"] = microseconds_an_atom(way, 1, seconds)
report(version("potscope"), times)
