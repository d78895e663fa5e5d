"""Potentials in files: numbers and words in a zip, and no code.

A ``.potscope`` file holds ``model.json`` (format and version, class, hyperparameters, descriptor, the settings of
groups that the fit was given, the SHA-256 of the arrays, and notes of who wrote it) and ``arrays.npz``. Nothing in it
is ever executed: arrays are read without pickle, classes come from the registries by name.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from potscope.core._types import Array
from potscope.core.models.base import Potential
from potscope.core.writing import write_whole

FORMAT = "potscope potential"
VERSION = 1


class PotentialFileError(ValueError):
    """A file is no potential, or a damaged one, or a newer one than this version reads."""


def save(potential: Potential, path: str | Path, notes: Mapping[str, Any] | None = None) -> Path:
    """Write a fitted potential; the file is complete or absent, and equal potentials make equal files.

    Parameters
    ----------
    potential
        A fitted one.
    path
        Where it goes.
    notes
        Plain values for JSON that `notes_of` gives back, such as what the potential was trained on.
    """
    target = Path(path)
    words, arrays = described(potential)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    packed = buffer.getvalue()
    header = {
        "format": FORMAT,
        "version": VERSION,
        "arrays_sha256": hashlib.sha256(packed).hexdigest(),
        **words,
        **({"notes": dict(notes)} if notes else {}),
    }
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("model.json", json.dumps(header, indent=1).encode()), ("arrays.npz", packed)):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    write_whole(target, whole.getvalue())
    return target


def load(path: str | Path) -> Potential:
    """Read a potential written by ``save``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    PotentialFileError
        If it is not such a file, is damaged, or was written by a newer version.
    """
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"`path`: there is no file {source}")
    header, packed = _unpack(source)
    _check_class(header, source)
    if hashlib.sha256(packed).hexdigest() != header.get("arrays_sha256"):
        raise PotentialFileError(f"{source} is damaged: its arrays are not those that were written")
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
            arrays: dict[str, Array] = {name: archive[name] for name in archive.files}
        return restored(header, arrays)
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise PotentialFileError(f"{source} is damaged or incomplete: {error}") from error


def notes_of(path: str | Path) -> dict[str, Any]:
    """What was noted in a file of a potential; empty where nothing was. Raises what `load` does."""
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"`path`: there is no file {source}")
    notes = _unpack(source)[0].get("notes", {})
    if not isinstance(notes, dict):
        raise PotentialFileError(f"{source} is damaged or incomplete: its notes are no mapping")
    return notes


def described(potential: Potential) -> tuple[dict[str, Any], dict[str, Array]]:
    """A fitted potential in plain values for JSON, the name of its class among them, and in arrays."""
    plain, arrays = potential.state()
    groups = {group: asdict(settings) for group, settings in potential.groups_.items()}
    return {"class": type(potential).__name__, "groups": groups, **plain}, arrays


def restored(plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> Potential:
    """The potential that `described` was given."""
    potential = _kinds()[plain["class"]].from_state(plain, arrays)
    potential.groups_ = _groups_of(potential, plain.get("groups", {}))  # older files have none
    return potential


def _groups_of(potential: Potential, stored: dict[str, dict[str, Any]]) -> dict[str, Any]:
    settings = potential.group_settings
    if stored and settings is None:
        raise ValueError(f"a {type(potential).__name__} has no settings of groups")
    return {group: settings(**values) for group, values in stored.items() if settings is not None}


def _unpack(source: Path) -> tuple[dict[str, Any], bytes]:
    foreign = f"{source} is not a potscope potential"
    try:
        with zipfile.ZipFile(source) as archive:
            header = json.loads(archive.read("model.json"))
            packed = archive.read("arrays.npz")
    except KeyError as error:
        raise PotentialFileError(f"{foreign}: {error.args[0]}") from error
    except zipfile.BadZipFile as error:
        damaged = source.read_bytes()[:2] == b"PK"
        raise PotentialFileError(f"{source} is damaged: {error}" if damaged else f"{foreign}: {error}") from error
    except (json.JSONDecodeError, UnicodeDecodeError, zlib.error, EOFError) as error:
        raise PotentialFileError(f"{source} is damaged: {error}") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise PotentialFileError(f"{foreign}: model.json does not say so")
    return header, packed


def _kinds() -> dict[str, type[Potential]]:
    from potscope.core.models import COMPOSED, REGISTRY

    return {**REGISTRY, **COMPOSED}


def _check_class(header: dict[str, Any], source: Path) -> None:
    version = header.get("version")
    if version != VERSION:
        raise PotentialFileError(f"{source} has format version {version!r}; this potscope reads version {VERSION}")
    if str(header.get("class")) not in _kinds():
        raise PotentialFileError(f"{source} holds a {header.get('class')!r}; known are {', '.join(_kinds())}")
