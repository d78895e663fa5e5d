"""Comparisons in files: JSON with every number, and with what makes the numbers again."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from potscope.core.calibration import Calibration
from potscope.core.comparison import Comparison, Row, compare
from potscope.core.dataset import Dataset
from potscope.core.learning_curves import LearningCurve
from potscope.core.progress import Progress, silent
from potscope.core.recipes import NoRecipe, groups_of, model_of
from potscope.core.refitting import Model
from potscope.core.writing import write_whole

FORMAT = "potscope comparison"
VERSION = 1


class ComparisonFileError(ValueError):
    """A file is no comparison, or a damaged one, or of another version than this one reads."""


def save(comparison: Comparison, path: str | Path) -> Path:
    """Write a comparison; the file is complete or absent."""
    target = Path(path)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "made_with": dict(comparison.made_with),
        "settings": dict(comparison.settings),
        "train": dict(comparison.train),
        "test": dict(comparison.test),
        "rows": [_plain(asdict(row)) for row in comparison.rows],
    }
    write_whole(target, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())
    return target


def load(path: str | Path) -> Comparison:
    """Read a comparison.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ComparisonFileError
        If it is not such a file, is damaged, or of another version.
    """
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"`path`: there is no file {source}")
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ComparisonFileError(f"{source} is not a {FORMAT}, or damaged: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ComparisonFileError(f"{source} is not a {FORMAT}")
    if content.get("version") != VERSION:
        raise ComparisonFileError(
            f"{source} has format version {content.get('version')!r}; this potscope reads version {VERSION}"
        )
    try:
        rows = tuple(_row(row) for row in content["rows"])
        return Comparison(rows, content["train"], content["test"], content["settings"], content["made_with"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ComparisonFileError(f"{source} is damaged or incomplete: {error!r}") from error


def rerun(
    comparison: Comparison | str | Path,
    data: Dataset,
    models: Mapping[str, Model] | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Make a comparison again: the same models, hyperparameters and seeds on the same structures.

    The errors are the same wherever fits are repeatable; times are not.

    Parameters
    ----------
    comparison
        One that was made or read, or its file.
    data
        A data set that has the structures, those to train on and those to test on, in any order and among others. They
        are found by their fingerprints; the groups are those of `data`.
    models
        Models that the file could not tell how to make, such as those of one's own, by name. They take precedence.
    progress
        Called with the fraction done; it may raise `Cancelled`.

    Raises
    ------
    ValueError
        If `data` lacks a structure, or nothing tells how to make one of the models.
    """
    known = comparison if isinstance(comparison, Comparison) else load(comparison)
    by_fingerprint: defaultdict[str, list[int]] = defaultdict(list)
    for s in reversed(range(len(data))):
        by_fingerprint[data[s].fingerprint].append(s)
    train, test = (_found(part, data, by_fingerprint, name) for name, part in zip(PARTS, _parts(known), strict=True))
    made, groups = {}, {}
    for row in known.rows:
        made[row.model], groups[row.model] = _made(row, models or {})
    settings = known.settings
    return compare(
        made,
        train,
        test,
        groups=groups,
        sizes=settings["sizes"],
        repeats=settings["repeats"],
        seed=settings["seed"],
        probe=settings["probe"],
        as_they_are=settings.get("as_they_are", ()),  # older files have none
        progress=progress,
    )


PARTS = ("train", "test")


def _parts(comparison: Comparison) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return comparison.train, comparison.test


def _found(wanted: Mapping[str, Any], data: Dataset, by_fingerprint: Mapping[str, list[int]], name: str) -> Dataset:
    """The structures in their order; of equal ones, each is taken once as far as there are enough."""
    used: defaultdict[str, int] = defaultdict(int)
    indices = []
    for place, fingerprint in enumerate(wanted["structures"]):
        same = by_fingerprint.get(fingerprint, [])
        if not same:
            raise ValueError(
                f"`data`: expected structure {place} of the {name} set {wanted['name']!r}, which is not in it"
            )
        indices.append(same[-1 - used[fingerprint] % len(same)])
        used[fingerprint] += 1
    return data[indices]


def _made(row: Row, models: Mapping[str, Model]) -> tuple[Model, dict[str, Any]]:
    try:
        model = models[row.model] if row.model in models else model_of(row.recipe)
    except NoRecipe as error:
        raise ValueError(f"`models`: expected a model {row.model!r}, as {error}") from error
    return model, groups_of(row.recipe)


def _row(plain: Mapping[str, Any]) -> Row:
    plain = {"recalibrations": {}, **plain}  # older files have none
    values = {one.name: plain[one.name] for one in fields(Row)}
    for name in ("errors", "vector_errors"):
        values[name] = _numbers(plain[name])
    for name in ("group_errors", "element_errors"):
        values[name] = {own: _numbers(errors) for own, errors in plain[name].items()}
    for name in ("fit_seconds", "step_microseconds"):
        values[name] = float(plain[name])
    for name in ("calibrations", "recalibrations"):
        values[name] = {quantity: _calibration(own) for quantity, own in plain[name].items()}
    curve = plain["learning_curve"]
    values["learning_curve"] = None if curve is None else _curve(curve)
    return Row(**values)


def _calibration(plain: Mapping[str, Any]) -> Calibration:
    as_they_are = ("quantity", "unit", "count", "unknown")
    values: dict[str, Any] = {}
    for one in fields(Calibration):
        value = plain[one.name]
        number = np.array(value, dtype=float) if isinstance(value, list) else value
        values[one.name] = number if one.name in as_they_are or isinstance(value, list) else float(value)
    return Calibration(**values)


def _curve(plain: Mapping[str, Any]) -> LearningCurve:
    errors = {measure: np.array(values, dtype=float) for measure, values in plain["errors"].items()}
    sizes = np.array(plain["sizes"], dtype=np.int64)
    return LearningCurve(sizes, errors, np.array(plain["fit_seconds"], dtype=float), int(plain["seed"]))


def _numbers(plain: Mapping[str, Any]) -> dict[str, float]:
    return {name: value if isinstance(value, int) else float(value) for name, value in plain.items()}


def _plain(value: Any) -> Any:
    """Arrays as lists; NaN and infinities, which JSON does not have, as words that ``float`` reads."""
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value
