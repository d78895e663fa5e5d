"""The views: each shows one side of a `Session` and holds nothing else."""

from __future__ import annotations

from potscope.explorer.views.compare import CompareView
from potscope.explorer.views.data import DataView
from potscope.explorer.views.dynamics import DynamicsView
from potscope.explorer.views.explain import ExplainView
from potscope.explorer.views.fit import FitView
from potscope.explorer.views.groups import GroupsView
from potscope.explorer.views.header import HeaderView
from potscope.explorer.views.inspector import InspectorView
from potscope.explorer.views.jobs import JobProgress, ProblemView
from potscope.explorer.views.map import MapView
from potscope.explorer.views.parity import ParityView
from potscope.explorer.views.potential import PotentialView
from potscope.explorer.views.table import TableView

VIEWS = (
    CompareView,
    DataView,
    DynamicsView,
    ExplainView,
    FitView,
    GroupsView,
    HeaderView,
    InspectorView,
    MapView,
    ParityView,
    PotentialView,
    ProblemView,
    TableView,
)

__all__ = [
    "VIEWS",
    "CompareView",
    "DataView",
    "DynamicsView",
    "ExplainView",
    "FitView",
    "GroupsView",
    "HeaderView",
    "InspectorView",
    "JobProgress",
    "MapView",
    "ParityView",
    "PotentialView",
    "ProblemView",
    "TableView",
]
