"""ASE's databases, and whatever else `ase.io` reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import ase.db
import ase.io
from ase import Atoms

from potscope.core.formats.base import Format


def _read_database(path: Path) -> Iterator[Atoms]:
    with ase.db.connect(path, serial=True, use_lock_file=False) as database:
        for row in database.select():
            atoms = row.toatoms()
            atoms.info = {**row.data, **row.key_value_pairs}
            yield atoms


def _read_other(path: Path) -> Iterator[Atoms]:
    yield from ase.io.iread(path, index=":")


DATABASE = Format("ASE database", _read_database, suffixes=(".db", ".json"))
OTHER = Format("a format of ASE", _read_other, beginning=b"")
