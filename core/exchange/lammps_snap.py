r"""SNAP in LAMMPS' files: ``.snapcoeff`` and ``.snapparam``, and the commands that use them.

LAMMPS' ``pair_style snap`` is what `SNAP` on a `Bispectrum` computes, its constants and coefficients in the same
order; with a ZBL repulsion it is overlaid by ``pair_style zbl``. Parameters have the names of `Bispectrum`.
Coefficients of quadratic terms follow the linear ones: :math:`\beta_{ff}` and then :math:`\beta_{fg}`, g > f, for
each f.

With elements apart (``chemflag``) some features are equal to others by their definition: for :math:`j_1 = j_2` those
of the first two elements exchanged, for :math:`j_1 = j` those of the first and the third. LAMMPS' forces are the
derivatives of its energies only where equal features have equal coefficients. So their means are written, which
changes no energy; a file of others gives LAMMPS' energies here, and forces that are their derivatives.

References
----------
A. P. Thompson et al., Comput. Phys. Commun. 271, 108171 (2022). doi:10.1016/j.cpc.2021.108171
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from potscope.core._types import Array
from potscope.core.descriptors import Bispectrum
from potscope.core.descriptors.bispectrum import INNER_MIDDLE, INNER_WIDTH, RADIUS, WEIGHT
from potscope.core.exchange.lammps_commands import PairCommands, write_run
from potscope.core.exchange.lines import ExchangeError, Line, lines_of, number
from potscope.core.models import SNAP
from potscope.core.zbl import ZBL

NUMBERS = ("rcutfac", "rfac0", "rmin0")
FLAGS = (
    "switchflag",
    "bzeroflag",
    "bnormflag",
    "chemflag",
    "quadraticflag",
    "switchinnerflag",
    "wselfallflag",
)
LISTS = ("sinner", "dinner")
OF_THE_RUN = ("chunksize", "parallelthresh")
"""Parameters that say how LAMMPS divides the work, and nothing of the potential."""
NO_INNER = 1e-10  # Å, for an inner distance of zero, which ``pair_style zbl`` refuses


@dataclass(frozen=True)
class SnapFiles:
    """The files of a potential that was written.

    Attributes
    ----------
    coefficients, parameters
        ``NAME.snapcoeff`` and ``NAME.snapparam``.
    commands
        ``NAME.snap``: masses, ``pair_style`` and ``pair_coeff``, to be included after the box is known.
    input
        ``in.NAME``, which LAMMPS runs as it stands where a structure was given, else with ``-var data FILE``.
    """

    coefficients: Path
    parameters: Path
    commands: Path
    input: Path


def write_lammps_snap(
    potential: SNAP, folder: str | Path, name: str = "potential", structure: Atoms | None = None
) -> SnapFiles:
    """Write a fitted `SNAP` for LAMMPS.

    Parameters
    ----------
    potential
        Fitted, on a `Bispectrum`.
    folder
        Where to; made if it is not there.
    name
        What the files are called.
    structure
        Written as ``NAME.data`` for the input to read.

    Raises
    ------
    NotFitted
        Before ``fit``.
    ExchangeError
        If the potential is not on a `Bispectrum`: LAMMPS' ``pair_style snap`` knows no other descriptor.
    """
    descriptor = _writable(potential)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    files = SnapFiles(
        *(target / file for file in (f"{name}.snapcoeff", f"{name}.snapparam", f"{name}.snap", f"in.{name}"))
    )
    coefficients_zk = equal_for_equal(descriptor, potential.coefficients_)
    files.coefficients.write_text(_coefficients_text(descriptor, coefficients_zk), encoding="utf-8")
    files.parameters.write_text(_parameters_text(descriptor), encoding="utf-8")
    files.commands.write_text(_commands_text(descriptor, potential.repulsion, files), encoding="utf-8")
    write_run(files.input, files.commands, descriptor.species, structure)
    return files


def _writable(potential: SNAP) -> Bispectrum:
    if not isinstance(potential, SNAP):
        raise ExchangeError(f"`potential`: expected a SNAP, got {type(potential).__name__}")
    potential.check_fitted()
    if not isinstance(potential.descriptor, Bispectrum):
        kind = type(potential.descriptor).__name__
        raise ExchangeError(
            f"`potential`: LAMMPS' `pair_style snap` stands on a Bispectrum alone, this one on {kind}; `write_mliap` "
            f"and `attach_to_lammps` take any"
        )
    return potential.descriptor


def equal_for_equal(descriptor: Bispectrum, coefficients_zk: Array) -> Array:
    """Coefficients of the same energies, with the mean for features that are equal by their definition."""
    if not descriptor.chemflag:
        return coefficients_zk
    names = replace(descriptor, quadraticflag=False).names
    keys = [_key(name) for name in names]
    members = np.array([[first == second for second in keys] for first in keys], dtype=float)
    mean_ff = members / members.sum(axis=1)
    end = 1 + len(names)
    parts = [coefficients_zk[:, :1], coefficients_zk[:, 1:end] @ mean_ff]
    if descriptor.quadraticflag:
        first, second = np.triu_indices(len(names))
        products_zff = np.zeros((len(coefficients_zk), len(names), len(names)))
        products_zff[:, first, second] = products_zff[:, second, first] = coefficients_zk[:, end:]
        parts.append((mean_ff @ products_zff @ mean_ff)[:, first, second])
    return np.concatenate(parts, axis=1)


def _key(name: str) -> tuple[str, ...]:
    """The same for names of features with elements apart, ``Na Na Cl 2 1 1``, that are equal."""
    *elements, j1, j2, j = name.split()
    if j1 == j2 == j:
        elements = sorted(elements)
    elif j1 == j2:
        elements = [*sorted(elements[:2]), elements[2]]
    elif j1 == j:
        elements = [*sorted(elements[::2]), elements[1]]
    return *elements, j1, j2, j


def _coefficients_text(descriptor: Bispectrum, coefficients_zk: Array) -> str:
    names = ("constant", *descriptor.names)
    lines = ["# SNAP coefficients, eV: for each element its radius (Å) and weight, then constant and coefficients"]
    lines.append(f"{len(descriptor.species)} {len(names)}")
    n_species = len(descriptor.species)
    radius_z, weight_z = descriptor.radelem or (RADIUS,) * n_species, descriptor.wj or (WEIGHT,) * n_species
    for symbol, radius, weight, own_k in zip(descriptor.species, radius_z, weight_z, coefficients_zk, strict=True):
        lines.append(f"{symbol} {radius!r} {weight!r}")
        lines += [f"{float(value)!r} # {name}" for value, name in zip(own_k, names, strict=True)]
    return "\n".join(lines) + "\n"


def _parameters_text(descriptor: Bispectrum) -> str:
    lines = ["# SNAP parameters", f"twojmax {descriptor.twojmax}"]
    lines += [f"{name} {getattr(descriptor, name)!r}" for name in NUMBERS]
    lines += [f"{name} {int(getattr(descriptor, name))}" for name in FLAGS]
    if descriptor.switchinnerflag:
        for name, usual in (("sinner", INNER_MIDDLE), ("dinner", INNER_WIDTH)):
            values = getattr(descriptor, name) or (usual,) * len(descriptor.species)
            lines.append(" ".join([name, *map(repr, values)]))
    return "\n".join(lines) + "\n"


def _commands_text(descriptor: Bispectrum, repulsion: ZBL | None, files: SnapFiles) -> str:
    species = descriptor.species
    lines = [f"# Types of atoms: {', '.join(f'{t} {symbol}' for t, symbol in enumerate(species, start=1))}"]
    lines += [f"mass {t} {float(atomic_masses[atomic_numbers[symbol]])!r}" for t, symbol in enumerate(species, start=1)]
    snap = f"{files.coefficients.name} {files.parameters.name} {' '.join(species)}"
    if repulsion is None:
        return "\n".join([*lines, "pair_style snap", f"pair_coeff * * {snap}"]) + "\n"
    lines.append(f"pair_style hybrid/overlay zbl {max(repulsion.inner, NO_INNER)!r} {repulsion.outer!r} snap")
    charges = [int(atomic_numbers[symbol]) for symbol in species]
    for t, first in enumerate(charges, start=1):
        lines += [f"pair_coeff {t} {u} zbl {first} {charges[u - 1]}" for u in range(t, len(charges) + 1)]
    return "\n".join([*lines, f"pair_coeff * * snap {snap}"]) + "\n"


def read_lammps_snap(source: str | Path, parameters: str | Path | None = None, zbl: ZBL | None = None) -> SNAP:
    """Read a SNAP of LAMMPS.

    Parameters
    ----------
    source
        A file of LAMMPS' commands (such as ``Ta06A.snap``), which names the others and may overlay ``pair_style zbl``;
        or a ``.snapcoeff``.
    parameters
        The ``.snapparam`` to a ``.snapcoeff``; without it the file of the same name.
    zbl
        The repulsion overlaid on a ``.snapcoeff``, which does not tell.

    Returns
    -------
    SNAP
        Without standard deviations: a file of coefficients says nothing of what they were fitted to.

    Raises
    ------
    FileNotFoundError
        If one of the files is not there.
    ExchangeError
        With file and line, if a number is missing or a parameter unknown, or if the commands overlay what a `SNAP` does
        not hold.
    """
    path = _existing(Path(source))
    if path.suffix == ".snapcoeff":
        own = Path(parameters) if parameters is not None else path.with_suffix(".snapparam")
        return _potential(path, _existing(own), None, zbl)
    if parameters is not None or zbl is not None:
        raise ExchangeError("`parameters` and `zbl` go with a .snapcoeff; a file of commands names its own")
    commands = PairCommands.read(path)
    words = commands.coefficients_of("snap")
    if len(words) < 3:
        raise ExchangeError(f"{path.name}: expected `pair_coeff * * snap COEFFICIENTS PARAMETERS ELEMENT …`")
    species = words[2:]
    if "NULL" in species:
        raise ExchangeError(f"{path.name}: atoms without SNAP (NULL) are more than a SNAP holds")
    repulsion = _repulsion(commands, species)
    files = [_existing(path.parent / word) for word in words[:2]]
    return _potential(files[0], files[1], tuple(dict.fromkeys(species)), repulsion)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"`source`: there is no file {path}")
    return path


def _repulsion(commands: PairCommands, species: Sequence[str]) -> ZBL | None:
    """The ZBL that the commands overlay."""
    unknown = sorted(set(commands.styles) - {"snap", "zbl"})
    if unknown:
        raise ExchangeError(f"{commands.name}: a SNAP holds `snap` and `zbl`, not {', '.join(map(repr, unknown))}")
    if "zbl" not in commands.styles:
        return None
    inner, outer = commands.distances("zbl")
    charges = commands.charges(len(species))
    for t, symbol in enumerate(species):
        for u, other in enumerate(species[: t + 1]):
            expected = {float(atomic_numbers[symbol]), float(atomic_numbers[other])}
            if charges.get((u, t)) is None or set(charges[u, t]) != expected:
                raise ExchangeError(
                    f"{commands.name}: expected the nuclear charges of {other} and {symbol} for types {u + 1} and "
                    f"{t + 1} of `zbl`, got {charges.get((u, t), 'none')}"
                )
    return ZBL(0.0 if inner == NO_INNER else inner, outer)


def _potential(coefficients: Path, parameters: Path, species: tuple[str, ...] | None, repulsion: ZBL | None) -> SNAP:
    values = read_parameters(parameters)
    elements = _read_coefficients(coefficients)
    chosen = species if species is not None else tuple(elements)
    _check_elements(coefficients, chosen, tuple(elements), bool(values.get("chemflag")))
    for name in LISTS:
        if name in values and len(values[name]) != len(chosen):
            raise ExchangeError(
                f"{parameters.name}: expected {len(chosen)} numbers of `{name}`, got {len(values[name])}"
            )
    rows = [elements[symbol] for symbol in chosen]
    try:
        descriptor = Bispectrum(
            chosen, radelem=tuple(row[0] for row in rows), wj=tuple(row[1] for row in rows), **values
        )
    except ValueError as error:
        raise ExchangeError(f"{parameters.name}: {error}") from error
    expected = 1 + len(descriptor.names)
    if len(rows[0][2:]) != expected:
        raise ExchangeError(
            f"{coefficients.name}: expected {expected} coefficients an element for twojmax {descriptor.twojmax} "
            f"and the flags of {parameters.name}, got {len(rows[0][2:])}"
        )
    return SNAP.from_coefficients(descriptor, [row[2:] for row in rows], repulsion=repulsion)


def _check_elements(file: Path, chosen: tuple[str, ...], found: tuple[str, ...], chemflag: bool) -> None:
    missing = [symbol for symbol in chosen if symbol not in found]
    if missing:
        raise ExchangeError(f"{file.name}: expected coefficients of {', '.join(chosen)}, got {', '.join(found)}")
    if chemflag and chosen != found:
        raise ExchangeError(
            f"{file.name}: with chemflag the coefficients are in the file's order of elements, {' '.join(found)}, and "
            f"mean something else in the order {' '.join(chosen)}"
        )


def read_parameters(path: Path) -> dict[str, Any]:
    """The parameters of a ``.snapparam``, by the names of `Bispectrum`."""
    values: dict[str, Any] = {}
    for line in lines_of(path):
        name, words = line.words[0], line.words[1:]
        if name in OF_THE_RUN:
            continue
        if name == "diagonalstyle":  # of older versions; 3 is what became the only one
            if words != ["3"]:
                raise line.error("diagonalstyle 3, the only one that LAMMPS still has")
            continue
        if name not in (*NUMBERS, *FLAGS, *LISTS, "twojmax"):
            raise line.error(f"a parameter of {', '.join(('twojmax', *NUMBERS, *FLAGS, *LISTS))}")
        if name in LISTS:
            values[name] = [number(line, word) for word in words]
            continue
        if len(words) != 1:
            raise line.error(f"one number after {name}")
        values[name] = _value(line, name, words[0])
    for name in ("rcutfac", "twojmax"):
        if name not in values:
            raise ExchangeError(f"{path.name}: expected the parameter `{name}`, which LAMMPS has no default of")
    return values


def _value(line: Line, name: str, word: str) -> bool | int | float:
    if name in NUMBERS:
        return number(line, word)
    if not word.isdigit() or (name in FLAGS and word not in ("0", "1")):
        raise line.error("a whole number" if name == "twojmax" else "0 or 1")
    return int(word) if name == "twojmax" else word == "1"


def _read_coefficients(path: Path) -> dict[str, list[float]]:
    """Radius, weight and coefficients of each element, in the order of the file."""
    lines = lines_of(path)
    if not lines or len(lines[0].words) != 2 or not all(word.isdigit() for word in lines[0].words):
        raise ExchangeError(f"{path.name}: expected the numbers of elements and coefficients first")
    n_elements, n_coefficients = (int(word) for word in lines[0].words)
    block = 1 + n_coefficients
    if len(lines) != 1 + n_elements * block:
        raise ExchangeError(
            f"{path.name}: expected {n_elements * block} lines for {n_elements} elements of {n_coefficients} "
            f"coefficients, got {len(lines) - 1}"
        )
    found: dict[str, list[float]] = {}
    for first in range(1, len(lines), block):
        head = lines[first]
        if len(head.words) != 3 or head.words[0] not in atomic_numbers:
            raise head.error("an element, its radius and its weight")
        own = [number(head, word) for word in head.words[1:]]
        found[head.words[0]] = own + [number(line, line.words[0]) for line in lines[first + 1 : first + block]]
    if len(found) != n_elements:
        raise ExchangeError(f"{path.name}: expected {n_elements} different elements, got {', '.join(found)}")
    return found
