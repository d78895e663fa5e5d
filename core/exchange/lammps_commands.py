"""LAMMPS' commands: those that choose a pair style are read, and inputs that run as they stand are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io.lammpsdata import write_lammps_data

from potscope.core.exchange.lines import ExchangeError, Line, lines_of, number

ARGUMENTS = {"snap": 0, "zbl": 2, "mliap": None}
"""How many words belong to a style, where that is known; None for all that follow."""
BOX_MARGIN = 2.0  # Å, round the atoms where a structure is not periodic

RUN = """\
# Energy, forces and stress by LAMMPS. In this folder: lmp -in {input}{choice}
# Pressure is minus the trace of the stress over three; bar, and eV/Å³ are 1.6021765e6 bar.
variable data index {data}
units metal
atom_style atomic
boundary {boundary}
box tilt large
read_data ${{data}}
include {commands}
compute local all pe/atom
thermo_style custom step atoms pe press pxx pyy pzz pyz pxz pxy
thermo_modify format float %.15g
dump forces all custom 1 {stem}.dump id type x y z fx fy fz c_local
dump_modify forces sort id format float %.15g
run 0
"""


@dataclass(frozen=True)
class PairCommands:
    """What a file of commands says of the pair style.

    Attributes
    ----------
    name
        Of the file.
    styles
        The styles, alone or overlaid, each with its arguments.
    coefficients
        The words after each ``pair_coeff``.
    """

    name: str
    styles: dict[str, list[str]]
    coefficients: list[Line] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> PairCommands:
        """Read ``pair_style`` and ``pair_coeff``, with variables that are numbers put in.

        Raises
        ------
        ExchangeError
            If there is not one ``pair_style``.
        """
        variables: dict[str, str] = {}
        styles: list[Line] = []
        coefficients: list[Line] = []
        for line in lines_of(path, continued="&"):
            words = [_filled(line, word, variables) for word in line.words]
            own = Line(line.file, line.place, words)
            if words[0] == "variable" and len(words) == 4 and words[2] in ("equal", "index", "string"):
                variables[words[1]] = words[3]
            elif words[0] == "pair_style":
                styles.append(own)
            elif words[0] == "pair_coeff":
                coefficients.append(own)
        if len(styles) != 1:
            raise ExchangeError(f"{path.name}: expected one `pair_style`, got {len(styles)}")
        return cls(path.name, _styles(styles[0]), coefficients)

    def coefficients_of(self, style: str) -> list[str]:
        """What follows ``pair_coeff * *`` (and the style, among several) for a style that has one such line."""
        found = []
        for line in self.coefficients:
            words = line.words[1:]
            if len(self.styles) == 1:
                found.append(words[2:] if words[2:3] != [style] else words[3:])
            elif words[2:3] == [style]:
                found.append(words[3:])
        if style not in self.styles or len(found) != 1:
            raise ExchangeError(f"{self.name}: expected one `pair_coeff * *` of `pair_style {style}`, got {len(found)}")
        return found[0]

    def distances(self, style: str) -> tuple[float, float]:
        """The two numbers after a style."""
        words = self.styles[style]
        try:
            inner, outer = (float(word) for word in words)
        except ValueError:
            raise ExchangeError(f"{self.name}: expected two distances after `{style}`, got {' '.join(words)}") from None
        return inner, outer

    def charges(self, n_types: int) -> dict[tuple[int, int], tuple[float, float]]:
        """Nuclear charges of pairs of types, from zero, the smaller first, that ``pair_coeff`` gives to ``zbl``."""
        found: dict[tuple[int, int], tuple[float, float]] = {}
        for line in self.coefficients:
            words = line.words[1:]
            if words[2:3] != ["zbl"]:
                continue
            if len(words) != 5:
                raise line.error("two types, zbl and two charges")
            first, second = (_types(line, word, n_types) for word in words[:2])
            charges = number(line, words[3]), number(line, words[4])
            for t in first:
                for u in second:
                    if t <= u:
                        found[t, u] = charges
        return found


def _filled(line: Line, word: str, variables: dict[str, str]) -> str:
    for name, value in variables.items():
        word = word.replace(f"${{{name}}}", value)
    if "${" in word and line.words[0].startswith("pair_"):
        raise line.error("variables that the file defines as numbers")
    return word


def _styles(line: Line) -> dict[str, list[str]]:
    words = line.words[1:]
    if not words:
        raise line.error("a style")
    if words[0] != "hybrid/overlay":
        return {words[0]: words[1:]}
    found: dict[str, list[str]] = {}
    rest = words[1:]
    while rest:
        style, rest = rest[0], rest[1:]
        count = ARGUMENTS.get(style, 0)
        found[style], rest = (rest, []) if count is None else (rest[:count], rest[count:])
    return found


def _types(line: Line, word: str, n_types: int) -> range:
    """The types that a word such as 2, * or 1*3 stands for, from zero."""
    low, star, high = word.partition("*")
    if not all(part.isdigit() or (star and not part) for part in (low, high if star else low)):
        raise line.error("types such as 1, * or 1*2")
    first = int(low) if low else 1
    last = (int(high) if high else n_types) if star else first
    return range(first - 1, last)


def write_run(target: Path, commands: Path, species: Sequence[str], structure: Atoms | None) -> None:
    """Write an input that reads a structure, includes the commands of a potential and runs no step.

    Parameters
    ----------
    target
        The input.
    commands
        What it includes: masses, pair style and coefficients; its name is that of structure and dump too.
    species
        Elements in the order of LAMMPS' types.
    structure
        Written beside the input; without it the input wants ``-var data FILE`` and is periodic.

    Raises
    ------
    ExchangeError
        If the structure has other elements.
    """
    data = f"{commands.stem}.data"
    periodic = [True, True, True]
    if structure is not None:
        other = sorted(set(structure.get_chemical_symbols()) - set(species))
        if other:
            raise ExchangeError(f"`structure`: expected elements of {', '.join(species)}, got {', '.join(other)}")
        periodic = [bool(axis) for axis in structure.pbc]
        write_lammps_data(
            target.with_name(data), boxed(structure), specorder=list(species), units="metal", atom_style="atomic"
        )
    text = RUN.format(
        input=target.name,
        choice="" if structure is not None else " -var data FILE",
        data=data,
        boundary=" ".join("p" if axis else "s" for axis in periodic),
        commands=commands.name,
        stem=commands.stem,
    )
    target.write_text(text, encoding="utf-8")


def boxed(structure: Atoms) -> Atoms:
    """A copy with a cell that LAMMPS takes: where it is not periodic, at right angles and round the atoms."""
    cell = structure.cell[:].copy()
    cell[~structure.pbc] = 0.0
    whole = structure.cell.new(cell).complete()
    made = Atoms(structure.get_chemical_symbols(), structure.positions, cell=whole, pbc=structure.pbc)
    for axis in np.flatnonzero(~structure.pbc):
        along = structure.positions @ whole[axis]
        whole[axis] *= np.ptp(along) + 2 * BOX_MARGIN
        made.positions += (BOX_MARGIN - along.min()) * whole[axis] / np.linalg.norm(whole[axis])
    made.set_cell(whole)
    return made
