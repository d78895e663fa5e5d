"""Pairs that descriptors of low body order can't tell apart, PBE/def2-SVP, PySCF: what and how.

Run ``OMP_NUM_THREADS=1 python generate.py``; stop it at any time, and run it again to go on. ``--collect`` only
gathers what is there into ``degenerate-methane.xyz.gz``; ``--check`` computes the displaced copies that ``check.py``
needs. Needs the extra ``data`` of the project: PySCF.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io.extxyz import key_val_dict_to_str

from potscope.core.writing import write_whole
from potscope.sample_data import generation, molecular
from potscope.sample_data.configurations import interleaved
from potscope.sample_data.molecular_checks import displaced_copies

from isospectral import pairs  # isort: skip - the script beside this one

HERE = Path(__file__).resolve().parent
WORK = HERE / ".work"
DATA = HERE / "degenerate-methane.xyz.gz"
METHOD = f"{molecular.METHOD}; unrestricted singlet but for the group spectrum"

RADIUS = 1.4  # Å, of the hydrogens in the plane
HEIGHTS = np.linspace(0.2, 1.0, 41)  # Å
PATH = np.linspace(-0.125, 1.325, 30)  # from the first member at 0 to the second at 1, neither among them
PATH_HEIGHTS = (0.4, 0.6, 0.8)  # Å
LOOPS, LOOP_HEIGHT = (0.1, 0.2), 0.6  # in units of 45°; Å
MOMENTS = (2, -0.5, -0.5, -0.5, -0.5)  # unpaired electrons of the atoms that the solution starts from
CHECKED = ("first-020", "second-002", "path-015")  # compared with finite differences


def methane(u: float, v: float, height: float) -> Atoms:
    """Carbon at the origin, hydrogens at azimuths 45° × {0, 1, 3 − u, 4 + v}: (0, 0) and (1, 1) are the pair."""
    azimuths = np.pi / 4 * np.array([0, 1, 3 - u, 4 + v])
    hydrogens = [[RADIUS * np.cos(a), RADIUS * np.sin(a), height] for a in azimuths]
    return Atoms(
        "CH4",
        [[0, 0, 0], *hydrogens],
        info={"u": round(float(u), 6), "v": round(float(v), 6), "h": round(float(height), 6)},
    )


def loops(u: float, v: float) -> list[Atoms]:
    """Around one member, at the height of `LOOP_HEIGHT`."""
    angles = np.arange(16) * np.pi / 8
    return [methane(u + r * np.cos(a), v + r * np.sin(a), LOOP_HEIGHT) for r in LOOPS for a in angles]


def configurations() -> list[Atoms]:
    """All configurations, group by group, the same at every call."""
    groups = {
        "first": [methane(0, 0, h) for h in HEIGHTS],
        "second": [methane(1, 1, h) for h in HEIGHTS],
        "path": [methane(t, t, h) for h in PATH_HEIGHTS for t in PATH],
        "around-first": loops(0, 0),
        "around-second": loops(1, 1),
        "spectrum": [atoms for pair in pairs() for atoms in pair],
    }
    for group, members in groups.items():
        for index, atoms in enumerate(members):
            atoms.info |= {"id": f"{group}-{index:03d}", "group": group}
    return [atoms for members in groups.values() for atoms in members]


def compute(atoms: Atoms, scratch: Path) -> Atoms:
    """Closed shell for the isomers; for what has two bonds broken, the lowest unrestricted singlet."""
    if len(atoms) != len(MOMENTS):
        return molecular.pbe(atoms, scratch)
    return molecular.open_shell(atoms, MOMENTS)


def precise_extxyz(structures: Sequence[Atoms]) -> bytes:
    """Extended XYZ with all digits of the positions: with ASE's eight the pairs would be no pairs at 1e-10."""
    lines = []
    for atoms in structures:
        comment = {"Properties": "species:S:1:pos:R:3:REF_forces:R:3", **atoms.info, "pbc": "F F F"}
        lines += [str(len(atoms)), key_val_dict_to_str(comment)]
        rows = zip(atoms.get_chemical_symbols(), atoms.positions, atoms.arrays["REF_forces"], strict=True)
        for symbol, position, force in rows:
            lines.append(" ".join([symbol, *(f"{x:.15f}" for x in position), *(f"{f:.6f}" for f in force)]))
    return ("\n".join(lines) + "\n").encode()


def collected(exact: list[Atoms]) -> list[Atoms]:
    """The results that are there, at the exact positions, which the files of single results have to eight digits."""
    positions = {atoms.info["id"]: atoms.positions for atoms in exact}
    found = generation.collect(WORK, list(dict.fromkeys(atoms.info["group"] for atoms in exact)))
    for atoms in found:
        np.testing.assert_allclose(atoms.positions, positions[atoms.info["id"]], rtol=0, atol=1e-8)
        atoms.positions = positions[atoms.info["id"]]
        atoms.info["method"] = METHOD
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collect", action="store_true", help="only gather what is there")
    parser.add_argument("--check", action="store_true", help="compute the copies for finite differences")
    arguments = parser.parse_args()
    everything = configurations()
    if arguments.check:
        generation.run(displaced_copies(everything, CHECKED), compute, WORK, workers=1)
        return
    if not arguments.collect:
        generation.run(interleaved(everything), compute, WORK, workers=1)
    found = collected(everything)
    write_whole(DATA, gzip.compress(precise_extxyz(found), 9, mtime=0))
    print(f"{len(found)} configurations in {DATA.name}, {DATA.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
