"""The Python that does without the page what was done on it: settings, fit, map, dynamics."""

from __future__ import annotations

from typing import Any

from potscope.core.kernels import STRUCTURE_REGISTRY as KERNELS
from potscope.core.models import Delta
from potscope.explorer.comparing import REPEATS
from potscope.explorer.session import DYNAMICS_JOB, Session

WHAT = ("map", "fit", "dynamics", "explain", "compare")


def code(session: Session, what: str = "fit") -> str:
    """A program that gives the map, the fit, the dynamics, the explanation of an environment or the comparison.

    Parameters
    ----------
    session
        The session.
    what
        One of `WHAT`; each program is complete.
    """
    if what not in WHAT:
        raise ValueError(f"`what`: expected one of {WHAT}, got {what!r}")
    parts = {
        "map": [_map],
        "fit": [_fit],
        "dynamics": [_fit, _dynamics if session.simulation == DYNAMICS_JOB else _monte_carlo],
        "explain": [_explain],
        "compare": [_compare],
    }[what]
    imports, lines = _data(session)
    for part in parts:
        more_imports, more_lines = part(session)
        imports |= more_imports
        lines += ["", *more_lines]
    return "\n".join([*_sorted(imports), "", *lines, ""])


Part = tuple[set[str], list[str]]


def _sorted(imports: set[str]) -> list[str]:
    plain = sorted(line for line in imports if line.startswith("import "))
    return [*plain, *sorted(imports - set(plain))]


def _data(session: Session) -> Part:
    if session.files:
        arguments = [repr(str(path)) for path in session.files] + [f"{k}={v!r}" for k, v in session.keys.items()]
        return {"from potscope.core import Dataset"}, [f"data = Dataset.read({', '.join(arguments)})"]
    arguments = [repr(session.sample or session.dataset.name), *(f"{k}={v!r}" for k, v in session.keys.items())]
    return {"from potscope import sample_data"}, [f"data = sample_data.load({', '.join(arguments)})"]


def _import_of(thing: Any) -> str:
    """Import of an object's class from the package that lists it."""
    package = type(thing).__module__.rsplit(".", 1)[0]
    return f"from {package} import {type(thing).__name__}"


def _map(session: Session) -> Part:
    descriptor, kernel = session.build_map_descriptor(), session.build_map_kernel()
    imports, arguments = {_import_of(descriptor), "from potscope.core import maps"}, ["data.structures", "descriptor"]
    if kernel != KERNELS["average"]():
        imports.add(f"from potscope.core.kernels import {type(kernel).__name__}")
        arguments.append(f"kernel={kernel!r}")
    return imports, [f"descriptor = {descriptor!r}", f"xy = maps.structure_map({', '.join(arguments)})"]


def _fit(session: Session) -> Part:
    if session.fit is not None and session.fit.source is not None:
        return {"from potscope.core import load, metrics"}, [
            f"model = load({str(session.fit.source.path)!r})",
            "for name, error in metrics.summary(data, model.predict(data)).items():",
            "    print(name, error)",
        ]
    if session.fit is None:
        model, split, has_test = session.build_model(), session.split_arguments(), len(session.split()[1]) > 0
        groups = session.groups.of(session.dataset.groups[index] for index in session.split()[0])
    else:
        groups = session.fit.model.groups_
        model, split, has_test = session.fit.model, session.fit.split, len(session.fit.test_indices) > 0
    imports, lines = {*_imports(model), "from potscope.core import metrics"}, []
    if model.descriptor_scope != "none":
        lines = [f"descriptor = {model.descriptor!r}"]
    lines += [f"model = {_written(model, 'descriptor')}"]
    given = f", groups={groups!r}" if groups else ""
    imports |= {_import_of(settings) for settings in groups.values()}
    if has_test:
        words = ", ".join(f"{name}={value!r}" for name, value in split.items())
        lines = [f"train, test = data.split({words})", *lines, f"model.fit(train{given})"]
        lines += ["for name, error in metrics.summary(test, model.predict(test)).items():", "    print(name, error)"]
    else:
        lines += [f"model.fit(data{given})"]
        lines += ["for name, error in metrics.summary(data, model.predict(data)).items():", "    print(name, error)"]
    return imports, lines


def _dynamics(session: Session) -> Part:
    settings, atoms = session.dynamics, session.atoms
    repeats = [settings.repeats if periodic else 1 for periodic in atoms.pbc]
    arguments = [f"{name}={value!r}" for name, value in settings.arguments().items()]
    return {"from potscope.core import dynamics"}, [
        f"atoms = data.structures[{session.selected}].repeat({repeats})",
        f"for frame in dynamics.run(atoms, model.calculator(), {', '.join(arguments)}):",
        "    print(frame.time, frame.temperature, frame.total_energy)",
    ]


def _monte_carlo(session: Session) -> Part:
    settings, atoms = session.monte_carlo, session.atoms
    repeats = [settings.repeats if periodic else 1 for periodic in atoms.pbc]
    arguments = [f"{name}={value!r}" for name, value in settings.arguments(atoms).items()]
    return {"from potscope.core import monte_carlo"}, [
        f"atoms = data.structures[{session.selected}].repeat({repeats})",
        f"for frame in monte_carlo.run(atoms, model, {', '.join(arguments)}):",
        "    print(frame.step, frame.potential_energy, dict(frame.acceptance))",
    ]


def _explain(session: Session) -> Part:
    environment, descriptor = session.environment, session.build_descriptor()
    (index, atom), (other, other_atom) = environment.place, environment.reference or environment.place
    lines = [f"descriptor = {descriptor!r}", f"explanation = explain(descriptor, data.structures[{index}], {atom})"]
    if environment.quantity:
        lines.append(f"shares = explanation.feature({environment.quantity!r})")
    else:
        lines.append(f"reference = descriptor.compute(data.structures[{other}]).values[{other_atom}]")
        lines.append(f"shares = explanation.kernel(reference, zeta={environment.zeta})")
    lines += [
        'print("alone", shares.baseline)',
        "for neighbour, share in zip(explanation.neighbours_j, shares.neighbours_j):",
        "    print(neighbour, share)",
    ]
    return {_import_of(descriptor), "from potscope.core.explain import explain"}, lines


def _compare(session: Session) -> Part:
    comparing = session.comparing
    candidates = {name: comparing.candidate(name) for name in comparing.offered() if name in comparing.chosen}
    imports, models, groups = {"from potscope.core.comparison import compare"}, [], []
    for name, candidate in candidates.items():
        if candidate.source is not None:
            imports.add("from potscope.core import load")
            models.append(f"    {name!r}: load({str(candidate.source.path)!r}),")
            continue
        imports |= {*_imports(candidate.model), *map(_import_of, candidate.groups.values())}
        models.append(f"    {name!r}: {_written(candidate.model)},")
        groups += [f"{name!r}: {dict(candidate.groups)!r}"] if candidate.groups else []
    words = ", ".join(f"{name}={value!r}" for name, value in session.split_arguments().items())
    arguments = ["models", "train", "test"]
    arguments += [f"groups={{{', '.join(groups)}}}"] * bool(groups) + [f"repeats={REPEATS}"] * comparing.curves
    as_they_are = [name for name, candidate in candidates.items() if candidate.source]
    arguments += [f"as_they_are={as_they_are!r}"] * bool(as_they_are)
    return imports, [
        "models = {", *models, "}",
        f"train, test = data.split({words})",
        f"comparison = compare({', '.join(arguments)})",
        "print(comparison.markdown())",
    ]  # fmt: skip


def _imports(model: Any) -> set[str]:
    """Imports that a model, its descriptor and what it is composed of need."""
    parts = [model.base, model.correction] if isinstance(model, Delta) else []
    own = {_import_of(model)} | ({_import_of(model.descriptor)} if model.descriptor_scope != "none" else set())
    return own.union(*map(_imports, parts))


def _written(model: Any, descriptor: str = "") -> str:
    """What makes an unfitted model; `descriptor` is the name of its descriptor, where that has one."""
    arguments = [f"{name}={value!r}" for name, value in model.hyperparameters().items()]
    if isinstance(model, Delta):
        arguments = [_written(model.base), _written(model.correction), *arguments]
    elif model.descriptor_scope != "none":
        arguments.insert(0, descriptor or repr(model.descriptor))
    return f"{type(model).__name__}({', '.join(arguments)})"
