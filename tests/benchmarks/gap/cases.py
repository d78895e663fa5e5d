"""What the workers of this folder share: settings of the potential. Needs NumPy and ASE alone, as peers have them.

Where ``POTSCOPE_REFERENCE`` is set, the data are mlearn's silicon there, 214 structures with forces, and l_max is 8.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

# the workers are called as the packages they measure, which must not be looked for among them
HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(folder for folder in sys.path if Path(folder).resolve() != HERE)]

REFERENCE = os.environ.get("POTSCOPE_REFERENCE")
CUTOFF, N_MAX, L_MAX, SIGMA = 5.0, 8, 8 if REFERENCE else 6, 0.5
N_SPARSE, ZETA, ENERGY_SIGMA, FORCE_SIGMA, VIRIAL_SIGMA, DELTA = 500, 4, 0.002, 0.05, 0.05, 3.0
SIZES = (64, 512)
