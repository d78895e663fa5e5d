"""Physical checks of the families in one table: ``report.py [--models GAP SNAP] [--only silicon] [--save FOLDER]``.

Every family is fitted to the bundled silicon, 90 % of each group, and looked at by `potscope.core.physics.report`
beside first principles; and to the bundled methane, whose degenerate pairs it is asked to tell apart though it has seen
none of them. Markdown on the standard output. With ``--save FOLDER`` what was fitted and found is kept there, and taken
from there the next time.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from families import of_methane, of_silicon

from potscope import sample_data
from potscope.core.compiled import set_num_threads
from potscope.core.dataset import Dataset
from potscope.core.models import Potential, load
from potscope.core.physics import EquationOfState, Report, report, side_by_side, surfaces_of
from potscope.core.physics.common import members

SLABS = {"(100)": "slab-000", "(111)": "slab-001", "(110)": "slab-002"}
Check = Callable[[str, Potential], Report]


def silicon() -> tuple[Dataset, dict[str, Any]]:
    """What to learn from, and the references of the checks."""
    data, scans = sample_data.load("silicon"), sample_data.load("dimers-and-scans")
    diamond = members(scans, "eos diamond")
    lowest = EquationOfState.through("diamond", diamond.structures, diamond.energies)
    computed = json.loads((Path(__file__).parent / "silicon_dft.json").read_text())
    references = {
        "reference": scans,
        "slabs": surfaces_of(data, SLABS, lowest.energy),
        "elastic": computed["elastic constants, GPa"],
        "frequencies": computed["phonons, THz"],
    }
    return data.split(test=0.1, by="group", seed=0)[0], references


def methane() -> tuple[Dataset, dict[str, Any]]:
    """What lies between and around the pairs, to learn from, and the pairs."""
    data = sample_data.load("degenerate-methane")
    around = [s for s, group in enumerate(data.groups) if group in ("path", "around-first", "around-second")]
    checks = ("size", "smoothness", "cutoff", "degenerate structures")
    return data[around], {"degenerate": data, "molecule": data.structures[around[0]], "checks": checks}


def looked_at(
    name: str, potential: Potential, train: Dataset, references: Mapping[str, Any], kept: Path | None
) -> Report:
    """The report of one potential; fitted or read."""
    words = name.replace(",", "").replace(" ", "-")
    fitted, found = (None, None) if kept is None else (kept / f"{words}.potscope", kept / f"{words}.json")
    if found is not None and found.exists():
        return Report.from_json(found.read_text())
    sys.stderr.write(f"{name}\n")
    potential = load(fitted) if fitted is not None and fitted.exists() else potential.fit(train)
    result = report(potential, **references, title=name)
    if kept is not None and fitted is not None and found is not None:
        kept.mkdir(parents=True, exist_ok=True)
        potential.save(fitted)
        found.write_text(result.json())
    return result


CASES = {"silicon": (silicon, of_silicon), "methane": (methane, of_methane)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=CASES, nargs="+", help="which tables")
    parser.add_argument("--models", nargs="+", help="names of families")
    parser.add_argument("--save", type=Path, help="folder for what is fitted and found")
    arguments = parser.parse_args()
    set_num_threads(1)
    for case in arguments.only or CASES:
        data, families = CASES[case]
        train, references = data()
        kept = None if arguments.save is None else arguments.save / case
        models = {name: model for name, model in families().items() if name in (arguments.models or families())}
        reports = [looked_at(name, model, train, references, kept) for name, model in models.items()]
        if reports:
            print(f"\n## {case}\n\n{side_by_side(reports)}", flush=True)


if __name__ == "__main__":
    main()
