"""Potentials in other codes' files: written for them, and read from them."""

from __future__ import annotations

from potscope.core.exchange.conventions import explain
from potscope.core.exchange.findings import Explanation, Finding
from potscope.core.exchange.lammps_callback import attach_to_lammps
from potscope.core.exchange.lammps_snap import SnapFiles, read_lammps_snap, write_lammps_snap
from potscope.core.exchange.lines import ExchangeError
from potscope.core.exchange.mliap import MliapFiles, MliapModel, write_mliap
from potscope.core.exchange.n2p2 import read_n2p2, write_n2p2
from potscope.core.exchange.quip_gap import read_quip_gap, write_quip_gap

__all__ = [
    "ExchangeError",
    "Explanation",
    "Finding",
    "MliapFiles",
    "MliapModel",
    "SnapFiles",
    "attach_to_lammps",
    "explain",
    "read_lammps_snap",
    "read_n2p2",
    "read_quip_gap",
    "write_lammps_snap",
    "write_mliap",
    "write_n2p2",
    "write_quip_gap",
]
