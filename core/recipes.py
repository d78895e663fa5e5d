"""Models as plain values for JSON, unfitted: what makes them again, and nothing that is learnt.

Classes are written by their names and found among those of this package; nothing that is read is ever executed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from potscope.core.hyperparameters import Declared
from potscope.core.models.base import Potential
from potscope.core.refitting import unfitted

PLAIN = (bool, int, float, str, type(None))


class NoRecipe(ValueError):
    """A model, or a part of one, that plain values do not tell how to make."""


def recipe_of(model: object, groups: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """How to make a model again.

    Parameters
    ----------
    model
        Fitted or not.
    groups
        Settings of groups that it is to be fitted with.

    Returns
    -------
    dict
        ``model`` and ``groups``, each in plain values. What these cannot tell, such as a model of one's own, a
        calculator that is no plain class of ASE with numbers, or a fitted potential within another, is the text of it
        under ``not told``.
    """
    return {
        "model": _encoded(unfitted(model) if isinstance(model, Potential) else model),
        "groups": {group: _encoded(settings) for group, settings in (groups or {}).items()},
    }


def model_of(recipe: Mapping[str, Any]) -> Any:
    """The unfitted model that `recipe_of` was given.

    Raises
    ------
    NoRecipe
        If some part is not told, or is of a class that this version does not know.
    """
    return _decoded(recipe["model"])


def groups_of(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of groups that `recipe_of` was given; raises `NoRecipe` as `model_of` does."""
    return {group: _decoded(settings) for group, settings in recipe["groups"].items()}


def _encoded(value: object) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, (tuple, list)):
        return [_encoded(item) for item in value]
    if isinstance(value, Mapping):
        return {"mapping": {str(key): _encoded(item) for key, item in value.items()}}
    if isinstance(value, Potential) and value.fitted and not unfitted(value).fitted:
        return {"not told": f"fitted {value!r}"}
    if _known().get(type(value).__name__) is type(value) and dataclasses.is_dataclass(value):
        own = [one.name for one in dataclasses.fields(value) if one.init]
        return {"class": type(value).__name__, "fields": {name: _encoded(getattr(value, name)) for name in own}}
    return _calculator(value) or {"not told": repr(value)}


def _calculator(value: object) -> dict[str, Any] | None:
    """An ASE calculator made of numbers and words, as files of potentials hold them."""
    from potscope.core.models.from_calculator import NAMED

    parameters = {name: _encoded(own) for name, own in (getattr(value, "parameters", None) or {}).items()}
    if NAMED.get(type(value).__name__) is not type(value):
        return None
    if not all(isinstance(own, PLAIN) for own in parameters.values()):
        return None
    return {"calculator": type(value).__name__, "parameters": parameters}


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decoded(item) for item in value)
    if not isinstance(value, Mapping):
        return value
    if "mapping" in value:
        return {key: _decoded(item) for key, item in value["mapping"].items()}
    if "calculator" in value:
        from potscope.core.models.from_calculator import NAMED

        if value["calculator"] not in NAMED:
            raise NoRecipe(f"expected a calculator among {', '.join(NAMED)}, got {value['calculator']!r}")
        return NAMED[value["calculator"]](**value["parameters"])
    if "class" not in value:
        raise NoRecipe(f"nothing tells how to make {value.get('not told', value)}")
    kind = _known().get(value["class"])
    if kind is None:
        raise NoRecipe(f"this version knows no {value['class']!r}")
    return kind(**{name: _decoded(item) for name, item in value["fields"].items()})


def _known() -> dict[str, type]:
    """Descriptors, kernels, models and settings of groups by name."""
    from potscope.core import models

    settings = [kind.group_settings for kind in models.REGISTRY.values() if kind.group_settings is not None]
    return {kind.__name__: kind for kind in [*_below(Declared), *settings]}


def _below(kind: type) -> Iterator[type]:
    children: list[type] = kind.__subclasses__()
    for child in children:
        if child.__module__.startswith("potscope.core."):
            yield child
        yield from _below(child)
