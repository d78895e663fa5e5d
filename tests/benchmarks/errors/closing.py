"""The tables that sum up what `table.py` has saved: ``closing.py FOLDER [--published | --families | --temperatures]``.

Markdown on the standard output: the potentials beside what is published for the same data; all families on all sets of
data with their times; errors of ethanol at each temperature. Without a choice all three.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ase import units

from potscope.core.comparison import Comparison, Row

Comparisons = dict[str, Comparison]
KCAL = 1e3 * units.kcal / units.mol  # meV

FAMILIES = {
    "composition": "composition",
    "Morse pairs": "Morse pairs",
    "SNAP": "SNAP",
    "SNAP, quadratic": "SNAP, quadratic",
    "GAP": "GAP",
    "GAP with pairs": "GAP with pairs",
    "neural network": "neural networks, committee of 4",
    "kernel ridge": "kernel ridge",
    "SVR": "SVR",
}
SETS = {
    "silicon": "silicon",
    "silicon-carbide": "silicon carbide",
    "copper-emt": "copper and gold (EMT)",
    "ethanol": "ethanol, 450 / 50",
    "molecules": "molecules",
    "mlearn-si": "mlearn Si",
    "mlearn-mo": "mlearn Mo",
}


def per_atom(row: Row) -> tuple[float, float]:
    """Mean absolute errors, meV/atom and meV/Å."""
    return 1e3 * row.errors["energy_mae"], 1e3 * row.errors["force_mae"]


def total(row: Row) -> tuple[float, float]:
    """The same of total energies, meV and meV/Å."""
    return 1e3 * row.errors["total_energy_mae"], 1e3 * row.errors["force_mae"]


def in_kcal(row: Row) -> tuple[float, float]:
    """The same in kcal/mol, without forces."""
    return 1e3 * row.errors["total_energy_mae"] / KCAL, float("nan")


@dataclass(frozen=True)
class Published:
    """A potential that is to be no worse than one of the literature.

    Attributes
    ----------
    data, model
        The case and its model.
    what, unit
        For people.
    errors
        Energy and force of a row, in the unit.
    asked
        The same, as published; none where nothing is.
    """

    data: str
    model: str
    what: str
    unit: str
    errors: Callable[[Row], tuple[float, float]]
    asked: tuple[float, ...] = ()


SOLID, MOLECULE = "meV/atom and meV/Å", "meV and meV/Å"
PUBLISHED = (
    Published("mlearn-si", "GAP with pairs", "mlearn Si, GAP", SOLID, per_atom, (2.91, 70)),
    Published("mlearn-mo", "GAP with pairs", "mlearn Mo, GAP", SOLID, per_atom, (2.24, 90)),
    Published("mlearn-si", "SNAP", "mlearn Si, SNAP", SOLID, per_atom, (6.44, 133)),
    Published("mlearn-mo", "SNAP", "mlearn Mo, SNAP", SOLID, per_atom, (5.48, 207)),
    Published("mlearn-si", "SNAP, quadratic", "mlearn Si, quadratic SNAP", SOLID, per_atom, (3.81, 116)),
    Published("mlearn-mo", "SNAP, quadratic", "mlearn Mo, quadratic SNAP", SOLID, per_atom, (2.77, 184)),
    Published("mlearn-si", "neural network", "mlearn Si, networks", SOLID, per_atom, (5.63,)),
    Published("mlearn-mo", "neural network", "mlearn Mo, networks", SOLID, per_atom, (3.65,)),
    Published("tantalum", "SNAP", "tantalum, FitSNAP's SNAP", SOLID, per_atom, (112.79, 75.76)),
    Published("qm7", "eigenspectrum, Gaussian", "QM7, kernel ridge, eigenspectrum", "kcal/mol", in_kcal, (10.1,)),
    Published("qm7", "sorted, Laplacian", "QM7, kernel ridge, sorted", "kcal/mol", in_kcal, (3.4,)),
    Published("silicon", "GAP with pairs", "silicon, GAP", SOLID, per_atom),
    Published("silicon-carbide", "GAP with pairs", "silicon carbide, GAP", SOLID, per_atom),
    Published("ethanol-950", "GAP with pairs", "ethanol 950 / 50, GAP", MOLECULE, total, (3.5, 18.1)),
)


def shown(value: float) -> str:
    """Three digits, without an exponent."""
    if value != value:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def joined(values: Sequence[float]) -> str:
    """What is known of some numbers."""
    return " / ".join(shown(value) for value in values if value == value) or "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def row_of(found: Comparisons, data: str, model: str) -> Row | None:
    """The row of a model, where it was fitted."""
    rows = found[data].rows if data in found else ()
    return next((row for row in rows if row.model == model and not row.error), None)


def published(found: Comparisons) -> str:
    """The potentials beside the literature."""
    rows = []
    for one in PUBLISHED:
        row = row_of(found, one.data, one.model)
        if row is not None:
            costs = (shown(row.fit_seconds), shown(row.step_microseconds))
            rows.append((one.what, joined(one.errors(row)), joined(one.asked), one.unit, *costs))
    return table(("", "reached", "published", "", "fit, s", "step, µs/atom"), rows)


def families(found: Comparisons, cell: Callable[[Row], str]) -> str:
    """All families on all data, a cell each."""
    sets = [data for data in SETS if data in found]
    rows = []
    for model, title in FAMILIES.items():
        own = [row_of(found, data, model) for data in sets]
        rows.append((title, *("" if row is None else cell(row) for row in own)))
    return table(("", *(SETS[data] for data in sets)), rows)


def error_cell(row: Row) -> str:
    """Energy in meV/atom and force in meV/Å."""
    return joined(per_atom(row))


def cost_cell(row: Row) -> str:
    """Processor seconds of the fit, microseconds an atom and step, parameters."""
    return f"{shown(row.fit_seconds)} / {shown(row.step_microseconds)} / {row.n_parameters:,}"


def temperatures(found: Comparisons, data: str = "ethanol-950") -> str:
    """Errors of each family at each temperature, of one molecule: total energy in meV and force in meV/Å."""
    lines = []
    groups: list[str] = []
    for model, title in FAMILIES.items():
        row = row_of(found, data, model)
        if row is not None:
            groups = sorted(row.group_errors, key=lambda group: int(group.split()[0]))
            n_atoms = row.errors["total_energy_mae"] / row.errors["energy_mae"]
            own = [row.group_errors[group] for group in groups]
            cells = [joined((1e3 * n_atoms * errors["energy_mae"], 1e3 * errors["force_mae"])) for errors in own]
            lines.append((title, joined(total(row)), *cells))
    return table(("", "all", *groups), lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for name in ("published", "families", "temperatures"):
        parser.add_argument(f"--{name}", action="store_true")
    arguments = parser.parse_args()
    found = {file.stem: Comparison.load(file) for file in sorted(arguments.folder.glob("*.json"))}
    every = not (arguments.published or arguments.families or arguments.temperatures)
    if arguments.published or every:
        print(f"Beside what is published, mean absolute errors\n\n{published(found)}\n")
    if arguments.families or every:
        print(f"Energy, meV/atom / force, meV/Å\n\n{families(found, error_cell)}\n")
        print(f"Fit, s / step, µs an atom / parameters\n\n{families(found, cost_cell)}\n")
    if "ethanol-950" in found and (arguments.temperatures or every):
        print(f"Ethanol, total energy, meV / force, meV/Å\n\n{temperatures(found)}")


if __name__ == "__main__":
    main()
