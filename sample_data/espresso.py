"""Energies, forces and stresses with Quantum ESPRESSO's ``pw.x``, for the generators of reference data."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import ase.io
import numpy as np
import numpy.typing as npt
from ase import Atoms
from ase.io.espresso import write_espresso_in

from potscope.sample_data.generation import ReferenceFailed

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
PSEUDOPOTENTIALS = Path("/usr/share/espresso/pseudo")


@dataclass(frozen=True)
class Settings:
    """What a calculation is done with.

    Attributes
    ----------
    pseudopotentials
        Element to file name in `PSEUDOPOTENTIALS`.
    ecutwfc, ecutrho
        Cutoffs of wave functions and of the density, Ry.
    k_spacing
        Between points along a reciprocal vector (2π included), 1/Å, about.
    mixing_beta
        Share of the new density in the next.
    """

    pseudopotentials: dict[str, str]
    ecutwfc: float
    ecutrho: float
    k_spacing: float
    mixing_beta: float = 0.7

    @property
    def method(self) -> str:
        """What frames say of how they were computed."""
        cutoff = f"{self.ecutwfc:g}" + ("" if self.ecutrho == 4 * self.ecutwfc else f"/{self.ecutrho:g}")
        return f"Quantum ESPRESSO 6.7, PBE, {', '.join(self.pseudopotentials.values())}, {cutoff} Ry, CC0"

    def k_grid(self, atoms: Atoms) -> tuple[int, int, int]:
        """Points along each reciprocal vector, about `k_spacing` apart."""
        lengths = 2 * np.pi * np.linalg.norm(atoms.cell.reciprocal(), axis=1)
        n1, n2, n3 = np.maximum(1, np.ceil(lengths / self.k_spacing - 0.35)).astype(int)
        return int(n1), int(n2), int(n3)

    def namelists(self, calculation: str) -> dict[str, dict[str, object]]:
        """Input of ``pw.x`` but for the structure and the k-points."""
        mixing = {} if self.mixing_beta == 0.7 else {"mixing_beta": self.mixing_beta}
        return {
            "control": {
                "calculation": calculation,
                "tprnfor": True,
                "tstress": True,
                "pseudo_dir": str(PSEUDOPOTENTIALS),
                "outdir": ".",
                "disk_io": "nowf",
            },
            "system": {
                "ecutwfc": self.ecutwfc,
                "ecutrho": self.ecutrho,
                "occupations": "smearing",
                "smearing": "gaussian",
                "degauss": 0.005,
            },
            "electrons": {"conv_thr": 1e-9, "electron_maxstep": 200, **mixing},
        }


SILICON = Settings(
    pseudopotentials={"Si": "Si.pbe-rrkj.UPF"},
    ecutwfc=24.0,
    ecutrho=96.0,
    k_spacing=0.2894,  # 4 × 4 × 4 for the cubic cell
)
SILICON_CARBIDE = Settings(
    pseudopotentials={"Si": "Si.pbe-nl-rrkjus_psl.1.0.0.UPF", "C": "C.pbe-rrkjus.UPF"},
    ecutwfc=35.0,
    ecutrho=280.0,
    k_spacing=0.5,  # 3 × 3 × 3 for the cubic cell, 5 × 5 × 5 for the primitive one
)


def compute(atoms: Atoms, scratch: Path, settings: Settings, calculation: str = "scf") -> Atoms:
    """Energy (the free energy, to which forces and stress belong), forces and stress of one configuration.

    Parameters
    ----------
    atoms
        Its k-points are those of ``info["k_grid"]`` ("4 4 4") where that is given, for a series of volumes on one
        grid; else they follow from the cell. With ``info["k_supercell"]`` (nine integers) the grid is that of a
        supercell: the same points, as seen from this cell, so that energies of both compare without error.
    scratch
        Folder to work in.
    settings
        Pseudopotentials, cutoffs, k-points.
    calculation
        "scf", or "relax" for the positions that ``pw.x`` relaxes to.

    Raises
    ------
    ReferenceFailed
        If ``pw.x`` fails or does not converge.
    """
    given = atoms.info.get("k_grid")
    n1, n2, n3 = map(int, given.split()) if given else settings.k_grid(atoms)
    grid = (n1, n2, n3)
    _write_input(atoms, scratch / "pw.in", settings, grid, calculation)
    _run(scratch)
    output = cast(Atoms, ase.io.read(scratch / "pw.out", format="espresso-out"))
    result: Atoms = atoms.copy()
    if calculation == "relax":
        result.positions = output.positions
    result.info["REF_energy"] = float(output.get_potential_energy(force_consistent=True))
    result.info["REF_stress"] = output.get_stress(voigt=True)
    result.info["k_grid"] = " ".join(map(str, grid))
    if result.info.pop("k_supercell", None) is not None:
        result.info["k_grid"] += " of a supercell"
    result.arrays["REF_forces"] = output.get_forces()
    return result


def folded(grid: tuple[int, int, int], supercell: IntArray) -> tuple[Array, IntArray]:
    r"""The shifted grid of a supercell, as points of the cell that it is made of.

    With the rows of :math:`S` the vectors of the supercell in those of the cell, a point of the supercell's grid is
    :math:`\det S` points :math:`S^{-1}(\mathbf{q} + \mathbf{g})` of the cell, with all :math:`\mathbf{g}` that
    differ by more than a reciprocal vector of the cell. Of :math:`\pm\mathbf{k}` one is kept, for both.

    Parameters
    ----------
    grid
        Points along each reciprocal vector of the supercell.
    supercell
        :math:`S`, shape (3, 3).

    Returns
    -------
    Points, in reciprocal vectors of the cell, shape (points, 3), and how many each stands for, shape (points,).
    """
    inverse = np.linalg.inv(supercell)
    axes = [(2 * np.arange(n) + 1) / (2 * n) if n > 1 else np.zeros(1) for n in grid]
    steps = np.arange(round(abs(np.linalg.det(supercell))))
    q_kc = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    g_kc = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    k_kc = (q_kc[:, None] + g_kc[None]).reshape(-1, 3) @ inverse.T
    k_kc = np.unique(np.round(k_kc % 1, 9) % 1, axis=0)
    opposite = np.round(-k_kc % 1, 9) % 1
    key, key_opposite = ([tuple(row) for row in points] for points in (k_kc, opposite))
    kept = [k for k in range(len(k_kc)) if key[k] <= key_opposite[k]]
    return k_kc[kept], np.array([1 if key[k] == key_opposite[k] else 2 for k in kept])


def cpu_minutes(scratch: Path) -> float:
    """What all runs of ``pw.x`` under a folder took, as they say themselves; those that failed say nothing."""
    total = 0.0
    for output in scratch.glob("*/pw.out"):
        found = re.search(r"PWSCF +: +(?:(\d+)h)? *(?:(\d+)m)? *(?:([\d.]+)s)? CPU", output.read_text())
        if found:
            hours, minutes, seconds = (float(part or 0) for part in found.groups())
            total += 60 * hours + minutes + seconds / 60
    return total


def _write_input(atoms: Atoms, path: Path, settings: Settings, grid: tuple[int, int, int], calculation: str) -> None:
    supercell = atoms.info.get("k_supercell")
    one = grid == (1, 1, 1) or supercell is not None
    points = {"kpts": None} if one else {"kpts": grid, "koffset": tuple(int(n > 1) for n in grid)}
    with path.open("w") as file:
        write_espresso_in(file, atoms, settings.namelists(calculation), settings.pseudopotentials, **points)
    if supercell is not None:
        k_kc, weights = folded(grid, np.array(supercell).reshape(3, 3))
        rows = [f"{k1:.9f} {k2:.9f} {k3:.9f} {w}" for (k1, k2, k3), w in zip(k_kc, weights, strict=True)]
        listed = "\n".join(["K_POINTS crystal", str(len(rows)), *rows])
        path.write_text(path.read_text().replace("K_POINTS gamma", listed))


def _run(scratch: Path) -> None:
    with (scratch / "pw.out").open("w") as file:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(["pw.x", "-in", "pw.in"], cwd=scratch, stdout=file, env=environment, check=False)
    said = (scratch / "pw.out").read_text()
    if "convergence NOT achieved" in said:
        raise ReferenceFailed("pw.x: the density did not converge")
    if done.returncode != 0 or "JOB DONE." not in said:
        reason = re.search(r"Error in routine.*\n.*", said)
        raise ReferenceFailed(f"pw.x: {' '.join(reason[0].split()) if reason else f'exit code {done.returncode}'}")
