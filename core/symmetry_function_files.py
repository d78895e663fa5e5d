r"""Symmetry functions in the `input.nn` of n2p2 and RuNNer.

Read and written are the keywords ``elements``, ``cutoff_type``, ``cutoff_alpha`` and

.. code-block:: none

    symfunction_short <centre> <type> <neighbours> <parameters> <cutoff>
    element_symfunction_short <centre> <type> <parameters> <cutoff>      for all neighbours (RuNNer)
    global_symfunction_short <type> <parameters> <cutoff>                for all atoms and neighbours (RuNNer)

of these types (:math:`G^1` to :math:`G^5` are defined in `SymmetryFunction`):

====  =======================  ===========================================
type  function                 parameters
====  =======================  ===========================================
1     :math:`G^1`              none (RuNNer)
2     :math:`G^2`              η, Rs
3     :math:`G^4`              η, λ, ζ, cutoff, and Rs last where there is one
4     :math:`G^3`              κ (RuNNer)
9     :math:`G^5`              as 3
12    :math:`G^2`, weighted    η, Rs; no neighbours
13    :math:`G^4`, weighted    η, Rs, λ, ζ; no neighbours
====  =======================  ===========================================

Both codes count each pair of neighbours once and have the factor :math:`2^{1-\zeta}`. n2p2 takes lengths in the unit of
its data, RuNNer in Bohr; here they become Å.

References
----------
A. Singraber, J. Behler, C. Dellago, J. Chem. Theory Comput. 15, 1827 (2019). doi:10.1021/acs.jctc.8b00770
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ase import units
from ase.data import atomic_numbers

from potscope.core.symmetry_functions import SymmetryFunction
from potscope.core.validation import check_choice

LENGTHS = {"Bohr": units.Bohr, "Å": 1.0}
"""Units of length by name, in Å."""

CUTOFF_TYPES = {
    0: "none",
    1: "cosine",
    2: "tanh3 unnormalised",
    3: "tanh3",
    4: "exp",
    5: "poly1",
    6: "poly2",
    7: "poly3",
    8: "poly4",
}
"""n2p2's; RuNNer's are the same up to 2."""
WITHOUT_INNER_PART = ("tanh3", "tanh3 unnormalised")
KINDS = {1: 1, 2: 2, 3: 4, 4: 3, 9: 5, 12: 2, 13: 4}
WEIGHTED_TYPES = (12, 13)
N_PARAMETERS = {1: (1,), 2: (3,), 3: (4, 5), 4: (2,), 9: (4, 5), 12: (3,), 13: (5,)}
KEYWORDS = ("symfunction_short", "element_symfunction_short", "global_symfunction_short")


@dataclass(frozen=True)
class SymmetryFunctionFile:
    """What an `input.nn` says of symmetry functions; lengths in Å."""

    species: tuple[str, ...]
    functions: tuple[SymmetryFunction, ...]
    cutoff_function: str
    inner_fraction: float


def read(source: str | Path, unit: str = "Bohr") -> SymmetryFunctionFile:
    """Read the symmetry functions of an `input.nn`, in the order of its lines.

    Parameters
    ----------
    source
        A path, or the text itself (what has more than one line is text).
    unit
        Of the lengths in the file: ``"Bohr"`` or ``"Å"``.

    Raises
    ------
    ValueError
        With the number of the line, if a function or a cutoff type is none of the table, an element is not declared,
        or numbers are missing.
    """
    length = _length(unit)
    text = source if isinstance(source, str) and "\n" in source else Path(source).read_text(encoding="utf-8")
    lines = [(number, line.split("#")[0].split()) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, words) for number, words in lines if words]
    species = _species(lines)
    cutoff_function, inner_fraction = _cutoff(lines)
    functions: list[SymmetryFunction] = []
    for number, words in lines:
        if words[0] in KEYWORDS:
            functions += _functions(number, words, species, length)
    if not functions:
        raise ValueError("`source`: expected lines that begin with `symfunction_short`, got none")
    return SymmetryFunctionFile(species, tuple(functions), cutoff_function, inner_fraction)


def write(
    functions: Sequence[SymmetryFunction],
    species: Sequence[str],
    cutoff_function: str,
    unit: str = "Bohr",
    inner_fraction: float = 0.0,
) -> str:
    """Lines for an `input.nn`; functions without a central element are written for each of the species.

    A :math:`G^1` is written as a :math:`G^2` with η = 0, which both codes know.

    Raises
    ------
    ValueError
        If a function is none of the table, a weighted :math:`G^3` or :math:`G^5`, or the files know no such cutoff
        function or unit.
    """
    length = _length(unit)
    kinds = {name: number for number, name in CUTOFF_TYPES.items()}
    kind = kinds[check_choice("cutoff_function", cutoff_function, kinds)]
    lines = [
        f"number_of_elements {len(species)}",
        f"elements {' '.join(species)}",
        f"cutoff_type {kind} {inner_fraction!r}",
    ]
    for function in functions:
        for centre in [function.centre] if function.centre else species:
            lines.append(" ".join(["symfunction_short", centre, *_words(function, length)]))
    return "\n".join(lines) + "\n"


def type_of(function: SymmetryFunction) -> int:
    """Its number in the table; that of :math:`G^2` for :math:`G^1`, which both codes know so.

    Raises
    ------
    ValueError
        If it is none of the table: a weighted :math:`G^3` or :math:`G^5`.
    """
    weighted = not function.neighbours
    if function.kind in (1, 2):
        return 12 if weighted else 2
    if function.kind == 4:
        return 13 if weighted else 3
    if weighted:
        raise ValueError(f"`functions`: {function.name()} has no type in n2p2 or RuNNer")
    return 4 if function.kind == 3 else 9


def _length(unit: str) -> float:
    if unit not in LENGTHS:
        raise ValueError(f"`unit`: expected one of {', '.join(map(repr, LENGTHS))}, got {unit!r}")
    return LENGTHS[unit]


def _words(function: SymmetryFunction, length: float) -> list[str]:
    kind = type_of(function)
    eta, cutoff, shift = function.eta * length**2, function.cutoff / length, function.shift / length
    if kind in (2, 12):
        numbers = [eta, shift, cutoff]
    elif kind == 4:
        numbers = [function.eta * length, cutoff]
    elif kind == 13:
        numbers = [eta, shift, function.lambda_, function.zeta, cutoff]
    else:
        numbers = [eta, function.lambda_, function.zeta, cutoff, *([shift] if shift else [])]
    return [str(kind), *function.neighbours, *(repr(float(number)) for number in numbers)]


def _species(lines: Sequence[tuple[int, list[str]]]) -> tuple[str, ...]:
    declared = [(number, words[1:]) for number, words in lines if words[0] == "elements"]
    if len(declared) > 1:
        raise ValueError(f"line {declared[1][0]}: expected one line `elements`, got another")
    if declared:
        number, symbols = declared[0]
        unknown = [symbol for symbol in symbols if atomic_numbers.get(symbol, 0) < 1]
        if unknown or not symbols:
            raise ValueError(f"line {number}: expected chemical symbols, got {' '.join(symbols)!r}")
    else:
        symbols = [word for _, words in lines if words[0] in KEYWORDS for word in words if word in atomic_numbers]
    return tuple(sorted(set(symbols), key=atomic_numbers.__getitem__))


def _cutoff(lines: Sequence[tuple[int, list[str]]]) -> tuple[str, float]:
    name, fraction = "cosine", 0.0
    for number, words in lines:
        if words[0] == "cutoff_type":
            kind, *rest = _numbers(number, words[1:])
            if kind not in CUTOFF_TYPES:
                known = ", ".join(f"{key} ({value})" for key, value in CUTOFF_TYPES.items())
                raise ValueError(f"line {number}: expected a cutoff type of {known}, got {kind:g}")
            name, fraction = CUTOFF_TYPES[int(kind)], rest[0] if rest else fraction
        elif words[0] == "cutoff_alpha":
            fraction = _numbers(number, words[1:])[0]
    # n2p2 accepts a fraction with the hyperbolic tangents and does not use it
    return name, 0.0 if name in WITHOUT_INNER_PART else fraction


def _numbers(line: int, words: Sequence[str]) -> list[float]:
    try:
        found = [float(word) for word in words]
    except ValueError:
        raise ValueError(f"line {line}: expected numbers, got {' '.join(words)!r}") from None
    if not found:
        raise ValueError(f"line {line}: expected a number, got none")
    return found


def _functions(line: int, words: list[str], species: Sequence[str], length: float) -> Iterator[SymmetryFunction]:
    """The functions of one line."""
    keyword, rest = words[0], words[1:]
    centres: Sequence[str] = species
    if keyword != "global_symfunction_short":
        centres, rest = _symbols(line, rest[:1], species), rest[1:]
    if not rest or not rest[0].isdigit() or int(rest[0]) not in KINDS:
        known = ", ".join(map(str, KINDS))
        raise ValueError(f"line {line}: expected a type of {known}, got {rest[0] if rest else 'nothing'!r}")
    kind, rest = int(rest[0]), rest[1:]
    n_neighbours = 0 if kind in WEIGHTED_TYPES else (2 if KINDS[kind] in (4, 5) else 1)
    choices = _combinations(species, n_neighbours)
    if keyword == "symfunction_short":
        given = _symbols(line, rest[:n_neighbours], species)
        choices, rest = [tuple(sorted(given, key=atomic_numbers.__getitem__, reverse=True))], rest[n_neighbours:]
        if len(given) != n_neighbours:
            raise ValueError(f"line {line}: expected {n_neighbours} neighbours, got {len(given)}")
    numbers = _numbers(line, rest)
    if len(numbers) not in N_PARAMETERS[kind]:
        expected = " or ".join(map(str, N_PARAMETERS[kind]))
        raise ValueError(f"line {line}: expected {expected} numbers for type {kind}, got {len(numbers)}")
    for centre in centres:
        for neighbours in choices:
            yield _function(kind, neighbours, numbers, length).about(centre)


def _symbols(line: int, words: Sequence[str], species: Sequence[str]) -> tuple[str, ...]:
    for word in words:
        if word not in species:
            raise ValueError(f"line {line}: expected an element of {', '.join(species)}, got {word!r}")
    return tuple(words)


def _combinations(species: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """Neighbours in RuNNer's order: those of one element first."""
    if n < 2:
        return [(symbol,) for symbol in species] if n else [()]
    found: list[tuple[str, ...]] = [(symbol, symbol) for symbol in species]
    found += [(second, first) for place, second in enumerate(species) for first in species[:place]]
    return found


def _function(kind: int, neighbours: tuple[str, ...], numbers: Sequence[float], length: float) -> SymmetryFunction:
    """A function from the numbers of a line."""
    eta, shift, zeta, lambda_ = 0.0, 0.0, 1.0, 0.0
    if kind in (2, 12):
        eta, shift, cutoff = numbers
    elif kind in (3, 9):
        eta, lambda_, zeta, cutoff = numbers[:4]
        shift = numbers[4] if len(numbers) > 4 else 0.0
    elif kind == 13:
        eta, shift, lambda_, zeta, cutoff = numbers
    else:
        eta, cutoff = [0.0, *numbers][-2:]
    scaled = eta / length if kind == 4 else eta / length**2
    return SymmetryFunction(KINDS[kind], neighbours, cutoff * length, scaled, shift * length, zeta, lambda_)
