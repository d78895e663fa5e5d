"""Errors of the families on the same data, in one table each: ``table.py [--only silicon] [--models GAP SNAP]``.

Markdown on the standard output. With ``--reference FOLDER`` also the data that are not part of the project; with
``--save FOLDER`` a file of each comparison, which `potscope.core.comparison_files.rerun` makes again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cases import CASES, Case

from potscope.core.comparison import Comparison, compare
from potscope.core.compiled import set_num_threads


def compared(case: Case, folder: Path, chosen: list[str] | None) -> Comparison:
    """The comparison of one set of data, of all models or some."""
    train, test = case.data(folder)
    models = {name: model for name, model in case.models.items() if chosen is None or name in chosen}
    groups = {name: own for name, own in case.groups(folder).items() if name in models}
    said = ""

    def progress(fraction: float, message: str) -> None:
        nonlocal said
        model = message.split(":")[0]
        if model != said:
            sys.stderr.write(f"{fraction:4.0%} {model}\n")
            said = model

    return compare(models, train, test, groups=groups, progress=progress)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=CASES, nargs="+", help="sets of data")
    parser.add_argument("--models", nargs="+", help="names of models")
    parser.add_argument("--reference", type=Path, help="folder with mlearn, fitsnap_ta and qm7 in it")
    parser.add_argument("--save", type=Path, help="folder for the comparisons as JSON")
    arguments = parser.parse_args()
    set_num_threads(1)
    for name in arguments.only or CASES:
        case = CASES[name]
        if case.needs_reference and arguments.reference is None:
            continue
        found = compared(case, arguments.reference or Path(), arguments.models)
        if not found.rows:
            continue
        sizes = f"{len(found.train['structures'])} and {len(found.test['structures'])} structures"
        print(f"\n## {case.title}: {sizes}\n\n{found.markdown(case.columns)}", flush=True)
        if arguments.save is not None:
            found.save(arguments.save / f"{name}.json")


if __name__ == "__main__":
    main()
