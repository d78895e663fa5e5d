"""All physical checks that apply to a potential, one after the other, in one table."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from potscope.core.dataset import Dataset
from potscope.core.local_updates import Source
from potscope.core.physics.applicability import Meaningless
from potscope.core.physics.common import calculator_of
from potscope.core.physics.plan import CHECKS, Plan, of_elements, species_of
from potscope.core.progress import Progress, part, silent
from potscope.core.validation import check_choice

FAILURES = (ValueError, TypeError, KeyError, IndexError, ArithmeticError, RuntimeError)
"""What a check may raise: these, and what they are the bases of, such as ASE's errors of calculators."""


@dataclass(frozen=True)
class Row:
    """A line of a report.

    Attributes
    ----------
    check
        Which of `CHECKS`.
    quantity, value, unit, reference
        As of `Quantity`; a check that failed has an empty quantity and NaN.
    error
        Why it failed; empty where it did not.
    meaningless
        Why it has no meaning for this potential; empty where it has. Then too the quantity is empty.
    """

    check: str
    quantity: str
    value: float
    unit: str = ""
    reference: float | None = None
    error: str = ""
    meaningless: str = ""


@dataclass(frozen=True)
class Report:
    """What the checks found; ``str`` is a Markdown table.

    Attributes
    ----------
    title
        Of what.
    rows
        In the order of the checks.
    """

    title: str
    rows: tuple[Row, ...]

    def __str__(self) -> str:
        lines = [
            f"### {self.title}",
            "",
            "| check | quantity | found | reference | unit |",
            "| --- | --- | ---: | ---: | --- |",
        ]
        before = ""
        for row in self.rows:
            check = row.check if row.check != before else ""
            before = row.check
            if row.error or row.meaningless:
                lines.append(f"| {check} | {said(row)} | | | |")
                continue
            reference = "" if row.reference is None else number(row.reference)
            lines.append(f"| {check} | {row.quantity} | {number(row.value)} | {reference} | {row.unit} |")
        return "\n".join(lines)

    def json(self) -> str:
        """The same as text that `from_json` reads; what is no number is null."""
        rows = [{name: None if value != value else value for name, value in vars(row).items()} for row in self.rows]
        return json.dumps({"title": self.title, "rows": rows}, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """The report that `json` came from.

        Raises
        ------
        ValueError
            If it is not of a report.
        """
        content = json.loads(text)
        try:
            rows = [
                Row(**{**row, "value": float("nan") if row["value"] is None else row["value"]})
                for row in content["rows"]
            ]
            return cls(content["title"], tuple(rows))
        except (KeyError, TypeError) as error:
            raise ValueError(f"`text`: expected the JSON of a report, but {error}") from error


def said(row: Row) -> str:
    """Why a row has no number, fit for a cell of a table."""
    words = f"failed: {row.error}" if row.error else f"no meaning here: {row.meaningless}"
    return words.replace("|", "¦").replace("\n", " ")


def number(value: float) -> str:
    """Four digits; a dash for what is no number."""
    if np.isnan(value):
        return "–"
    return f"{value:.2e}" if value and not 1e-3 <= abs(value) < 1e5 else f"{value:.4g}"


def report(
    source: Source,
    *,
    crystal: Atoms | None = None,
    molecule: Atoms | None = None,
    reference: Dataset | None = None,
    degenerate: Dataset | None = None,
    slabs: Mapping[str, tuple[Atoms, float | None]] | None = None,
    elastic: Mapping[str, float] | None = None,
    frequencies: Mapping[str, ArrayLike] | None = None,
    species: Collection[str] | None = None,
    cutoff: float | None = None,
    checks: Collection[str] = CHECKS,
    title: str = "Physical checks",
    progress: Progress = silent,
) -> Report:
    """Run all checks that apply to the elements.

    Parameters
    ----------
    source
        A fitted potential, or an ASE calculator.
    crystal
        A crystal with its cubic axes along x, y, z, for elastic constants and all that follows; by default the lowest
        phase of the reference, or for one element with a cubic crystal that of `ase.build.bulk`, or none.
    molecule
        What moves and is scanned where there is no crystal; by default the first of a torsion of the reference.
    reference
        Structures with energies. Groups that begin with ``dimer``, with ``eos``, with ``vacancy`` and with ``torsion``
        are used as those of the bundled set ``dimers-and-scans`` are; those of other elements are left out.
    degenerate
        Pairs that are alike to descriptors, as of the bundled set ``degenerate-methane``.
    slabs
        Structures of surfaces cut of the crystal, and their energies as they should be, J/m², by name, as
        `surfaces_of` finds them in a data set; by default the three surfaces of lowest index, if its cell has right
        angles.
    elastic
        Elastic constants of the crystal as they should be, as `elastic_constants` takes them; the bulk modulus is known
        from the reference.
    frequencies
        Of the crystal as they should be, as `phonons` takes them.
    species
        Elements; by default those of the potential.
    cutoff
        Å, where neighbours are crossed; by default that of the potential or of its descriptor, if it has one.
    checks
        Which.
    title
        Of the report.
    progress
        Called often; it may raise `Cancelled`.

    Returns
    -------
    Report
        A check that fails is a row with its error, one that has no meaning for the potential a row with the reason.
        One that nothing was given for is left out.

    Raises
    ------
    ValueError
        If a check is unknown, or a calculator was given without its `species`.
    """
    for check in checks:
        check_choice("checks", check, CHECKS)
    calculator_of(source)
    known = species_of(source) if species is None else tuple(species)
    own = None if reference is None else of_elements(reference, known)
    everything = Plan(source, known, own, crystal, molecule, degenerate, slabs or {}, elastic, frequencies, cutoff)
    plan = [(check, work) for check, work in everything if check in checks]
    rows: list[Row] = []
    for k, (check, work) in enumerate(plan):
        here = part(progress, k / len(plan), (k + 1) / len(plan))
        here(0.0, check)
        try:
            found = work(here)
        except Meaningless as reason:
            rows.append(Row(check, "", float("nan"), meaningless=str(reason)))
        except FAILURES as error:
            rows.append(Row(check, "", float("nan"), error=f"{type(error).__name__}: {error}"))
        else:
            rows += [Row(check, q.name, q.value, q.unit, q.reference) for q in found.quantities()]
    progress(1.0, "checked")
    return Report(title, tuple(rows))
