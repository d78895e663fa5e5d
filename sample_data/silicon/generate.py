"""Silicon, PBE, Quantum ESPRESSO: the configurations and how each is computed.

Run ``python generate.py``; stop it at any time, and run it again to go on. ``--collect`` only gathers what is
there into ``silicon.xyz.gz``; ``--check`` computes the displaced and strained copies that ``check.py`` needs.
Needs Debian's ``quantum-espresso`` and ``quantum-espresso-data`` and the extra ``data`` of the project.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms, units
from ase.build import bulk, diamond100, diamond111, surface
from ase.io.espresso import write_espresso_in
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta

from potscope.sample_data import generation

HERE = Path(__file__).resolve().parent
WORK = HERE / ".work"
DATA = HERE / "silicon.xyz.gz"
PSEUDO = Path("/usr/share/espresso/pseudo/Si.pbe-rrkj.UPF")

METHOD = "Quantum ESPRESSO 6.7, PBE, Si.pbe-rrkj.UPF, 24 Ry, CC0"
ECUTWFC = 24.0  # Ry
K_SPACING = 0.2894  # 1/Å: 4 × 4 × 4 for the cubic cell
LATTICE_CONSTANT = 5.47  # Å, PBE with this pseudopotential
SEED = 20161107
CHECKED = ("rattled-050", "vacancy-001", "liquid-005")  # compared with finite differences
STEP, SHEAR = 0.01, 0.002  # Å and strain, of the copies for that


def k_grid(atoms: Atoms) -> tuple[int, int, int]:
    """Points along each reciprocal vector, about `K_SPACING` apart."""
    lengths = 2 * np.pi * np.linalg.norm(atoms.cell.reciprocal(), axis=1)
    n1, n2, n3 = np.maximum(1, np.ceil(lengths / K_SPACING - 0.35)).astype(int)
    return int(n1), int(n2), int(n3)


def quantum_espresso(atoms: Atoms, scratch: Path) -> Atoms:
    """Energy (the free energy, to which forces and stress belong), forces and stress of one configuration."""
    grid = k_grid(atoms)
    shift = tuple(int(n > 1) for n in grid)
    settings = {
        "control": {
            "calculation": "scf",
            "tprnfor": True,
            "tstress": True,
            "pseudo_dir": str(PSEUDO.parent),
            "outdir": ".",
            "disk_io": "nowf",
        },
        "system": {
            "ecutwfc": ECUTWFC,
            "ecutrho": 4 * ECUTWFC,
            "occupations": "smearing",
            "smearing": "gaussian",
            "degauss": 0.005,
        },
        "electrons": {"conv_thr": 1e-9, "electron_maxstep": 200},
    }
    with (scratch / "pw.in").open("w") as file:
        write_espresso_in(file, atoms, settings, {"Si": PSEUDO.name}, kpts=grid, koffset=shift)
    with (scratch / "pw.out").open("w") as file:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run(["pw.x", "-in", "pw.in"], cwd=scratch, stdout=file, env=environment, check=True)
    output = ase.io.read(scratch / "pw.out", format="espresso-out")
    result = atoms.copy()
    result.info["REF_energy"] = float(output.get_potential_energy(force_consistent=True))
    result.info["REF_stress"] = output.get_stress(voigt=True)
    result.info["k_grid"] = " ".join(map(str, grid))
    result.arrays["REF_forces"] = output.get_forces()
    return result


def strain(atoms: Atoms, strain_cc: np.ndarray) -> Atoms:
    """Deform cell and positions by ``1 + strain``."""
    strained = atoms.copy()
    strained.set_cell(strained.cell @ (np.eye(3) + strain_cc), scale_atoms=True)
    return strained


def random_strain(rng: np.random.Generator, amplitude: float) -> np.ndarray:
    """A symmetric strain with components up to `amplitude`."""
    strain_cc = rng.uniform(-amplitude, amplitude, (3, 3))
    return (strain_cc + strain_cc.T) / 2


def displaced(atoms: Atoms, rng: np.random.Generator, amplitude: float) -> Atoms:
    """Every atom displaced by a normal deviate of standard deviation `amplitude` (Å) along each axis."""
    moved = atoms.copy()
    moved.positions += rng.normal(0, amplitude, moved.positions.shape)
    return moved


def strained_diamond(rng: np.random.Generator) -> list[Atoms]:
    """15 volumes from 0.82 to 1.18 of the equilibrium one, then 45 random strains up to 8 %, atoms displaced too."""
    primitive = bulk("Si", "diamond", LATTICE_CONSTANT)
    volumes = [strain(primitive, (v ** (1 / 3) - 1) * np.eye(3)) for v in np.linspace(0.82, 1.18, 15)]
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
    volumes = [strain(cell, (v ** (1 / 3) - 1) * np.eye(3)) for v in np.linspace(0.86, 1.16, 8)]
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
            distances = np.linalg.norm((frame * (2, 2, 2)).get_all_distances(mic=True, vector=True), axis=-1)
            if np.min(distances[distances > 0]) > 1.9:
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


def configurations() -> list[Atoms]:
    """All configurations, group by group, the same at every call."""
    everything = []
    for number, (group, make) in enumerate(GROUPS.items()):
        for index, atoms in enumerate(make(np.random.default_rng([SEED, number]))):
            atoms.info = {"id": f"{group}-{index:03d}", "group": group}
            everything.append(atoms)
    return everything


def interleaved(everything: list[Atoms]) -> list[Atoms]:
    """The same, in an order that makes every group grow alike, so that an unfinished set is still a fair one."""
    size = {group: sum(a.info["group"] == group for a in everything) for group in GROUPS}

    def progress(atoms: Atoms) -> float:
        index = int(str(atoms.info["id"]).rsplit("-", 1)[1])
        return (index * 7 % size[atoms.info["group"]]) / size[atoms.info["group"]]

    return sorted(everything, key=progress)


def finite_difference_copies(everything: list[Atoms]) -> list[Atoms]:
    """Copies of three configurations, moved along one coordinate or strained, both ways."""
    copies = []
    for original in everything:
        if original.info["id"] not in CHECKED:
            continue
        for sign in (-1, 1):
            moved = original.copy()
            moved.positions[3, 1] += sign * STEP
            xx, xy = np.zeros((3, 3)), np.zeros((3, 3))
            xx[0, 0], xy[0, 1], xy[1, 0] = sign * SHEAR, sign * SHEAR / 2, sign * SHEAR / 2
            for name, atoms in (("y3", moved), ("xx", strain(original, xx)), ("xy", strain(original, xy))):
                atoms.info = {"id": f"check-{original.info['id']}-{name}{sign:+d}", "group": "check"}
                copies.append(atoms)
    return copies


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2, help="serial pw.x to run at once")
    parser.add_argument("--collect", action="store_true", help="only gather what is there")
    parser.add_argument("--check", action="store_true", help="compute the copies for finite differences")
    arguments = parser.parse_args()
    if arguments.check:
        copies = finite_difference_copies(configurations())
        generation.run(copies, quantum_espresso, WORK, arguments.workers)
        return
    if not arguments.collect:
        generation.run(interleaved(configurations()), quantum_espresso, WORK, arguments.workers)
    found = generation.collect(WORK, list(GROUPS))
    for atoms in found:
        atoms.info["method"] = METHOD
    generation.store(found, DATA)
    print(f"{len(found)} configurations in {DATA.name}, {DATA.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
