"""potscope beside its peers, one thread each, in one run: ``python tests/benchmarks/run.py --peers PYTHON``.

PYTHON is the interpreter of an environment with dscribe, featomic and quippy-ase; nothing of it is needed by the
project. A GAP is fitted by both codes to the bundled silicon with the same descriptor, sparse points and noise.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ase.io

import potscope.sample_data
from potscope.core import metrics
from potscope.core.compiled import set_num_threads
from potscope.core.dataset import Dataset
from potscope.core.descriptors import SOAP
from potscope.core.models import GAP

HERE = Path(__file__).resolve().parent
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
N_SPARSE, ZETA, ENERGY_SIGMA, FORCE_SIGMA, VIRIAL_SIGMA, DELTA = 500, 4, 0.002, 0.05, 0.05, 3.0


def timed(python: str, script: str, *arguments: str) -> dict[str, object]:
    """The report of a worker, or what went wrong."""
    done = subprocess.run(
        [python, str(HERE / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **ONE_THREAD},
    )
    if done.returncode:
        raise RuntimeError(f"{script} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def fit_ours(train: Dataset, folder: Path) -> tuple[GAP, float]:
    """Fit here, on one thread as far as the kernels go."""
    set_num_threads(1)
    gap = GAP(
        SOAP(species=["Si"]),
        n_sparse=N_SPARSE,
        zeta=ZETA,
        delta=DELTA,
        energy_sigma=ENERGY_SIGMA,
        force_sigma=FORCE_SIGMA,
        virial_sigma=VIRIAL_SIGMA,
    )
    started = time.perf_counter()
    gap.fit(train)
    seconds = time.perf_counter() - started
    gap.save(folder / "ours.potscope")
    return gap, seconds


def fit_theirs(train: Dataset, folder: Path, gap_fit: Path) -> float:
    """Run gap_fit on the same data."""
    structures = train.to_structures()
    for atoms, energy, stress in zip(structures, train.energies, train.stresses, strict=True):
        atoms.info["REF_energy"] = float(energy)
        atoms.info["REF_virial"] = -atoms.get_volume() * stress[[0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(3, 3)
        del atoms.info["REF_stress"]
    ase.io.write(folder / "train.xyz", structures, format="extxyz")
    offset = float((train.energies / train.n_atoms).mean())
    command = [
        str(gap_fit),
        f"at_file={folder / 'train.xyz'}",
        "gap={soap cutoff=5.0 cutoff_transition_width=1.0 n_max=8 l_max=6 atom_sigma=0.5 "
        f"zeta={ZETA} delta={DELTA} n_sparse={N_SPARSE} covariance_type=dot_product sparse_method=cur_points}}",
        f"default_sigma={{{ENERGY_SIGMA} {FORCE_SIGMA} {VIRIAL_SIGMA} 0.0}}",
        "energy_parameter_name=REF_energy",
        "force_parameter_name=REF_forces",
        "virial_parameter_name=REF_virial",
        f"e0={{Si:{offset}}}",
        f"gp_file={folder / 'theirs.xml'}",
        "do_copy_at_file=F",
        "sparse_separate_file=T",
    ]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **ONE_THREAD})
    return time.perf_counter() - started


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", required=True, help="Python of an environment with the peers")
    parser.add_argument("--no-gap", action="store_true", help="descriptors alone")
    arguments = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, one thread each")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours, theirs = [], []
        if not arguments.no_gap:
            train, test = potscope.sample_data.load("silicon").split(test=0.1, by="group", seed=0)
            gap, seconds = fit_ours(train, folder)
            errors = metrics.summary(test, gap.predict(test))
            peer_seconds = fit_theirs(train, folder, Path(arguments.peers).with_name("gap_fit"))
            print(f"fit of {len(train)} structures: potscope {seconds:.1f} s, gap_fit {peer_seconds:.1f} s")
            print(f"potscope's test errors: {errors['energy_mae']:.5f} eV/atom, {errors['force_mae']:.4f} eV/Å")
            ours, theirs = [str(folder / "ours.potscope")], [str(folder / "theirs.xml")]
        reports = [timed(sys.executable, "with_potscope.py", *ours)]
        reports += [timed(arguments.peers, f"with_{peer}.py") for peer in ("dscribe", "featomic")]
        if theirs:
            reports.append(timed(arguments.peers, "with_quippy.py", *theirs))
    table(reports)


def table(reports: list[dict[str, object]]) -> None:
    """Microseconds an atom, and how many times potscope's they are."""
    own = reports[0]["times"]
    for report in reports:
        print(f"\n{report['version']}")
        for what, microseconds in report["times"].items():
            ratio = f"{microseconds / own[what]:8.1f} ×" if what in own else ""
            print(f"  {what:34s} {microseconds:9.1f} µs an atom {ratio}")


if __name__ == "__main__":
    main()
