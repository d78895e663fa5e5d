"""The views: each shows one side of a `Session` and holds nothing else."""

from __future__ import annotations

from .data import DataView
from .dynamics import DynamicsView
from .fit import FitView
from .header import HeaderView
from .inspector import InspectorView
from .jobs import JobProgress, ProblemView
from .map import MapView
from .parity import ParityView
from .table import TableView

VIEWS = (DataView, DynamicsView, FitView, HeaderView, InspectorView, MapView, ParityView, ProblemView, TableView)

__all__ = [*(view.__name__ for view in VIEWS), "JobProgress", "VIEWS"]
