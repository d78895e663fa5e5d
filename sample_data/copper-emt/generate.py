"""Copper and copper–gold with ASE's EMT, a classical potential, for teaching only.

Run ``python generate.py``: five seconds, nothing needed but the project itself, the same configurations every time.
"""

from __future__ import annotations

from pathlib import Path

import ase
import numpy as np
from ase import Atoms, units
from ase.build import add_adsorbate, bulk, fcc100, fcc110, fcc111
from ase.calculators.emt import EMT

from potscope.sample_data import configurations, generation
from potscope.sample_data.configurations import at_volume, displaced, random_strain, strain

HERE = Path(__file__).resolve().parent
DATA = HERE / "copper-emt.xyz.gz"
METHOD = "classical: EMT of ASE, CC0"
LATTICE_CONSTANTS = {"Cu": 3.59, "Au": 4.06}  # Å, EMT's
DECIMALS = 5  # of positions and cells, Å: what is stored is what is computed
SEED = 19961101

CUBIC = bulk("Cu", "fcc", LATTICE_CONSTANTS["Cu"], cubic=True)


def strained(rng: np.random.Generator) -> list[Atoms]:
    """Cubic cells of four atoms: 15 volumes from 0.75 to 1.25 of 46.3 Å³, 85 random strains up to 10 %, displaced."""
    volumes = [at_volume(CUBIC, ratio) for ratio in np.linspace(0.75, 1.25, 15)]
    amplitudes = np.linspace(0.01, 0.1, 85)
    return volumes + [displaced(strain(CUBIC, random_strain(rng, e)), rng, e) for e in amplitudes]


def rattled(rng: np.random.Generator) -> list[Atoms]:
    """Displacements of 0.02 to 0.18 Å, cells strained by up to 3 %; 8 atoms in two of three, else 32."""
    small, large = bulk("Cu", "fcc", LATTICE_CONSTANTS["Cu"]) * (2, 2, 2), CUBIC * (2, 2, 2)
    return [
        displaced(strain(large if number % 3 == 2 else small, random_strain(rng, 0.03)), rng, amplitude)
        for number, amplitude in enumerate(np.linspace(0.02, 0.18, 150))
    ]


def vacancy(rng: np.random.Generator) -> list[Atoms]:
    """One or, in every third, two atoms of 32 missing, displacements of 0.02 to 0.15 Å, strains up to 2 %."""
    made = []
    for number, amplitude in enumerate(np.linspace(0.02, 0.15, 60)):
        atoms = CUBIC * (2, 2, 2)
        del atoms[rng.choice(32, 2 if number % 3 == 2 else 1, replace=False)]
        made.append(displaced(strain(atoms, random_strain(rng, 0.02)), rng, amplitude))
    return made


def slab(rng: np.random.Generator) -> list[Atoms]:
    """(100), (110) and (111), 10 or 12 atoms, 12 Å of vacuum, on every second an atom; displaced by 0 to 0.15 Å."""
    kinds = (
        (fcc100, (2, 2, 3), {"ontop": 2.4, "bridge": 2.0, "hollow": 1.7}),
        (fcc110, (1, 2, 5), {"ontop": 2.4, "shortbridge": 2.0, "hollow": 1.3}),
        (fcc111, (2, 2, 3), {"ontop": 2.4, "bridge": 2.1, "fcc": 2.0}),
    )
    made = []
    for number, amplitude in enumerate(np.linspace(0, 0.15, 72)):
        make, size, sites = kinds[number % 3]
        built = make("Cu", size, LATTICE_CONSTANTS["Cu"], vacuum=6.0)
        if number // 3 % 2:
            site = str(rng.choice(list(sites)))
            add_adsorbate(built, "Cu", sites[site], site)
        made.append(displaced(Atoms(built.numbers, built.positions, cell=built.cell, pbc=True), rng, amplitude))
    return made


def pushed_apart(positions_nc: np.ndarray, edge: float, shortest: float) -> np.ndarray:
    """Move the closest atoms of a cubic cell away from each other until no two are closer than `shortest`, Å."""
    positions_nc = positions_nc.copy()
    while True:
        D_nnc = positions_nc[None] - positions_nc[:, None]
        D_nnc -= edge * np.round(D_nnc / edge)
        r_nn = np.linalg.norm(D_nnc, axis=-1) + 1e6 * np.eye(len(positions_nc))
        if r_nn.min() >= shortest:
            return positions_nc
        push_nn = np.maximum(0, 1.05 * shortest - r_nn) / r_nn
        positions_nc -= 0.4 * (push_nn[:, :, None] * D_nnc).sum(axis=1)


def liquid(rng: np.random.Generator) -> list[Atoms]:
    """16 or 32 atoms anywhere in a cube, then pushed apart to 2.0 to 2.3 Å; 7.2 to 8.6 g/cm³."""
    made = []
    for number in range(78):
        count, density = (32, 16, 16)[number % 3], rng.uniform(7.2, 8.6)
        edge = (count * 63.546 * units._amu * 1e3 / density) ** (1 / 3) * 1e8
        positions_nc = pushed_apart(rng.uniform(0, edge, (count, 3)), edge, rng.uniform(2.0, 2.3))
        made.append(Atoms(f"Cu{count}", positions_nc, cell=[edge] * 3, pbc=True))
    return made


def cluster(rng: np.random.Generator) -> list[Atoms]:
    """2 to 13 atoms, each 2.2 to 2.7 Å from one and no closer to another, in a box that keeps images apart."""
    made = []
    for number in range(40):
        positions_nc = np.zeros((1, 3))
        while len(positions_nc) < 2 + number % 12:
            direction = rng.normal(size=3)
            place = positions_nc[rng.integers(len(positions_nc))] + direction / np.linalg.norm(direction) * rng.uniform(
                2.2, 2.7
            )
            if np.linalg.norm(positions_nc - place, axis=1).min() >= 2.2 and np.abs(place).max() < 5.0:
                positions_nc = np.vstack([positions_nc, place])
        made.append(Atoms(f"Cu{len(positions_nc)}", positions_nc + 8.5, cell=[17.0] * 3, pbc=True))
    return made


def ordered_alloy(rng: np.random.Generator) -> list[Atoms]:
    """Cu₃Au and CuAu₃ (L1₂) and CuAu (L1₀), four atoms: 9 volumes of each, then strains up to 8 %, displaced."""
    cells = []
    for gold in ((0,), (0, 1), (1, 2, 3)):
        share = len(gold) / 4
        edge = (1 - share) * LATTICE_CONSTANTS["Cu"] + share * LATTICE_CONSTANTS["Au"]
        cell = bulk("Cu", "fcc", edge, cubic=True)
        cell.symbols[list(gold)] = "Au"
        cells.append(cell)
    volumes = [at_volume(cell, ratio) for cell in cells for ratio in np.linspace(0.85, 1.15, 9)]
    return volumes + [
        displaced(strain(cells[number % 3], random_strain(rng, e)), rng, e)
        for number, e in enumerate(np.linspace(0.01, 0.08, 45))
    ]


def random_alloy(rng: np.random.Generator) -> list[Atoms]:
    """Gold on any of 8 or 32 places, any share of it, volume by Vegard; displaced by 0.02 to 0.15 Å, strains of 3 %."""
    made = []
    for number, amplitude in enumerate(np.linspace(0.02, 0.15, 120)):
        primitive = number % 3 != 2
        count = 8 if primitive else 32
        gold = rng.choice(count, int(rng.integers(1, count)), replace=False)
        share = len(gold) / count
        edge = (1 - share) * LATTICE_CONSTANTS["Cu"] + share * LATTICE_CONSTANTS["Au"]
        atoms = bulk("Cu", "fcc", edge, cubic=not primitive) * (2, 2, 2)
        atoms.symbols[gold] = "Au"
        made.append(displaced(strain(atoms, random_strain(rng, 0.03)), rng, amplitude))
    return made


def pure_gold(rng: np.random.Generator) -> list[Atoms]:
    """The other end: cubic cells of four atoms, 11 volumes, then strained and displaced by up to 8 %."""
    cell = bulk("Au", "fcc", LATTICE_CONSTANTS["Au"], cubic=True)
    volumes = [at_volume(cell, ratio) for ratio in np.linspace(0.85, 1.15, 11)]
    return volumes + [displaced(strain(cell, random_strain(rng, e)), rng, e) for e in np.linspace(0.01, 0.08, 17)]


GROUPS = {
    "strained": strained,
    "rattled": rattled,
    "vacancy": vacancy,
    "slab": slab,
    "liquid": liquid,
    "cluster": cluster,
    "gold": pure_gold,
    "ordered alloy": ordered_alloy,
    "random alloy": random_alloy,
}


def everything() -> list[Atoms]:
    """All configurations, group by group, numbers rounded to `DECIMALS`."""
    made = configurations.named(GROUPS, SEED)
    for atoms in made:
        scaled_nc = atoms.get_scaled_positions(wrap=False)
        atoms.set_cell(atoms.cell.array.round(DECIMALS))
        atoms.positions = (scaled_nc @ atoms.cell.array).round(DECIMALS)
    return made


def compute(atoms: Atoms) -> Atoms:
    """Energy (eV), forces (eV/Å) and stress (eV/Å³) of one configuration."""
    result = atoms.copy()
    calculated = atoms.copy()
    calculated.calc = EMT()
    result.info["REF_energy"] = calculated.get_potential_energy()
    result.info["REF_stress"] = calculated.get_stress()
    result.arrays["REF_forces"] = calculated.get_forces()
    result.info["method"] = METHOD
    return result


def main() -> None:
    """Compute and write all."""
    found = [compute(atoms) for atoms in everything()]
    generation.store(found, DATA)
    copper = sum(set(atoms.symbols) == {"Cu"} for atoms in found)
    print(f"{copper} configurations of copper and {len(found) - copper} with gold, ASE {ase.__version__}")


if __name__ == "__main__":
    main()
