"""Public reference data from the web, kept on disk, every file checked against its hash."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pooch
import requests

from potscope.core.dataset import Dataset
from potscope.core.progress import Progress, silent
from potscope.core.progress import part as part_of
from potscope.core.validation import check_choice
from potscope.sample_data.public_sets import PUBLIC_SETS, PublicFile, PublicSet

FOLDER_VARIABLE = "POTSCOPE_DATA"
CHUNK = 64 * 1024
"""Bytes between two calls of the progress callback."""
PATIENCE = 30
"""Seconds without an answer after which a server is given up."""


def fetchable() -> tuple[PublicSet, ...]:
    """The public sets that `fetch` knows, by name."""
    return tuple(PUBLIC_SETS[name] for name in sorted(PUBLIC_SETS))


def fetch(name: str, part: str | None = None, progress: Progress = silent) -> Dataset:
    """Read a public set, downloading it where it is not on disk yet.

    Files are kept in the folder that the environment variable ``POTSCOPE_DATA`` names, by default where the operating
    system keeps what programs can download again. What was assumed, the licence and whether a file could be verified is
    in the dataset's `notes`.

    Parameters
    ----------
    name
        ``"rmd17"``, ``"md17"``, ``"mlearn"`` or ``"qm7"``; `fetchable` describes them.
    part
        The molecule of ``"rmd17"`` and ``"md17"`` (by default ``"ethanol"``), the element of ``"mlearn"`` (by default
        ``"Si"``; ``"Si training"`` and ``"Si test"`` are its halves, which ids tell apart too).
    progress
        Called with the fraction done; it may raise `potscope.core.progress.Cancelled`.

    Raises
    ------
    ValueError
        If there is no such set or part, or a file is not the one that is meant. Nothing of it is kept.
    ConnectionError
        If a file is not on disk and can't be downloaded. The message says where to put it by hand.

    Examples
    --------
    >>> from potscope import sample_data
    >>> ethanol = sample_data.fetch("rmd17", "ethanol")[::100]  # doctest: +SKIP
    """
    wanted = PUBLIC_SETS[check_choice("name", name, sorted(PUBLIC_SETS))]
    chosen = next(iter(wanted.parts)) if part is None else check_choice("part", part, wanted.parts)
    files = wanted.parts[chosen]
    stored = [
        _stored(wanted, file, part_of(progress, index / len(files), (index + 1) / len(files)))
        for index, file in enumerate(files)
    ]
    dataset = Dataset.read(*[one.path for one in stored])
    licence = f"{name}: licence {wanted.licence}; cite {wanted.citation}"
    notes = (licence, *wanted.advice, *[one.note for one in stored if one.note], *dataset.notes)
    return replace(dataset, name=name if len(wanted.parts) == 1 else f"{name} {chosen}", notes=notes)


def folder() -> Path:
    """Where downloaded files are kept."""
    return Path(os.environ.get(FOLDER_VARIABLE) or pooch.os_cache("potscope"))


@dataclass(frozen=True)
class _Stored:
    path: Path
    note: str = ""


def _stored(wanted: PublicSet, file: PublicFile, progress: Progress) -> _Stored:
    """The file on disk, downloaded if need be, with what is to be said of its hash."""
    path = folder() / wanted.name / file.name
    record = path.with_name(f"{path.name}.sha256")
    recorded = record.read_text(encoding="utf-8").split()[0] if record.is_file() else None
    _download(wanted, file, path, file.known_hash or (recorded and f"sha256:{recorded}"), progress)
    if file.known_hash is not None:
        return _Stored(path)
    if recorded is None:
        recorded = pooch.file_hash(str(path))
        record.write_text(f"{recorded}  {path.name}\n", encoding="utf-8")
    return _Stored(
        path,
        f"{file.name}: no hash of it is published, so the first download was trusted; it is checked against SHA-256 "
        f"{recorded[:12]}… from then on",
    )


def _download(wanted: PublicSet, file: PublicFile, path: Path, known_hash: str | None, progress: Progress) -> None:
    downloader = pooch.HTTPDownloader(progressbar=_Bar(progress, file.name), chunk_size=CHUNK, timeout=PATIENCE)
    try:
        with _quiet(pooch.get_logger()):
            pooch.retrieve(file.url, known_hash, fname=path.name, path=path.parent, downloader=downloader)
    except requests.RequestException as error:
        raise ConnectionError(
            f"{wanted.name}: {file.name} could not be downloaded from {file.url} ({type(error).__name__}: "
            f"{str(error)[:200]}). Without internet, put the file at {path}, or have {FOLDER_VARIABLE} name a folder "
            f"with {wanted.name}/{file.name} in it"
        ) from error
    except ValueError as error:
        raise ValueError(
            f"{wanted.name}: {file.url} is not the {file.name} that is meant, and was not kept: {error}"
        ) from error


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Without pooch's advice on hashes, which is for those who write programs with it."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


class _Bar:
    """What pooch takes for a progress bar."""

    total = 0

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._name = name
        self._done = 0

    def update(self, n_bytes: int) -> None:
        self._done += n_bytes
        fraction = min(self._done / self.total, 1.0) if self.total else 0.0
        self._progress(fraction, f"downloading {self._name}")

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        self._progress(1.0, f"downloaded {self._name}")
