"""Physical checks of potentials: what dynamics and crystals ask of them, beside errors on a test set.

Each is a function of a fitted potential, or of any ASE calculator, that returns numbers in a frozen dataclass;
`report` runs all that apply, and
`side_by_side` puts the reports of several potentials into one table.
"""

from __future__ import annotations

from potscope.core.physics.applicability import Meaningless
from potscope.core.physics.common import Found, Quantity, Unrelaxed
from potscope.core.physics.curves import DegeneratePairs, DimerCurve, Scan, degenerate_pairs, dimer_curve, scan
from potscope.core.physics.defects import (
    SurfaceEnergy,
    VacancyFormation,
    cut,
    surface_energy,
    surfaces_of,
    vacancy_formation,
    vacancy_of,
)
from potscope.core.physics.elasticity import ElasticConstants, elastic_constants
from potscope.core.physics.equation_of_state import EquationOfState, Phases, at_volumes, equation_of_state, phases
from potscope.core.physics.plan import CHECKS
from potscope.core.physics.report import Report, Row, report
from potscope.core.physics.sizes import SizeConsistency, size_consistency
from potscope.core.physics.smoothness import CutoffJump, Smoothness, cutoff_jump, smoothness
from potscope.core.physics.tables import side_by_side
from potscope.core.physics.vibrations import EnergyConservation, Phonons, energy_conservation, phonons

__all__ = [
    "CHECKS",
    "CutoffJump",
    "DegeneratePairs",
    "DimerCurve",
    "ElasticConstants",
    "EnergyConservation",
    "EquationOfState",
    "Found",
    "Meaningless",
    "Phases",
    "Phonons",
    "Quantity",
    "Report",
    "Row",
    "Scan",
    "SizeConsistency",
    "Smoothness",
    "SurfaceEnergy",
    "Unrelaxed",
    "VacancyFormation",
    "at_volumes",
    "cut",
    "cutoff_jump",
    "degenerate_pairs",
    "dimer_curve",
    "elastic_constants",
    "energy_conservation",
    "equation_of_state",
    "phases",
    "phonons",
    "report",
    "scan",
    "side_by_side",
    "size_consistency",
    "smoothness",
    "surface_energy",
    "surfaces_of",
    "vacancy_formation",
    "vacancy_of",
]
