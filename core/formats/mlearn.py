"""The JSON of the benchmark of Zuo et al.: a list of entries, each with a structure and its results.

An entry has a `structure` as pymatgen writes it, `outputs` with the energy (eV), the forces (eV/Å) and the
`virial_stress` (kbar, positive under compression, order xx yy zz xy yz xz), and a `group`.

References
----------
Y. Zuo et al., J. Phys. Chem. A 124, 731 (2020). doi:10.1021/acs.jpca.9b08723
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units

from potscope.core.formats.base import Format, text
from potscope.core.formats.numbers import elements, fields, numbers, required
from potscope.core.validation import shown

STRESS_NAMES = ("virial_stress", "stress")
ASE_FROM_FILE = [0, 1, 2, 4, 5, 3]
"""Where xx yy zz yz xz xy stand among the file's xx yy zz xy yz xz."""
KILOBAR = 1000 * units.bar
LABELS = ("group", "tag", "description")


def read(path: Path) -> Iterator[Atoms]:
    """Every entry, in our units."""
    for entry in json.loads(text(path)):
        structure = required(entry, "structure", dict)
        atoms = _structure(structure)
        outputs = required(entry, "outputs", dict)
        _add_references(atoms, outputs)
        atoms.info.update({name: str(entry[name]) for name in LABELS if entry.get(name) is not None})
        yield atoms


def _structure(structure: Mapping[str, Any]) -> Atoms:
    """A structure of pymatgen's: Cartesian positions where they are given, fractional ones otherwise."""
    lattice = required(structure, "lattice", dict)
    cell_cc = numbers(lattice, "matrix", (3, 3))
    sites = required(structure, "sites", list)
    numbers_n = elements([_element(site) for site in sites])
    given = "xyz" if all("xyz" in site for site in sites) else "abc"
    rows = {given: [required(site, given, list) for site in sites]}
    positions_nc = numbers(rows, given, (len(sites), 3)) if sites else np.zeros((0, 3))
    if given == "abc":
        positions_nc = positions_nc @ cell_cc
    return Atoms(numbers_n, positions_nc, cell=cell_cc, pbc=lattice.get("pbc", True))


def _element(site: object) -> str:
    species = required(site, "species", list)
    if len(species) != 1 or fields(species[0]).get("occu", 1) != 1:
        raise ValueError(f"`species`: expected one element that fills the site, got {shown(species)}")
    return required(species[0], "element", str)


def _add_references(atoms: Atoms, outputs: Mapping[str, Any]) -> None:
    if outputs.get("energy") is not None:
        atoms.info["energy"] = float(numbers(outputs, "energy", ()))
    if outputs.get("forces") is not None:
        atoms.arrays["forces"] = numbers(outputs, "forces", (len(atoms), 3))
    name = next((name for name in STRESS_NAMES if outputs.get(name) is not None), None)
    if name is not None:
        atoms.info["stress"] = -numbers(outputs, name, (6,))[ASE_FROM_FILE] * KILOBAR


MLEARN = Format(
    "mlearn JSON",
    read,
    beginning=rb'\s*\[\s*\{\s*"',
    notes=(
        "mlearn JSON: eV and Å; stresses are taken to be in kbar, positive under compression, in the order "
        "xx yy zz xy yz xz",
    ),
)
