"""Ethanol, PBE/def2-SVP, PySCF: configurations from GFN2-xTB dynamics.

Run ``OMP_NUM_THREADS=1 python generate.py``; stop it at any time, and run it again to go on. ``--collect`` only
gathers what is there into ``ethanol.xyz.gz``; ``--check`` computes the displaced copies that ``check.py`` needs.
Needs the extra ``data`` of the project: PySCF and tblite.
"""

from __future__ import annotations

from pathlib import Path

from potscope.sample_data.ethanol_dynamics import Trajectory, command

DATA = Path(__file__).resolve().parent / "ethanol.xyz.gz"
TRAJECTORIES = (
    Trajectory("300K", 300, 166, stream=0),
    Trajectory("500K", 500, 167, stream=1),
    Trajectory("1000K", 1000, 167, stream=2),
)
CHECKED = ("300K-001", "500K-050", "1000K-100")  # compared with finite differences


if __name__ == "__main__":
    command(__doc__, TRAJECTORIES, DATA, CHECKED)
