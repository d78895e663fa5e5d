"""The training set of the bundled silicon, for both codes: ``prepare.py FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import ase.io
import cases  # noqa: F401 - takes this folder, with a potscope.py in it, off the path

from potscope import sample_data

train, _ = sample_data.load("silicon").split(test=0.1, by="group", seed=0)
structures = train.to_structures()
for atoms, energy, stress in zip(structures, train.energies, train.stresses, strict=True):
    atoms.info["REF_energy"] = float(energy)
    atoms.info["REF_virial"] = -atoms.get_volume() * stress[[0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(3, 3)
    del atoms.info["REF_stress"]
ase.io.write(Path(sys.argv[1]) / "train.xyz", structures, format="extxyz")
