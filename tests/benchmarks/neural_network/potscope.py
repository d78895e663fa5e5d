"""potscope's times of a neural network: a step of its training, and energy and forces.

A step is the loss of 200 structures of 54 atoms with energies, forces and stresses, and its gradient by all parameters.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from time import process_time

# this file is called as the package it measures, which must not be looked for beside it
HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(folder for folder in sys.path if Path(folder).resolve() != HERE)]

import numpy as np  # noqa: E402
from ase import Atoms  # noqa: E402
from ase.build import bulk  # noqa: E402
from timing import microseconds_an_atom, rattled_silicon, report  # noqa: E402

from potscope.core import Dataset  # noqa: E402
from potscope.core.compiled import set_num_threads  # noqa: E402
from potscope.core.descriptors import ACSF, SOAP, LocalDescriptor  # noqa: E402
from potscope.core.models import NeuralNetwork  # noqa: E402
from potscope.core.models.network_training import Objective  # noqa: E402

STRUCTURES = 200
set_num_threads(1)
rng = np.random.default_rng(0)


def molybdenum() -> Dataset:
    """Displaced body-centred cubic cells; the references are random, as the time does not depend on them."""
    made = []
    for seed in range(STRUCTURES):
        atoms = bulk("Mo", "bcc", a=3.16, cubic=True) * (3, 3, 3)
        atoms.rattle(0.1, seed=seed)
        atoms.info.update(REF_energy=rng.normal(), REF_stress=rng.normal(size=6))
        atoms.arrays["REF_forces"] = rng.normal(size=(len(atoms), 3))
        made.append(atoms)
    return Dataset.from_structures(made)


def seconds_a_step(descriptor: LocalDescriptor, train: Dataset) -> float:
    """The fastest of the steps of a short search."""
    taken = []
    step = Objective.loss_and_gradient

    def timed(self: Objective, *arguments: object) -> object:
        begin = process_time()
        found = step(self, *arguments)
        taken.append(process_time() - begin)
        return found

    Objective.loss_and_gradient = timed
    NeuralNetwork(descriptor, members=1, epochs=10, validation=0.0).fit(train)
    Objective.loss_and_gradient = step
    return min(taken)


def silicon() -> Dataset:
    """What a potential is made of whose energy and forces are timed."""
    atoms: Atoms = rattled_silicon(64)
    atoms.info["REF_energy"] = 0.0
    atoms.arrays["REF_forces"] = rng.normal(size=(len(atoms), 3))
    return Dataset.from_structures(atoms)


train = molybdenum()
n_atoms = int(train.n_atoms.sum())
times = {}
for descriptor in (ACSF(species=["Mo"]), SOAP(species=["Mo"], cutoff=5.0, n_max=6, l_max=4, sigma=0.5)):
    name = f"{descriptor.title}, {len(descriptor.names)} features"
    times[f"training step, {name}, {n_atoms} atoms"] = seconds_a_step(descriptor, train) / n_atoms * 1e6
for members in (1, 4):
    potential = NeuralNetwork(ACSF(species=["Si"]), members=members, epochs=2).fit(silicon())
    calculator = potential.calculator()
    for size in (64, 512):
        atoms = rattled_silicon(size)

        def step(atoms=atoms) -> None:
            atoms.positions += 1e-6
            calculator.calculate(atoms)

        times[f"energy and forces, {members} networks, {size} atoms"] = microseconds_an_atom(step, size)
report(f"potscope {version('potscope')}", times)
