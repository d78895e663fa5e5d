"""Potentials in other codes' files: written for them, and read from them."""

from __future__ import annotations

from potscope.core.exchange.lammps_snap import SnapFiles, read_lammps_snap, write_lammps_snap
from potscope.core.exchange.lines import ExchangeError

__all__ = ["ExchangeError", "SnapFiles", "read_lammps_snap", "write_lammps_snap"]
