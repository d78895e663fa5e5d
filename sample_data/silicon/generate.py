"""Silicon, PBE, Quantum ESPRESSO: the configurations and how each is computed.

Run ``python generate.py``; stop it at any time, and run it again to go on. ``--collect`` only gathers what is
there into ``silicon.xyz.gz``; ``--check`` computes the displaced and strained copies that ``check.py`` needs.
Needs Debian's ``quantum-espresso`` and ``quantum-espresso-data`` and the extra ``data`` of the project.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.build import bulk, diamond100, diamond111, surface
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta

from potscope.sample_data import configurations, espresso, generation
from potscope.sample_data.configurations import at_volume, displaced, random_strain, shortest_distance, strain

HERE = Path(__file__).resolve().parent
WORK = HERE / ".work"
DATA = HERE / "silicon.xyz.gz"

LATTICE_CONSTANT = 5.47  # Å, PBE with this pseudopotential
SEED = 20161107
CHECKED = ("rattled-050", "vacancy-001", "liquid-005")  # compared with finite differences


def strained_diamond(rng: np.random.Generator) -> list[Atoms]:
    """15 volumes from 0.82 to 1.18 of the equilibrium one, then 45 random strains up to 8 %, atoms displaced too."""
    primitive = bulk("Si", "diamond", LATTICE_CONSTANT)
    volumes = [at_volume(primitive, v) for v in np.linspace(0.82, 1.18, 15)]
    amplitudes = np.repeat([0.02, 0.05, 0.08], 15)
    return volumes + [displaced(strain(primitive, random_strain(rng, e)), rng, e / 2) for e in amplitudes]


def rattled_diamond(rng: np.random.Generator) -> list[Atoms]:
    """Cubic cells, displacements of 0.02 to 0.16 Å, cells strained by up to 3 %."""
    cubic = bulk("Si", "diamond", LATTICE_CONSTANT, cubic=True)
    amplitudes = np.repeat([0.02, 0.04, 0.07, 0.1, 0.13, 0.16], 15)
    return [displaced(strain(cubic, random_strain(rng, 0.03)), rng, s) for s in amplitudes]


def vacancy(rng: np.random.Generator) -> list[Atoms]:
    """One atom of 16 missing; its four neighbours moved in or out together, then all displaced."""
    perfect = bulk("Si", "diamond", LATTICE_CONSTANT, cubic=True) * (2, 1, 1)
    made = []
    for number in range(30):
        removed = int(rng.integers(16))
        vectors = perfect.get_distances(removed, range(16), mic=True, vector=True)
        lengths = np.linalg.norm(vectors, axis=1)
        atoms = perfect.copy()
        near = (lengths > 0) & (lengths < 2.6)
        atoms.positions[near] += vectors[near] * rng.uniform(-0.15, 0.08)
        del atoms[removed]
        made.append(displaced(strain(atoms, random_strain(rng, 0.02)), rng, [0.02, 0.06, 0.12][number % 3]))
    return made


def beta_tin(rng: np.random.Generator) -> list[Atoms]:
    """The conventional four-atom cell, 8 volumes and 12 strained and displaced."""
    a, c = 4.81, 2.65
    cell = Atoms("Si4", scaled_positions=[[0, 0, 0], [0, 0.5, 0.25], [0.5, 0.5, 0.5], [0.5, 0, 0.75]], cell=[a, a, c])
    cell.pbc = True
    volumes = [at_volume(cell, v) for v in np.linspace(0.86, 1.16, 8)]
    amplitudes = np.repeat([0.03, 0.06, 0.1], 4)
    return volumes + [displaced(strain(cell, random_strain(rng, e / 2)), rng, e) for e in amplitudes]


def slab_110() -> Atoms:
    """Four layers of the 1 × 1 cell of (110), which is half of the one ASE makes of the cubic cell."""
    double = surface(bulk("Si", "diamond", LATTICE_CONSTANT, cubic=True), (1, 1, 0), 2, vacuum=5.0)
    half = double[(double.get_scaled_positions()[:, 0] + 1e-6) % 1 < 0.5]
    half.set_cell([double.cell[0] / 2, double.cell[1], double.cell[2]])
    return half


def slabs(rng: np.random.Generator) -> list[Atoms]:
    """(100) and (111) surfaces of eight layers, (110) of four, 8 atoms and 10 Å of vacuum each."""
    made = []
    for amplitude in (0.0, 0.04, 0.08, 0.12, 0.16):
        for slab in (
            diamond100("Si", (1, 1, 8), LATTICE_CONSTANT, vacuum=5.0),
            diamond111("Si", (1, 1, 8), LATTICE_CONSTANT, vacuum=5.0),
            slab_110(),
        ):
            plain = Atoms(slab.numbers, slab.positions, cell=slab.cell, pbc=True)
            made.append(displaced(plain, rng, amplitude))
    return made


def liquid_like(rng: np.random.Generator) -> list[Atoms]:
    """Cubic cells of 8 atoms melted with the Stillinger–Weber potential, 2.3 to 2.8 g/cm³, 2000 to 4000 K.

    An atom that comes closer to another than 1.9 Å would be no use to anyone: such frames are passed over.
    """
    from matscipy.calculators.manybody import Manybody
    from matscipy.calculators.manybody.explicit_forms import StillingerWeber
    from matscipy.calculators.manybody.explicit_forms.stillinger_weber import Stillinger_Weber_PRB_31_5262_Si

    made: list[Atoms] = []
    for density in (2.3, 2.4, 2.5, 2.6, 2.7, 2.8, 2.55):
        edge = (8 * 28.0855 * units._amu * 1e3 / density) ** (1 / 3) * 1e8
        atoms = displaced(bulk("Si", "diamond", edge, cubic=True), rng, 0.3)
        atoms.calc = Manybody(**StillingerWeber(Stillinger_Weber_PRB_31_5262_Si))
        temperature = float(rng.uniform(2000, 4000))
        thermalize_momenta(atoms, temperature_K=temperature, rng=rng)
        dynamics = Langevin(
            atoms, 1.0 * units.fs, temperature_K=temperature, friction=0.02 / units.fs, fixcm=False, rng=rng
        )
        dynamics.run(1000)
        taken = 0
        while taken < 5:
            dynamics.run(200)
            frame = Atoms(atoms.numbers, atoms.get_positions(wrap=True), cell=atoms.cell, pbc=True)
            if shortest_distance(frame) > 1.9:
                made.append(frame)
                taken += 1
    return made


GROUPS = {
    "strained": strained_diamond,
    "rattled": rattled_diamond,
    "vacancy": vacancy,
    "beta-tin": beta_tin,
    "slab": slabs,
    "liquid": liquid_like,
}


def everything() -> list[Atoms]:
    """All configurations, group by group, the same at every call."""
    return configurations.named(GROUPS, SEED)


if __name__ == "__main__":
    generation.main(
        __doc__,
        everything=everything(),
        method=partial(espresso.compute, settings=espresso.SILICON),
        work=WORK,
        file=DATA,
        checked=CHECKED,
        described=espresso.SILICON.method,
    )
