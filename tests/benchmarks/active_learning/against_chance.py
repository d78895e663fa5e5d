"""Active learning against picks by chance at equal data: ``against_chance.py [SEEDS]``.

A small GAP learns copper as effective medium theory has it. Ten structures of the bundled set are known at first; three
rounds add five each. Three ways to choose them: by uncertainty and diversity along trajectories, by chance along
trajectories, and by chance from the bundled set itself. The errors are those on a quarter of the set that nobody saw,
trajectories begin in the rest. About 40 s of a processor for each seed.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
from ase.calculators.emt import EMT

from potscope import sample_data
from potscope.core.active_learning import Exploration, active_learning
from potscope.core.compiled import set_num_threads
from potscope.core.descriptors import SOAP
from potscope.core.metrics import summary
from potscope.core.models import GAP

GROUPS = ("strained", "rattled", "vacancy", "slab", "liquid")
FIRST, ROUNDS, PICKED = 10, 3, 5
EXPLORATION = Exploration(temperature=800.0, timestep=2.0, steps=40, every=10, trajectories=30)

set_num_threads(1)
data = sample_data.load("copper-emt")
pool, test = data[[s for s, group in enumerate(data.groups) if group in GROUPS]].split(test=0.25, by="group", seed=1)
gap = GAP(SOAP(species=["Cu"], cutoff=4.5, n_max=5, l_max=4), n_sparse=200)


def of_seed(seed: int) -> dict[str, tuple[float, float]]:
    """Mean absolute errors, meV/atom and eV/Å, of each way with 25 structures, and of the first ten."""
    order = np.random.default_rng(seed).permutation(len(pool))
    first, found = pool[np.sort(order[:FIRST])], {}
    for name, pick in (("uncertain and diverse", "farthest points"), ("chance, trajectories", "random")):
        history = active_learning(
            gap,
            first,
            pool,
            EMT(),
            rounds=ROUNDS,
            picks=PICKED,
            pick=pick,
            exploration=EXPLORATION,
            test=test,
            seed=seed,
        )
        assert len(history.train) == FIRST + ROUNDS * PICKED
        found["at first"], found[name] = history.rounds[0].errors, history.errors
    by_chance = pool[np.sort(order[: FIRST + ROUNDS * PICKED])]
    found["chance, bundled set"] = summary(test, replace(gap).fit(by_chance).predict(test))
    return {name: (1000 * errors["energy_mae"], errors["force_mae"]) for name, errors in found.items()}


seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 6
rows = []
for seed in range(seeds):
    rows.append(of_seed(seed))
    print(
        seed,
        {name: f"{energy:.2f} meV/atom, {force:.4f} eV/Å" for name, (energy, force) in rows[-1].items()},
        flush=True,
    )
for name in rows[0]:
    values = np.array([row[name] for row in rows])
    mean, error = values.mean(axis=0), values.std(axis=0, ddof=min(1, seeds - 1)) / np.sqrt(seeds)
    print(f"{name:24s} {mean[0]:5.2f} ± {error[0]:.2f} meV/atom   {mean[1]:.4f} ± {error[1]:.4f} eV/Å")
