"""The times of gap_fit, and of quippy with the potential it makes: ``quippy.py FOLDER``."""

from __future__ import annotations

import resource
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import ase.io
from cases import CUTOFF, DELTA, ENERGY_SIGMA, FORCE_SIGMA, L_MAX, N_MAX, N_SPARSE, SIGMA, SIZES, VIRIAL_SIGMA, ZETA
from quippy.potential import Potential
from timing import microseconds_an_atom, rattled_silicon, report

folder = Path(sys.argv[1])
train = ase.io.read(folder / "train.xyz", ":")
offset = sum(atoms.info["REF_energy"] / len(atoms) for atoms in train) / len(train)
command = [
    str(Path(sys.executable).with_name("gap_fit")),
    f"at_file={folder / 'train.xyz'}",
    f"gap={{soap cutoff={CUTOFF} cutoff_transition_width=1.0 n_max={N_MAX} l_max={L_MAX} atom_sigma={SIGMA} "
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
subprocess.run(command, check=True, capture_output=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)  # of the one process so far
seconds = used.ru_utime + used.ru_stime
n_atoms = sum(len(atoms) for atoms in train)
times = {f"GAP fit with {N_SPARSE} sparse points, {len(train)} structures": seconds / n_atoms * 1e6}
potential = Potential(param_filename=str(folder / "theirs.xml"))
for size in SIZES:
    atoms = rattled_silicon(size)

    def step(atoms=atoms) -> None:
        atoms.positions += 1e-6
        potential.calculate(atoms, ["energy", "forces"])

    times[f"GAP energy and forces, {size}"] = microseconds_an_atom(step, size)
report(f"quippy {version('quippy-ase')}", times)
