"""Files of potentials as they are written today, with what they predict, so that later versions can be held to them.

``python write.py`` adds a file for each registered family that has none; ``python write.py NAME`` for one family. A
file that is there is never replaced: it stands for those that people have.

``NAME.potscope`` is the potential, ``NAME.json`` holds a few structures and the prediction for each, in eV, Å, eV/Å and
eV/Å³. The potentials are fitted to copper and gold by ASE's effective medium theory; they are as small as can be.
"""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from potscope.core import Dataset
from potscope.core.descriptors import SOAP, AverageSOAP, Bispectrum
from potscope.core.models import (
    COMPOSED,
    GAP,
    REGISTRY,
    Calibrated,
    Committee,
    Delta,
    FromCalculator,
    PairPotential,
    Potential,
    Repulsion,
)
from potscope.core.prediction import Prediction

HERE = Path(__file__).resolve().parent

SPECIES = ["Cu", "Au"]
DESCRIPTORS = {
    "atom": SOAP(species=SPECIES, cutoff=4.0, n_max=2, l_max=2),
    "structure": AverageSOAP(species=SPECIES, cutoff=4.0, n_max=2, l_max=2),
    "SNAP": Bispectrum(species=SPECIES, twojmax=2, rcutfac=4.0, radelem=[0.5, 0.5], wj=[1.0, 0.7]),
}
"""By the scope that a family stands on, or by its name where it has another."""

SMALL: dict[str, dict[str, object]] = {
    "GAP": {"n_sparse": 30},
    "KernelRidge": {"regularisation": 1e-8},
    "SVR": {"C": 1e4},
    "NeuralNetwork": {"hidden": (4,), "epochs": 60, "members": 2},
}
"""Hyperparameters that make a family small and quick, or its fit to data without noise a good one."""


MADE: dict[str, Potential] = {
    "FromCalculator": FromCalculator(EMT()),
    "Repulsion": Repulsion(inner=1.0, outer=3.0),
    "Delta": Delta(FromCalculator(EMT(), fit_offsets=False), PairPotential(form="Lennard-Jones")),
    "Committee": Committee(PairPotential(form="Lennard-Jones"), n_members=3),
    "Calibrated": Calibrated(GAP(DESCRIPTORS["atom"], n_sparse=10), folds=2),
}
"""What is made of other objects."""


def alloys(count: int, seed: int) -> list[Atoms]:
    """Strained and shaken cells of four atoms with energy, forces and stress."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        atoms = bulk("Cu", cubic=True, a=3.8)
        atoms.numbers[rng.random(4) < 0.3] = 79
        atoms.set_cell(atoms.cell[:] @ (np.eye(3) + rng.normal(0, 0.04, (3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(0, 0.1, (4, 3))
        atoms.calc = EMT()
        results = {name: atoms.calc.get_property(name, atoms) for name in ("energy", "forces", "stress")}
        atoms.calc = SinglePointCalculator(atoms, **results)
        made.append(atoms)
    return made


def fitted(cls: type[Potential]) -> Potential:
    """A small potential of a family."""
    arguments = SMALL.get(cls.__name__, {})
    if cls.__name__ in MADE:
        potential = MADE[cls.__name__]
    elif cls.descriptor_scope == "none":
        potential = cls(**arguments)
    else:
        potential = cls(DESCRIPTORS.get(cls.__name__, DESCRIPTORS[cls.descriptor_scope]), **arguments)
    return potential.fit(Dataset.from_structures(alloys(20 if cls.learns_forces else 40, seed=1)))


def inputs() -> list[Atoms]:
    """What is predicted: two crystals, a slab and a molecule."""
    crystal, other = alloys(2, seed=2)
    slab = crystal.copy()
    slab.set_pbc([True, True, False])
    return [crystal, other, slab, Atoms("CuAu", [[0, 0, 0], [1.4, 1.5, 1.3]])]


def plain(prediction: Prediction) -> dict[str, object]:
    """A prediction in lists; None for what the family does not have."""
    found = {field.name: getattr(prediction, field.name) for field in fields(prediction)}
    return {
        name: [values.tolist() for values in value]
        if isinstance(value, tuple)
        else None
        if value is None
        else value.tolist()
        for name, value in found.items()
    }


def write(name: str, folder: Path = HERE) -> None:
    """Add the files of a family.

    Raises
    ------
    FileExistsError
        If there are some.
    """
    for kind in ("potscope", "json"):
        if (folder / f"{name}.{kind}").exists():
            raise FileExistsError(f"{name}.{kind} is there, and stands for the files that people have; it stays")
    potential, structures = fitted({**REGISTRY, **COMPOSED}[name]), inputs()
    content = {
        "structures": [
            {
                "numbers": atoms.numbers.tolist(),
                "positions": atoms.positions.tolist(),
                "cell": atoms.cell[:].tolist(),
                "pbc": atoms.pbc.tolist(),
            }
            for atoms in structures
        ],
        "prediction": plain(potential.predict(structures, atom_std=True)),
    }
    potential.save(folder / f"{name}.potscope")
    (folder / f"{name}.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    for missing in sys.argv[1:] or [
        name for name in {**REGISTRY, **COMPOSED} if not (HERE / f"{name}.potscope").exists()
    ]:
        write(missing)
