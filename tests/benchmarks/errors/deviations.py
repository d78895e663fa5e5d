"""Whether standard deviations tell the errors: ``deviations.py [--only silicon] [--models SNAP SVR]``.

For each potential of `cases.CASES` the miscalibration area of energies and forces as it is, without its factors where
it has some, and once scaled, each half of the test structures by the other; the rank correlation of deviations and
errors; the ratio of errors to deviations. Families without deviations are committees of eight; GAP is also scaled by
what is left out of fits to its training data. Markdown on the standard output.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from cases import CASES

from potscope.core import Dataset
from potscope.core.calibration import Recalibration, calibration, errors_and_stds, recalibrated
from potscope.core.compiled import set_num_threads
from potscope.core.models import GAP, Calibrated, Committee, Potential
from potscope.core.prediction import Prediction

HEAD = ("", "without factors", "area", "once scaled", "rank correlation", "error / deviation")


def candidates(name: str, model: Potential) -> dict[str, Potential]:
    """What is judged of a potential."""
    if not model.has_energy_std:
        return {f"8 of {name}": Committee(model)}
    return {name: model, f"{name}, `Calibrated`": Calibrated(model)} if isinstance(model, GAP) else {name: model}


def row(name: str, quantity: str, test: Dataset, found: Prediction, factors: Recalibration | None) -> str | None:
    """A line of the table; None where there is nothing to judge."""
    std = {"energy": found.energy_std, "force": found.force_std}[quantity]
    if std is None or not len(errors_and_stds(test, found, quantity)[0]):
        return None
    own, scaled = calibration(test, found, quantity), recalibrated(test, found, quantity)
    raw = float("nan")
    if factors is not None:
        without = Recalibration(1 / factors.energy, 1 / factors.force).apply(found)
        raw = calibration(test, without, quantity).miscalibration_area
    once = float("nan") if scaled is None else scaled.miscalibration_area
    numbers = (raw, own.miscalibration_area, once, own.spearman, own.z_rms)
    return f"| {name}, {quantity} | " + " | ".join("" if np.isnan(x) else f"{x:.2f}" for x in numbers) + " |"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=CASES, nargs="+", default=["silicon", "silicon-carbide"], help="sets of data")
    parser.add_argument("--models", nargs="+", help="names of models")
    parser.add_argument("--reference", type=Path, default=Path(), help="folder with mlearn, fitsnap_ta and qm7 in it")
    arguments = parser.parse_args()
    set_num_threads(1)
    for case in arguments.only:
        train, test = CASES[case].data(arguments.reference)
        print(f"\n## {CASES[case].title}\n\n| {' | '.join(HEAD)} |\n|{' --- |' * len(HEAD)}", flush=True)
        for name, model in CASES[case].models.items():
            if arguments.models is not None and name not in arguments.models:
                continue
            for label, candidate in candidates(name, model).items():
                fitted = candidate.fit(train)
                found = fitted.predict(test, atom_std=fitted.has_atom_std)
                factors = getattr(fitted, "recalibration_", None)
                lines = [row(label, quantity, test, found, factors) for quantity in ("energy", "force")]
                print("\n".join(line for line in lines if line is not None), flush=True)


if __name__ == "__main__":
    main()
