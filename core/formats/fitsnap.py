"""FitSNAP's JSON: one file a configuration, one folder a group.

A file holds comment lines that start with ``#`` and then ``{"Dataset": {"Data": [configuration], ...}}``. A
configuration has `Lattice` (rows are vectors), `Positions`, `AtomTypes`, `NumAtoms`, `Energy`, `Forces` and `Stress`.
The stress is in bar and positive under compression, as the pressure of LAMMPS. Words such as ``"StressStyle": "bar"``
name the units.

References
----------
A. Rohskopf et al., J. Open Source Softw. 8, 5118 (2023). doi:10.21105/joss.05118
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ase import Atoms, units

from potscope.core.formats.base import Format, stem, text
from potscope.core.formats.numbers import elements, fields, numbers, required
from potscope.core.references import full_to_voigt

UNITS: Mapping[str, Mapping[str, float]] = {
    "Lattice": {"angstrom": 1.0, "bohr": units.Bohr},
    "Positions": {"angstrom": 1.0, "bohr": units.Bohr},
    "Energy": {"electronvolt": 1.0, "hartree": units.Hartree},
    "Forces": {"electronvoltperangstrom": 1.0, "hartreeperbohr": units.Hartree / units.Bohr},
    "Stress": {"bar": units.bar, "kbar": 1000 * units.bar, "kb": 1000 * units.bar, "gigapascal": units.GPa},
}
"""What a word after ``Style`` stands for, in our units; the first is meant where there is no word."""


def read(path: Path) -> Iterator[Atoms]:
    """Every configuration, in our units; the group is the name of the folder."""
    lines = text(path).splitlines()
    body = "\n".join("" if line.lstrip().startswith("#") else line for line in lines)
    dataset = required(json.loads(body), "Dataset", dict)
    configurations = required(dataset, "Data", list)
    factors = {quantity: _factor(dataset, quantity) for quantity in UNITS}
    folder, name = path.resolve().parent.name, stem(path)
    for index, configuration in enumerate(configurations):
        atoms = _structure(configuration, factors)
        atoms.info["group"] = folder
        atoms.info["id"] = f"{folder}/{name}" if len(configurations) == 1 else f"{folder}/{name}:{index}"
        yield atoms


def _factor(dataset: Mapping[str, Any], quantity: str) -> float:
    known = UNITS[quantity]
    word = dataset.get(f"{quantity}Style", next(iter(known)))
    if not isinstance(word, str) or word.lower() not in known:
        raise ValueError(f"`{quantity}Style`: expected one of {', '.join(map(repr, known))}, got {word!r}")
    return known[word.lower()]


def _structure(given: object, factors: Mapping[str, float]) -> Atoms:
    configuration = fields(given)
    symbols = required(configuration, "AtomTypes", list)
    shapes = {"Energy": (), "Forces": (len(symbols), 3), "Stress": (3, 3)}
    known = {
        quantity: numbers(configuration, quantity, shape) * factors[quantity]
        for quantity, shape in shapes.items()
        if configuration.get(quantity) is not None
    }
    atoms = Atoms(
        elements(symbols),
        numbers(configuration, "Positions", (len(symbols), 3)) * factors["Positions"],
        cell=numbers(configuration, "Lattice", (3, 3)) * factors["Lattice"],
        pbc=True,
    )
    if "Energy" in known:
        atoms.info["energy"] = float(known["Energy"])
    if "Forces" in known:
        atoms.arrays["forces"] = known["Forces"]
    if "Stress" in known:
        atoms.info["stress"] = -full_to_voigt(known["Stress"])
    return atoms


FITSNAP = Format(
    "FitSNAP JSON",
    read,
    beginning=rb'\s*(#[^\n]*\n\s*)*\{\s*"Dataset"\s*:',
    notes=(
        "FitSNAP JSON: eV and Å, stress in bar unless the file names other units; its stress is taken to be positive "
        "under compression, so its sign is turned",
        "group: the name of the folder",
    ),
)
