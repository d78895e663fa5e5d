"""gap_fit's two- and three-body potential of small clusters of silicon and carbon, with the sparse points it chose.

Run by an interpreter that has quippy-ase 0.10.3: ``python make_values.py``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from quippy.potential import Potential

HERE = Path(__file__).resolve().parent
SIGMAS = {"energy": 0.02, "force": 0.2}
OFFSETS = {"C": -2.5, "Si": -1.5}
TERMS = {
    "distance_2b": {"cutoff": 4.5, "width": 1.0, "delta": 0.5, "theta": 0.6, "n_sparse": 4},
    "angle_3b": {"cutoff": 3.6, "width": 0.8, "delta": 0.2, "theta": 0.8, "n_sparse": 8},
}


def clusters(count: int, seed: int) -> list[Atoms]:
    rng = np.random.default_rng(seed)
    made: list[Atoms] = []
    while len(made) < count:
        atoms = Atoms("Si3C3", rng.uniform(0, 3.8, (6, 3)), cell=[25.0] * 3, pbc=True)
        if (atoms.get_all_distances() + 9 * np.eye(6)).min() < 1.5:
            continue
        atoms.info["REF_energy"] = float(rng.normal(0, 0.3))
        atoms.arrays["REF_forces"] = rng.normal(0, 0.5, (6, 3))
        made.append(atoms)
    return made


def command(folder: Path) -> list[str]:
    terms = [
        f"{name} cutoff={own['cutoff']} cutoff_transition_width={own['width']} delta={own['delta']} "
        f"theta_uniform={own['theta']} n_sparse={own['n_sparse']} "
        "covariance_type=ard_se sparse_method=uniform add_species=T"
        for name, own in TERMS.items()
    ]
    return [
        str(Path(sys.executable).with_name("gap_fit")),
        f"at_file={folder / 'train.xyz'}",
        f"gap={{{' : '.join(terms)}}}",
        f"default_sigma={{{SIGMAS['energy']} {SIGMAS['force']} 0.1 0.0}}",
        "energy_parameter_name=REF_energy",
        "force_parameter_name=REF_forces",
        "e0={" + ":".join(f"{symbol}:{value}" for symbol, value in OFFSETS.items()) + "}",
        f"gp_file={folder / 'theirs.xml'}",
        "do_copy_at_file=F",
        "sparse_separate_file=F",
        "sparse_jitter=1e-20",
        "rnd_seed=1",
    ]


def plain(atoms: Atoms) -> dict[str, object]:
    return {"numbers": atoms.numbers.tolist(), "positions": atoms.positions.tolist()}


def sparse_points(folder: Path) -> list[dict[str, object]]:
    """Descriptor and sparse points of each element pair or triple, from the XML."""
    found = []
    for own in ET.parse(folder / "theirs.xml").getroot().iter("gpCoordinates"):  # noqa: S314 - our own
        text = own.findtext("descriptor").split()
        points = [[float(x) for x in point.text.split()] for point in own.iter("sparseX")]
        found.append(
            {
                "name": text[0],
                "Z": {k: int(v) for k, v in (t.split("=") for t in text if t[0] == "Z")},
                "points": points,
            }
        )
    return found


def main(folder: Path) -> None:
    train, fresh = clusters(6, 0), clusters(3, 1)
    ase.io.write(folder / "train.xyz", train, format="extxyz")
    subprocess.run(command(folder), check=True, capture_output=True)
    calculator = Potential(param_filename=str(folder / "theirs.xml"))
    values = []
    for atoms in fresh:
        copy = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True, calculator=calculator)
        values.append({"energy": copy.get_potential_energy(), "forces": copy.get_forces().tolist()})
    references = [{"energy": a.info["REF_energy"], "forces": a.arrays["REF_forces"].tolist()} for a in train]
    content = {
        "sigmas": SIGMAS,
        "terms": TERMS,
        "offsets": OFFSETS,
        "sparse": sparse_points(folder),
        "train": [{**plain(a), **r} for a, r in zip(train, references, strict=True)],
        "fresh": [{**plain(a), **v} for a, v in zip(fresh, values, strict=True)],
    }
    (HERE / "gap_fit_values.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        main(Path(name))
