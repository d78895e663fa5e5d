"""What an input of n2p2 or RuNNer means here."""

from __future__ import annotations

from pathlib import Path

from ase import units

from potscope.core.exchange.findings import Explanation, Finding
from potscope.core.exchange.lines import ExchangeError, Line, lines_of
from potscope.core.exchange.n2p2 import ACTIVATIONS, ENERGIES, REFUSED, SCALING, n2p2_order
from potscope.core.symmetry_function_files import LENGTHS
from potscope.core.symmetry_function_files import read as read_functions
from potscope.core.validation import check_choice

FORMULAE = {
    (): "G as it is",
    ("scale_symmetry_functions",): "S₋ + (S₊ − S₋)(G − min)/(max − min)",
    ("center_symmetry_functions",): "G − mean",
    ("scale_symmetry_functions", "center_symmetry_functions"): "S₋ + (S₊ − S₋)(G − mean)/(max − min)",
    ("scale_symmetry_functions_sigma",): "S₋ + (S₊ − S₋)(G − mean)/sigma",
}


def of_input(path: Path, unit: str) -> Explanation:
    """Of an ``input.nn``."""
    check_choice("unit", unit, ENERGIES)
    found: dict[str, list[Line]] = {}
    for line in lines_of(path):
        found.setdefault(line.words[0], []).append(line)
    findings = [*_of_functions(path, unit), *_of_scaling(found), *_of_networks(found), *_of_energies(found, unit)]
    for name, what in REFUSED.items():
        if name in found:
            findings.append(Finding(name, what, "nothing of the kind; it is refused", "differs"))
    return Explanation(str(path), tuple(findings))


def _of_functions(path: Path, unit: str) -> list[Finding]:
    try:
        file = read_functions(path, unit)
    except ValueError as error:
        raise ExchangeError(f"{path.name}: {error}") from error
    length = LENGTHS[unit]
    cutoffs = sorted({own.cutoff for own in file.functions})
    etas = sorted({own.eta for own in file.functions if own.kind != 3})
    order = n2p2_order(file.functions, file.species)
    name, inner = file.cutoff_function, file.inner_fraction
    shape = "the same"
    if name == "tanh3 unnormalised":
        shape = "the same; not 1 but 0.442 at the atom, as it is not divided by tanh³ 1"
    return [
        Finding(
            "cutoff",
            f"{_listed([cutoff / length for cutoff in cutoffs])} {unit}",
            f"{_listed(cutoffs)} Å",
            "same" if unit == "Å" else "converted",
        ),
        Finding("cutoff function", f"{name}, one up to {inner:g} of the cutoff" if inner else name, shape, "same"),
        Finding(
            "eta",
            f"{_listed([eta * length**2 for eta in etas])} per square of {unit}",
            f"{_listed(etas)} 1/Å²; exp(−η r²), not exp(−r²/2σ²)",
            "same" if unit == "Å" else "converted",
        ),
        Finding(
            "angular functions",
            "2^(1−ζ), each pair of neighbours once; type 3 has r_jk, type 9 has not",
            "the same: G4 and G5",
            "same",
        ),
        Finding(
            "order",
            "by the central element, type, cutoff, η, Rs, ζ, λ and neighbours, whatever the lines are; elements by "
            "their atomic numbers",
            "the lines are in that order" if order == sorted(order) else "taken from the lines to that order",
            "same" if order == sorted(order) else "converted",
        ),
    ]


def _of_scaling(found: dict[str, list[Line]]) -> list[Finding]:
    chosen = tuple(name for name in SCALING if name in found)
    ends = [found[name][-1].words[-1] if name in found else usual for name, usual in _ENDS]
    if chosen not in FORMULAE:
        chosen = chosen[:2]
    theirs = FORMULAE[chosen] + (f" with S from {ends[0]} to {ends[1]}" if "S₋" in FORMULAE[chosen] else "")
    findings = [Finding("scaling", theirs, "(G − shift) factor: `scaling_`", "converted")]
    if len(chosen) == 2 and (float(ends[0]), float(ends[1])) != (0.0, 1.0):
        theirs = (
            "RuNNer does not look at scale_min_short and scale_max_short where functions are centred too; n2p2 does"
        )
        findings.append(Finding("centred and scaled", theirs, "as n2p2", "differs"))
    return findings


_ENDS = (("scale_min_short", "0.0"), ("scale_max_short", "1.0"))


def _of_networks(found: dict[str, list[Line]]) -> list[Finding]:
    nodes = " ".join(found["global_nodes_short"][-1].words[1:]) if "global_nodes_short" in found else "not given"
    letters = found["global_activation_short"][-1].words[1:] if "global_activation_short" in found else []
    named = ", ".join(f"{letter} {ACTIVATIONS.get(letter, 'unknown here')}" for letter in letters) or "not given"
    known = all(letter in ACTIVATIONS for letter in letters)
    theirs = "weights of a layer by the node before, then the node; the biases after them"
    findings = [
        Finding(
            "standard deviations",
            "of committees alone: folders nnp-data-1 and so on",
            "of committees alone; the folder of them all is read as one `NeuralNetwork`",
            "same",
        ),
        Finding("hidden nodes", nodes, "`hidden`, the same for all elements", "same"),
        Finding("activation", named, "the same" if known else "not known", "same" if known else "differs"),
        Finding("weights", theirs, "the same: `weights_hk`, `bias_k`", "same"),
    ]
    if "normalize_nodes" in found:
        theirs = "what a node takes is divided by the number of nodes before"
        findings.append(Finding("normalize_nodes", theirs, "put into the weights", "converted"))
    return findings


def _of_energies(found: dict[str, list[Line]], unit: str) -> list[Finding]:
    energy = "Hartree" if unit == "Bohr" else "eV"
    offsets = ", ".join(" ".join(line.words[1:3]) for line in found.get("atom_energy", []))
    findings = [
        Finding(
            "units",
            f"none of its own; those of input.data, taken as {energy} and {energy}/{unit}",
            f"eV, eV/Å: × {ENERGIES[unit]:.10g} and × {ENERGIES[unit] / LENGTHS[unit]:.10g}",
            "same" if unit == "Å" else "converted",
        ),
        Finding(
            "offsets",
            f"atom_energy {offsets} ({energy}), added to the outputs" if offsets else "none: the networks have it all",
            "`offsets_`, eV",
            "converted" if offsets and unit == "Bohr" else "same",
        ),
        Finding(
            "stress",
            "none in the files; LAMMPS' pair_style hdnnp gives a pressure in bar, positive under compression",
            f"eV/Å³, positive under tension: minus the pressure; 1 eV/Å³ is {1 / units.bar:.10g} bar",
            "converted",
        ),
    ]
    if unit == "Bohr":
        findings.append(
            Finding(
                "factors of LAMMPS",
                "pair_style hdnnp converts by the cflength and cfenergy that it is given; in LAMMPS' example these are "
                "1.8897261328 and 0.0367493254",
                f"{1 / units.Bohr:.10g} and {1 / units.Hartree:.10g}; with those of the example energies are larger by "
                f"{1 / (units.Hartree * 0.0367493254) - 1:.1e} of themselves, offsets among them",
                "differs",
            )
        )
    if "conv_energy" in found or "mean_energy" in found:
        theirs = "energies are (E/atoms − mean_energy) conv_energy while it learns; lengths × conv_length"
        findings.append(Finding("normalisation", theirs, "undone in the last layer and in `offsets_`", "converted"))
    return findings


def _listed(values: list[float]) -> str:
    shown = [f"{value:.6g}" for value in values]
    return ", ".join(shown) if len(shown) < 5 else f"{shown[0]} to {shown[-1]} ({len(shown)} values)"
