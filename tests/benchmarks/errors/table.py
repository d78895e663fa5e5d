"""Errors of the families on the same data, in one table each: ``table.py [--only silicon] [--models GAP SNAP]``.

Markdown on the standard output. With ``--reference FOLDER`` also the data that are not part of the project. With
``--save FOLDER`` a file of each set of data, which `potscope.core.comparison_files.rerun` makes again, written after
every model; what such a file already has of the same model on the same structures is not fitted again. `closing.py`
makes the summary of these files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cases import CASES, Case

from potscope.core.comparison import Comparison, Row, compare
from potscope.core.compiled import set_num_threads
from potscope.core.dataset import Dataset
from potscope.core.recipes import recipe_of


def compared(case: Case, folder: Path, chosen: list[str] | None, file: Path | None) -> Comparison | None:
    """The comparison of one set of data, of all models or some; None where none of them is for these data."""
    train, test = case.data(folder)
    groups = case.groups(folder)
    known = earlier(file, train, test)
    wanted = [name for name in case.models if chosen is None or name in chosen]
    for name in wanted:
        own = groups.get(name, {})
        if known is not None and any(is_of(row, name, recipe_of(case.models[name], own)) for row in known.rows):
            continue
        sys.stderr.write(f"{case.title}: {name}\n")
        found = compare({name: case.models[name]}, train, test, groups={name: own})
        known = found if known is None else with_row(known, found.rows[0])
        if file is not None:
            known.save(file)
    return replace(known, rows=tuple(known[name] for name in wanted)) if known is not None and wanted else None


def earlier(file: Path | None, train: Dataset, test: Dataset) -> Comparison | None:
    """What was saved of the same structures."""
    if file is None or not file.exists():
        return None
    known = Comparison.load(file)
    same = known.train["fingerprint"] == train.fingerprint and known.test["fingerprint"] == test.fingerprint
    return known if same else None


def is_of(row: Row, name: str, recipe: Mapping[str, Any]) -> bool:
    """Whether this is what was found of a model with these settings."""
    return row.model == name and row.recipe == recipe and not row.error


def with_row(known: Comparison, row: Row) -> Comparison:
    """With this row in place of what there was of the same model."""
    return replace(known, rows=(*(one for one in known.rows if one.model != row.model), row))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=CASES, nargs="+", help="sets of data")
    parser.add_argument("--models", nargs="+", help="names of models")
    parser.add_argument("--reference", type=Path, help="folder with mlearn, fitsnap_ta and qm7 in it")
    parser.add_argument("--save", type=Path, help="folder for the comparisons as JSON")
    arguments = parser.parse_args()
    set_num_threads(1)
    if arguments.save is not None:
        arguments.save.mkdir(parents=True, exist_ok=True)
    for name in arguments.only or CASES:
        case = CASES[name]
        if case.needs_reference and arguments.reference is None:
            continue
        file = None if arguments.save is None else arguments.save / f"{name}.json"
        found = compared(case, arguments.reference or Path(), arguments.models, file)
        if found is None:
            continue
        sizes = f"{len(found.train['structures'])} and {len(found.test['structures'])} structures"
        print(f"\n## {case.title}: {sizes}\n\n{found.markdown(case.columns)}", flush=True)


if __name__ == "__main__":
    main()
