"""The training set, for both codes: ``prepare.py FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import ase.io
from cases import REFERENCE

from potscope import sample_data
from potscope.core import Dataset

if REFERENCE:
    train = Dataset.read(Path(REFERENCE) / "mlearn" / "Si_training.xyz.gz")
else:
    train, _ = sample_data.load("silicon").split(test=0.1, by="group", seed=0)
structures = train.to_structures()
for atoms, energy, stress in zip(structures, train.energies, train.stresses, strict=True):
    atoms.info["REF_energy"] = float(energy)
    atoms.info["REF_virial"] = -atoms.get_volume() * stress[[0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(3, 3)
    del atoms.info["REF_stress"]
ase.io.write(Path(sys.argv[1]) / "train.xyz", structures, format="extxyz")
