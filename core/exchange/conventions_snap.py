"""What LAMMPS' SNAP files and FitSNAP's inputs mean here."""

from __future__ import annotations

from collections.abc import Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units

from potscope.core.descriptors import Bispectrum
from potscope.core.descriptors.bispectrum import RADIUS
from potscope.core.exchange.findings import Explanation, Finding
from potscope.core.exchange.lammps_snap import FLAGS, LISTS, equal_for_equal, read_lammps_snap, read_parameters
from potscope.core.exchange.lines import ExchangeError
from potscope.core.models import SNAP

LAMMPS_BAR = 1.6021765e6  # eV/Å³ in bar, as LAMMPS has it
SOLVERS = {"SVD": "least squares", "RIDGE": "ridge", "ARD": "automatic relevance"}

STRESS = Finding(
    "stress",
    f"a pressure in bar, positive under compression, xx yy zz xy xz yz; 1 eV/Å³ is {LAMMPS_BAR:.8g} bar",
    f"eV/Å³, positive under tension, xx yy zz yz xz xy: minus the pressure; 1 eV/Å³ is {1 / units.bar:.10g} bar",
    "converted",
)
UNITS = Finding("units", "units metal: eV, Å, eV/Å", "eV, Å, eV/Å", "same")


def of_files(path: Path) -> Explanation:
    """Of a ``.snapparam`` alone, or of a whole potential."""
    if path.suffix == ".snapparam" and not path.with_suffix(".snapcoeff").is_file():
        values = read_parameters(path)
        return Explanation(str(path), (*_of_parameters(values, None), UNITS, STRESS))
    potential = read_lammps_snap(path.with_suffix(".snapcoeff") if path.suffix == ".snapparam" else path)
    descriptor = potential.descriptor
    if not isinstance(descriptor, Bispectrum):
        raise TypeError(f"`descriptor`: expected a Bispectrum, got {descriptor!r}")
    values = {name: getattr(descriptor, name) for name in ("rcutfac", "twojmax", "rfac0", "rmin0", *FLAGS, *LISTS)}
    findings = [*_of_parameters(values, descriptor), *_of_potential(potential, descriptor), UNITS, STRESS]
    return Explanation(str(path), tuple(findings))


def _of_parameters(values: dict[str, Any], descriptor: Bispectrum | None) -> list[Finding]:
    flags = {name: bool(values.get(name, name in ("switchflag", "bzeroflag"))) for name in FLAGS}
    rcutfac, twojmax = values["rcutfac"], int(values["twojmax"])
    count = len(Bispectrum(("H",), twojmax).names)
    found = [
        Finding(
            "cutoff",
            f"rcutfac {rcutfac:g} × (radelem of the one + radelem of the other){_cutoffs(descriptor)}",
            "the same product; `reach` is the largest",
            "same",
        ),
        Finding(
            "momenta",
            f"twojmax {twojmax}, twice the highest momentum: {count} components, j₂ ≤ j₁ ≤ j",
            "the same, in the same order",
            "same",
        ),
        Finding(
            "switching",
            f"switchflag {int(flags['switchflag'])}: weights "
            + ("fall to zero by a cosine from rmin0 to the cutoff" if flags["switchflag"] else "jump at the cutoff"),
            "the same" if flags["switchflag"] else "the same; energies jump where a neighbour comes or goes",
            "same",
        ),
        Finding(
            "zero",
            f"bzeroflag {int(flags['bzeroflag'])}: the components of an isolated atom are "
            + ("subtracted" if flags["bzeroflag"] else "not subtracted, and the constant is not its energy"),
            "the same",
            "same",
        ),
    ]
    if values.get("rmin0", 0.0) > 0:
        theirs = f"rmin0 {values['rmin0']:g} Å: the pole of the sphere; nearer neighbours have the other sign"
        found.append(Finding("rmin0", theirs, "the same: values jump at rmin0", "same"))
    if flags["quadraticflag"]:
        theirs = "after the linear ones β_ff of ½ B_f² and then β_fg of B_f B_g, g > f, for each f"
        found.append(Finding("quadratic", theirs, "the same, with the same halves", "same"))
    if flags["chemflag"]:
        theirs = "forces are the derivatives of the energies where coefficients of equal components are equal"
        ours = "forces always are; equal components are written with their mean coefficient, which changes no energy"
        found.append(Finding("elements apart", theirs, ours, "differs"))
    if flags["switchinnerflag"]:
        theirs = "sinner ± dinner: weights fall to zero towards the atom, means of the two elements"
        found.append(Finding("inner switching", theirs, "the same", "same"))
    return found


def _cutoffs(descriptor: Bispectrum | None) -> str:
    if descriptor is None:
        return "; the radii are in the .snapcoeff"
    radii = dict(zip(descriptor.species, descriptor.radelem or (RADIUS,) * len(descriptor.species), strict=True))
    pairs = combinations_with_replacement(descriptor.species, 2)
    return ": " + ", ".join(f"{a} {b} {descriptor.rcutfac * (radii[a] + radii[b]):.6g} Å" for a, b in pairs)


def _of_potential(potential: SNAP, descriptor: Bispectrum) -> list[Finding]:
    species = " ".join(descriptor.species)
    lone = potential.predict([Atoms(symbol) for symbol in descriptor.species]).energies
    energies = ", ".join(
        f"{symbol} {energy:.8g} eV" for symbol, energy in zip(descriptor.species, lone.round(12), strict=True)
    )
    found = [
        Finding("elements", f"types in the order {species}", f"species ({species}); LAMMPS' types from 1", "same"),
        Finding(
            "offsets",
            "the first coefficient of each element is a constant",
            f"the same, `coefficients_[:, 0]`; an isolated atom has {energies}",
            "same",
        ),
    ]
    if descriptor.chemflag:
        unequal = not np.allclose(equal_for_equal(descriptor, potential.coefficients_), potential.coefficients_)
        theirs = "coefficients of equal components are " + (
            "not equal: LAMMPS' forces are wrong" if unequal else "equal"
        )
        found.append(Finding("coefficients", theirs, "any are right", "differs" if unequal else "same"))
    if potential.repulsion is not None:
        zbl = potential.repulsion
        theirs = f"pair_style zbl {zbl.inner:g} {zbl.outer:g} overlaid; e²/4πε₀ is 14.399645 eV Å"
        found.append(Finding("repulsion", theirs, "the same, switching and constant too", "same"))
    theirs, ours = "not in the files", "none, as what they rest on is not known: `has_energy_std` is False"
    found.append(Finding("standard deviations", theirs, ours, "differs"))
    return found


# -- FitSNAP -----------------------------------------------------------------------------------------------------------


def of_fitsnap(path: Path) -> Explanation:
    """Of FitSNAP's input."""
    parser = ConfigParser(inline_comment_prefixes=("#",), allow_no_value=True, strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except ConfigError as error:
        raise ExchangeError(f"{path.name}: {error.message}") from error
    bispectrum = dict(parser["BISPECTRUM"])
    species = bispectrum.get("type", "").split()
    try:
        values = _values(bispectrum)
        descriptor = Bispectrum(tuple(species), **values)
    except ValueError as error:
        raise ExchangeError(f"{path.name}, [BISPECTRUM]: {error}") from error
    found = [Finding("descriptor", "[BISPECTRUM]", repr(descriptor), "same"), *_of_parameters(values, descriptor)]
    found += [*_offsets_of_fitsnap(parser, descriptor.bzeroflag), *_fit_of_fitsnap(parser), *_reference(parser), UNITS]
    return Explanation(str(path), tuple(found))


def _values(section: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, text in section.items():
        if name in ("rcutfac", "rfac0", "rmin0"):
            found[name] = float(text)
        elif name == "twojmax":
            momenta = {int(word) for word in text.split()}
            if len(momenta) != 1:
                raise ExchangeError(f"[BISPECTRUM]: expected one twojmax for all elements, got {text!r}")
            found[name] = momenta.pop()
        elif name in ("wj", "radelem", *LISTS):
            found[name] = tuple(float(word) for word in text.split())
        elif name in FLAGS:
            found[name] = text.strip().lower() in ("1", "true")
    for name in ("rcutfac", "twojmax"):
        if name not in found:
            raise ExchangeError(f"[BISPECTRUM]: expected `{name}`")
    return found


def _offsets_of_fitsnap(parser: ConfigParser, bzero: bool) -> list[Finding]:
    shifts = dict(parser["ESHIFT"]) if parser.has_section("ESHIFT") else {}
    listed = ", ".join(f"{symbol} {value} eV" for symbol, value in shifts.items()) or "none"
    constants = "no constants are fitted, as bzeroflag is 1" if bzero else "a constant of each element is fitted"
    ours = (
        "constants are always fitted, on offsets of their own by least squares; what is subtracted before counts there"
    )
    return [Finding("offsets", f"[ESHIFT] {listed}, subtracted from the references; {constants}", ours, "differs")]


def _fit_of_fitsnap(parser: ConfigParser) -> list[Finding]:
    solver = parser.get("SOLVER", "solver", fallback="SVD").split()[0]
    here = SOLVERS.get(solver.upper())
    ours = f"solver={here!r}" if here else f"one of {', '.join(map(repr, SOLVERS.values()))}"
    found = [Finding("solver", solver, ours, "same" if here == "least squares" else "differs")]
    if parser.has_section("GROUPS"):
        theirs = "eweight on energies per atom, fweight on forces, vweight on pressures in bar"
        ours = f"Weights(energy, force, stress): the first two the same, stress = vweight × {1 / units.bar:.10g}"
        found.append(Finding("weights", theirs, ours, "converted"))
        if parser.get("GROUPS", "smartweights", fallback="0").strip() in ("1", "True", "true"):
            theirs = "smartweights: divided by the size of each group"
            found.append(Finding("smart weights", theirs, "Weights are taken as they are", "differs"))
    return found


def _reference(parser: ConfigParser) -> Sequence[Finding]:
    if not parser.has_section("REFERENCE"):
        return []
    words = parser.get("REFERENCE", "pair_style", fallback="").split()
    if "zbl" in words:
        inner, outer = words[words.index("zbl") + 1 : words.index("zbl") + 3]
        ours = f"zbl_inner={float(inner)!r}, zbl_outer={float(outer)!r}: what is left is fitted"
        return [Finding("repulsion", " ".join(words), ours, "same")]
    known = not words or words[0] == "zero"
    ours = (
        "none" if known else "SNAP has a ZBL repulsion and no other reference; `Delta` learns on top of any calculator"
    )
    return [Finding("repulsion", " ".join(words) or "none", ours, "same" if known else "differs")]
