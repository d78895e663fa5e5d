"""QUIP's way of writing parameters: ``soap cutoff=4.0 species_Z={6 14} …``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ase.data import atomic_numbers, chemical_symbols

from potscope.core.descriptors import QuipSOAP, ThreeBody, TwoBody
from potscope.core.exchange.lines import ExchangeError

OWN_SPECIES_SINCE = 1426512068
"""Version of the XML from which an atom counts in the density of its own species alone, unless it says otherwise."""

NUMBERS = {
    "cutoff": None,
    "cutoff_transition_width": 0.5,
    "atom_sigma": None,
    "central_weight": 1.0,
    "basis_error_exponent": 10.0,
}
WHOLE = ("n_max", "l_max")
ONLY: Mapping[str, str] = {
    "average": "F",
    "diagonal_radial": "F",
    "normalise": "T",
    "covariance_sigma0": "0.0",
    "radial_basis": "EQUISPACED_GAUSS",
    "nu_R": "2",
    "nu_S": "2",
    "Z_mix": "F",
    "R_mix": "F",
    "sym_mix": "F",
    "coupling": "T",
    "K": "0",
    "mix_shift": "0",
    "Z_map": "",
    "cutoff_dexp": "0",
    "cutoff_scale": "1.0",
    "cutoff_rate": "1.0",
}
"""Arguments of ``soap`` that change what it computes, and the value that `QuipSOAP` has."""


def split_arguments(text: str) -> tuple[str, dict[str, str]]:
    """The kind of a descriptor and its arguments; braces and quotes taken off.

    Raises
    ------
    ExchangeError
        If it is no such text.
    """
    words = re.findall(r"""([^\s={}"']+)(?:\s*=\s*(\{\{.*?\}\}|\{.*?\}|".*?"|'.*?'|[^\s{}"']*))?""", text.strip())
    if not words or words[0][1]:
        raise ExchangeError(f"expected the kind of a descriptor and its arguments, got {text!r}")
    return words[0][0].lower(), {name: value.strip("{}\"' ") for name, value in words[1:]}


def truth(value: str) -> str:
    """T or F of one of Fortran's ways to say so; anything else as it is."""
    plain = value.strip(".").lower()
    return "T" if plain in ("t", "true") else "F" if plain in ("f", "false") else value


def symbols(value: str) -> tuple[str, ...]:
    """Elements of atomic numbers such as ``6 14``."""
    words = value.replace(",", " ").split()
    if not words or not all(word.isdigit() and 0 < int(word) < len(chemical_symbols) for word in words):
        raise ExchangeError(f"expected atomic numbers, got {value!r}")
    return tuple(chemical_symbols[int(word)] for word in words)


def soap_of(arguments: Mapping[str, str], version: int = OWN_SPECIES_SINCE) -> QuipSOAP:
    """The descriptor that arguments of ``soap`` stand for.

    Parameters
    ----------
    arguments
        By name; what gap_fit takes for other purposes is not looked at.
    version
        Of the XML.

    Raises
    ------
    ExchangeError
        If a number is missing or no number, or if an argument asks for what `QuipSOAP` is not.
    """
    _check_only(arguments, ONLY, "QuipSOAP")
    if "species_Z" not in arguments:
        raise ExchangeError("`species_Z`: expected atomic numbers of the neighbours, got none")
    species = symbols(arguments["species_Z"])
    usual = "T" if version < OWN_SPECIES_SINCE or len(species) == 1 else "F"
    everywhere = truth(arguments.get("central_reference_all_species", usual))
    if everywhere == "T" and len(species) > 1:
        raise ExchangeError(
            "`central_reference_all_species`: expected F, as an atom counts in the density of its own species alone in "
            "QuipSOAP, got T"
        )
    numbers = {name: _number(name, arguments.get(name), usual) for name, usual in NUMBERS.items()}
    whole = {name: _number(name, arguments.get(name), None) for name in WHOLE}
    try:
        return QuipSOAP(species, n_max=int(whole["n_max"]), l_max=int(whole["l_max"]), **numbers)
    except ValueError as error:
        raise ExchangeError(f"soap: {error}") from error


def _check_only(arguments: Mapping[str, str], only: Mapping[str, str], who: str) -> None:
    for name, allowed in only.items():
        given = truth(arguments.get(name, allowed))
        if given != allowed and not _same_number(given, allowed):
            raise ExchangeError(f"`{name}`: expected {allowed or 'none'}, all that {who} knows here, got {given}")


def _same_number(given: str, allowed: str) -> bool:
    try:
        return float(given) == float(allowed)
    except ValueError:
        return False


def _number(name: str, given: str | None, usual: float | None) -> float:
    if given is None:
        if usual is None:
            raise ExchangeError(f"`{name}`: expected a number, got none")
        return usual
    try:
        return float(given.lower().replace("d", "e"))
    except ValueError:
        raise ExchangeError(f"`{name}`: expected a number, got {given!r}") from None


def soap_arguments(soap: QuipSOAP, centre: str) -> str:
    """What QUIP takes for the environments of atoms of one element."""
    numbers = " ".join(f"{name}={getattr(soap, name)!r}" for name in (*WHOLE, *NUMBERS))
    species = " ".join(str(atomic_numbers[symbol]) for symbol in soap.species)
    return (
        f"soap {numbers} n_Z=1 Z={atomic_numbers[centre]} n_species={len(soap.species)} species_Z={{{species}}} "
        "central_reference_all_species=F normalise=T covariance_sigma0=0.0"
    )


FEW_BODY: Mapping[str, type[TwoBody | ThreeBody]] = {"distance_2b": TwoBody, "angle_3b": ThreeBody}
ELEMENTS: Mapping[str, tuple[str, ...]] = {"distance_2b": ("Z1", "Z2"), "angle_3b": ("Z", "Z1", "Z2")}
ONLY_FEW_BODY: Mapping[str, str] = {
    "only_intra": "F",
    "only_inter": "F",
    "n_exponents": "1",
    "exponents": "1",
    "tail_range": "1.0",
    "tail_exponent": "0",
    "resid_name": "",
}
"""Arguments of ``distance_2b`` and ``angle_3b`` that change what they compute, and the value that ours have."""


def few_body_of(kind: str, arguments: Mapping[str, str]) -> tuple[TwoBody | ThreeBody, tuple[str, ...]]:
    """The descriptor that arguments of ``distance_2b`` or ``angle_3b`` stand for, and the elements, a centre first.

    Raises
    ------
    ExchangeError
        As for `soap_of`; and where an atomic number is 0, which is for any.
    """
    _check_only(arguments, ONLY_FEW_BODY, kind)
    elements = symbols(" ".join(arguments.get(name, "0") for name in ELEMENTS[kind]))
    width = _number("cutoff_transition_width", arguments.get("cutoff_transition_width"), 0.5)
    cutoff = _number("cutoff", arguments.get("cutoff"), None)
    species = tuple(dict.fromkeys(elements))
    try:
        return FEW_BODY[kind](species, cutoff, width), elements
    except ValueError as error:
        raise ExchangeError(f"{kind}: {error}") from error


def few_body_arguments(descriptor: TwoBody | ThreeBody, elements: str) -> str:
    """What QUIP takes for pairs or triplets of some elements, ``"O H H"``."""
    kind = next(name for name, cls in FEW_BODY.items() if isinstance(descriptor, cls))
    numbers = zip(ELEMENTS[kind], elements.split(), strict=True)
    chosen = " ".join(f"{name}={atomic_numbers[symbol]}" for name, symbol in numbers)
    return f"{kind} cutoff={descriptor.cutoff!r} cutoff_transition_width={descriptor.width!r} {chosen}"
