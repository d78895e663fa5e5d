"""More ethanol, PBE/def2-SVP, PySCF: configurations from other trajectories than those of the set `ethanol`.

Run ``OMP_NUM_THREADS=1 python generate.py``; stop it at any time, and run it again to go on. ``--collect`` only
gathers what is there into ``ethanol-second.xyz.gz``; ``--check`` computes the displaced copies that ``check.py`` needs.
Needs the extra ``data`` of the project: PySCF and tblite.
"""

from __future__ import annotations

from pathlib import Path

from potscope.sample_data.ethanol_dynamics import Trajectory, command

DATA = Path(__file__).resolve().parent / "ethanol-second.xyz.gz"
TRAJECTORIES = (
    Trajectory("second-300K", 300, 167, stream=3),
    Trajectory("second-500K", 500, 167, stream=4),
    Trajectory("second-1000K", 1000, 166, stream=5),
)
CHECKED = ("second-300K-001", "second-500K-050", "second-1000K-100")  # compared with finite differences


if __name__ == "__main__":
    command(__doc__, TRAJECTORIES, DATA, CHECKED)
