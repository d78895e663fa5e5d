"""Several models on the same data: errors, cost, size, calibration, with the settings that made each number."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from ase import Atoms
from threadpoolctl import threadpool_limits

from potscope.core import metrics
from potscope.core.calibration import Calibration, calibration, errors_and_stds, recalibrated
from potscope.core.compiled import get_num_threads
from potscope.core.dataset import Dataset
from potscope.core.learning_curves import MEASURES, LearningCurve, learning_curve
from potscope.core.models.base import Potential
from potscope.core.prediction import Prediction
from potscope.core.progress import Cancelled, Progress, part, silent
from potscope.core.recipes import recipe_of
from potscope.core.refitting import Model, predicted, refitted
from potscope.core.validation import check_choice, check_integer

PACKAGES = ("potscope", "numpy", "scipy", "scikit-learn", "numba", "ase", "vesin")
COSTS = ("step_microseconds", "fit_seconds", "n_parameters")
ERRORS = (*MEASURES, "force_magnitude_mae", "force_vector_relative", "force_angle_mean", "force_angle_weighted")
FEWEST_STEPS, STEP_SECONDS = 3, 0.3
HEADINGS = {
    "model": "model",
    "family": "family",
    "energy_mae": "energy MAE, meV/atom",
    "energy_rmse": "energy RMSE, meV/atom",
    "total_energy_mae": "total energy MAE, meV",
    "total_energy_rmse": "total energy RMSE, meV",
    "force_mae": "force MAE, meV/Å",
    "force_rmse": "force RMSE, meV/Å",
    "stress_mae": "stress MAE, meV/Å³",
    "fit_seconds": "fit, s",
    "step_microseconds": "step, µs/atom",
    "n_parameters": "parameters",
    "energy_miscalibration_area": "miscalibration",
    "energy_recalibrated_area": "miscalibration, recalibrated",
    "force_miscalibration_area": "miscalibration of forces",
    "force_recalibrated_area": "the same, recalibrated",
    "energy_spearman": "rank correlation",
    "energy_z_rms": "error over deviation",
    "error": "failed with",
}
THOUSANDTHS = ("mae", "rmse")
SHOWN = (
    "model",
    "energy_mae",
    "energy_rmse",
    "force_mae",
    "force_rmse",
    "stress_mae",
    "fit_seconds",
    "step_microseconds",
    "n_parameters",
    "energy_miscalibration_area",
    "energy_recalibrated_area",
    "error",
)


@dataclass(frozen=True, eq=False)
class Row:
    """What was found of one model.

    Attributes
    ----------
    model
        Its name in the comparison.
    family
        Name of its class.
    recipe
        Its hyperparameters, its descriptors' and the settings of groups, as `potscope.core.recipes` writes them.
    errors
        `metrics.summary` and `metrics.total_energies` of the test structures.
    group_errors, element_errors
        The same for each group and each element of the test structures.
    vector_errors
        `metrics.force_vectors` of the test structures.
    fit_seconds
        Processor time of the fit, of all threads together; NaN where there was none.
    step_microseconds
        Processor time an atom of an energy with forces, of the structure that the comparison names: the fastest of
        some, after one that is not counted.
    n_parameters
        Numbers that the fit determined; None of a model that does not say.
    calibrations
        Of energies and forces on the test structures, where the model has standard deviations.
    recalibrations
        The same once standard deviations are scaled, each half of the test structures by the other; see `recalibrated`.
    learning_curve
        Where it was asked for.
    error
        Type and message of what the model failed with; then nothing else is known. Empty where all went well.
    """

    model: str
    family: str
    recipe: Mapping[str, Any]
    errors: Mapping[str, float] = field(default_factory=dict)
    group_errors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    element_errors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    vector_errors: Mapping[str, float] = field(default_factory=dict)
    fit_seconds: float = float("nan")
    step_microseconds: float = float("nan")
    n_parameters: int | None = None
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    recalibrations: Mapping[str, Calibration] = field(default_factory=dict)
    learning_curve: LearningCurve | None = None
    error: str = ""

    def flat(self) -> dict[str, float | str]:
        """A row of a table: names, errors, cost and calibration as single numbers, NaN where unknown."""
        found: dict[str, float | str] = {"model": self.model, "family": self.family}
        found |= self.errors
        found |= {f"force_{name}": value for name, value in self.vector_errors.items() if "count" not in name}
        found |= {"fit_seconds": self.fit_seconds, "step_microseconds": self.step_microseconds}
        found["n_parameters"] = float("nan") if self.n_parameters is None else self.n_parameters
        for quantity, own in self.calibrations.items():
            found |= {f"{quantity}_{name}": value for name, value in own.measures().items() if name != "count"}
        for quantity, own in self.recalibrations.items():
            found[f"{quantity}_recalibrated_area"] = own.miscalibration_area
        return found | {"error": self.error}


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Models on the same data, a row each; see `compare`.

    Attributes
    ----------
    rows
        In the order of the models.
    train, test
        What was learnt from and tested on: ``name``, ``fingerprint`` of the whole, and those of the ``structures``.
    settings
        The arguments that made the numbers: ``seed``, ``sizes``, ``repeats`` of the learning curves, ``probe``, the
        index of the test structure that the steps were timed on, and ``as_they_are``, the models that were not fitted.
    made_with
        Versions of the packages, the processor, the number of threads.
    """

    rows: tuple[Row, ...]
    train: Mapping[str, Any]
    test: Mapping[str, Any]
    settings: Mapping[str, Any]
    made_with: Mapping[str, Any]

    def __repr__(self) -> str:
        names = ", ".join(row.model for row in self.rows)
        sizes = " and ".join(str(len(part.get("structures", ()))) for part in (self.train, self.test))
        return f"Comparison({names}: on {sizes} structures)"

    def __getitem__(self, model: str) -> Row:
        """The row of a model."""
        for row in self.rows:
            if row.model == model:
                return row
        raise KeyError(f"`model`: expected one of {', '.join(repr(row.model) for row in self.rows)}, got {model!r}")

    def table(self) -> list[dict[str, float | str]]:
        """A dictionary a model, all with the same keys, NaN where something is unknown; see `Row.flat`."""
        flat = [row.flat() for row in self.rows]
        names = [name for name in dict.fromkeys(name for row in flat for name in row) if name != "error"]
        return [{name: row.get(name, float("nan")) for name in [*names, "error"]} for row in flat]

    def front(self, error: str = "force_rmse", cost: str = "step_microseconds") -> tuple[str, ...]:
        """The models that no other beats at both, the cheapest first: the accuracy–cost front.

        Parameters
        ----------
        error
            One of `ERRORS`, as in the table.
        cost
            ``"step_microseconds"``, ``"fit_seconds"`` or ``"n_parameters"``.
        """
        check_choice("cost", cost, COSTS)
        known = [row for row in self.table() if not row["error"]]
        check_choice("error", error, ERRORS)
        points = sorted(
            (float(row[cost]), float(row[error]), str(row["model"]))
            for row in known
            if np.isfinite([float(row[cost]), float(row[error])]).all()
        )
        front: list[str] = []
        lowest = float("inf")
        for _, value, model in points:
            if value < lowest:
                front.append(model)
                lowest = value
        return tuple(front)

    def markdown(self, columns: Sequence[str] = SHOWN) -> str:
        """A table for people, errors in thousandths of eV.

        Parameters
        ----------
        columns
            Names in the table, of those that `HEADINGS` has; what is unknown of all models is left out.
        """
        table = self.table()
        for name in columns:
            check_choice("columns", name, HEADINGS)
        names = [name for name in columns if not all(_is_nothing(row.get(name)) for row in table)]
        lines = [[HEADINGS[name] for name in names], ["---"] * len(names)]
        lines += [[_shown(name, row.get(name)) for name in names] for row in table]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)

    def save(self, path: str | Path) -> Path:
        """Write all of it as JSON, from which `comparison_files.rerun` makes the same errors again."""
        from potscope.core.comparison_files import save

        return save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Comparison:
        """Read what `save` has written."""
        from potscope.core.comparison_files import load

        return load(path)


def compare(
    models: Mapping[str, Model],
    train: Dataset,
    test: Dataset,
    *,
    groups: Mapping[str, Mapping[str, Any]] | None = None,
    sizes: Sequence[int] | None = None,
    repeats: int = 0,
    seed: int = 0,
    probe: int | None = None,
    as_they_are: Collection[str] = (),
    progress: Progress = silent,
) -> Comparison:
    """Fit copies of several models to the same structures and test them on the same others.

    A model that fails has a row that says so, and the others go on.

    Parameters
    ----------
    models
        Potentials, or objects with ``fit`` and ``predict``, by the names they shall have; they are not changed.
    train, test
        What is learnt from and what is tested on.
    groups
        Settings of groups for ``fit``, by the models' names.
    sizes, repeats, seed
        Of learning curves, as of `learning_curve`; none are made where `repeats` is 0.
    probe
        Index of the test structure that steps are timed on; the largest by default.
    as_they_are
        Names of models that are fitted and only tested, such as those read from files. Their errors are those of
        structures never seen only if `test` has none that they were fitted to.
    progress
        Called with the fraction done; it may raise `Cancelled`, which passes.

    Raises
    ------
    ValueError, TypeError
        If there are no models or no structures, a name in `groups` or `as_they_are` is no model's, or a number is not
        as described.
    """
    _check(models, train, test, groups or {}, as_they_are)
    check_integer("repeats", repeats, low=0)
    check_integer("seed", seed, low=0)
    place = int(test.n_atoms.argmax()) if probe is None else check_integer("probe", probe, 0, len(test) - 1)
    settings: dict[str, Any] = {"sizes": None if sizes is None else list(sizes), "repeats": repeats, "seed": seed}
    settings |= {"probe": place, "as_they_are": sorted(as_they_are)}
    rows = []
    for index, (name, model) in enumerate(models.items()):
        own = part(progress, index / len(models), (index + 1) / len(models))
        own(0.0, name)
        given = (groups or {}).get(name, {})
        named = _named(own, name)
        # what was learnt from other data cannot be told
        untold = {"model": {"not told": f"fitted {model!r}"}, "groups": {}}
        recipe = untold if name in as_they_are else recipe_of(model, given)
        try:
            rows.append(_row(name, model, recipe, train, test, given, settings, named))
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a model fails with is what there is to tell of it
            message = f"{type(error).__name__}: {error}"
            rows.append(Row(name, type(model).__name__, recipe, error=message))
    progress(1.0, "compared")
    return Comparison(tuple(rows), _identity(train), _identity(test), settings, _made_with())


def _row(
    name: str,
    model: Model,
    recipe: Mapping[str, Any],
    train: Dataset,
    test: Dataset,
    groups: Mapping[str, Any],
    settings: Mapping[str, Any],
    progress: Progress,
) -> Row:
    fixed = name in settings["as_they_are"]
    curves = settings["repeats"] > 0 and not fixed
    until = 0.3 if curves else 0.9
    started = process_time()
    fitted = model if fixed else refitted(model, train, part(progress, 0.0, 0.8 * until), groups)
    seconds = float("nan") if fixed else process_time() - started
    found = predicted(fitted, test, part(progress, 0.8 * until, until), atom_std=True)
    curve = None
    if curves:
        own = part(progress, until, 0.95)
        sizes, repeats, seed = settings["sizes"], settings["repeats"], settings["seed"]
        curve = learning_curve(model, train, test, sizes, repeats, seed, own, groups=groups)
    progress(0.95, "timing a step")
    return Row(
        model=name,
        family=type(model).__name__,
        recipe=recipe,
        errors=metrics.summary(test, found) | metrics.total_energies(test, found),
        group_errors=metrics.by_group(test, found),
        element_errors=metrics.by_element(test, found),
        vector_errors=metrics.force_vectors(test, found),
        fit_seconds=seconds,
        step_microseconds=step_microseconds(fitted, test.structures[settings["probe"]]),
        n_parameters=getattr(fitted, "n_parameters", None),
        calibrations=_calibrations(test, found),
        recalibrations=_recalibrations(test, found),
        learning_curve=curve,
    )


def step_microseconds(model: Model, atoms: Atoms) -> float:
    """Processor time an atom of an energy with forces, µs: the fastest of some steps, after one that is not counted.

    The atoms move by a little in every step, as in dynamics; a `Potential` does it as an ASE calculator. Linear algebra
    has one thread here: threads that wait for one another on a busy machine count as work.
    """
    moving = atoms.copy()
    calculator = model.calculator() if isinstance(model, Potential) else None
    best, spent, steps = float("inf"), 0.0, -1
    with threadpool_limits(1, "blas"):
        while steps < FEWEST_STEPS or spent < STEP_SECONDS:
            moving.positions += 1e-6 * (-1) ** steps
            started = process_time()
            if calculator is None:
                model.predict([moving])
            else:
                calculator.calculate(moving, ["energy", "forces"])
            seconds = process_time() - started
            steps += 1
            if steps > 0:
                best, spent = min(best, seconds), spent + seconds
    return best / len(atoms) * 1e6


def _calibrations(test: Dataset, found: Prediction) -> dict[str, Calibration]:
    stds = {"energy": found.energy_std, "force": found.force_std}
    return {
        quantity: calibration(test, found, quantity)
        for quantity, std in stds.items()
        if std is not None and len(errors_and_stds(test, found, quantity)[0])
    }


def _recalibrations(test: Dataset, found: Prediction) -> dict[str, Calibration]:
    scaled = {quantity: recalibrated(test, found, quantity) for quantity in _calibrations(test, found)}
    return {quantity: one for quantity, one in scaled.items() if one is not None}


def _check(
    models: Mapping[str, Model], train: Dataset, test: Dataset, groups: Mapping[str, Any], as_they_are: Collection[str]
) -> None:
    if not isinstance(models, Mapping):
        raise TypeError(f"`models`: expected models by name, got {type(models).__name__}")
    if not models:
        raise ValueError("`models`: expected at least one model, got none")
    for name, dataset in (("train", train), ("test", test)):
        if not len(dataset):
            raise ValueError(f"`{name}`: expected at least one structure, got none")
    for argument, names in (("groups", groups), ("as_they_are", as_they_are)):
        for name in names:
            if name not in models:
                raise ValueError(f"`{argument}`: expected names among {', '.join(map(repr, models))}, got {name!r}")


def _named(progress: Progress, name: str) -> Progress:
    def told(fraction: float, message: str) -> None:
        progress(fraction, f"{name}: {message}")

    return told


def _identity(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "structures": [dataset[s].fingerprint for s in range(len(dataset))],
    }


def _made_with() -> dict[str, Any]:
    found: dict[str, Any] = {package: version(package) for package in PACKAGES}
    found["python"] = platform.python_version()
    return found | {"processor": platform.processor() or platform.machine(), "threads": get_num_threads()}


def _is_nothing(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and np.isnan(value))


def _shown(name: str, value: float | str | None) -> str:
    if value is None or _is_nothing(value):
        return ""
    if isinstance(value, str):
        return value.replace("|", "\\|").replace("\n", " ")
    if name == "n_parameters":
        return f"{int(value):,}"
    return f"{1000 * value if name.endswith(THOUSANDTHS) else value:.3g}"
