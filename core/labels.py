"""Group labels and ids of structures, from the names they carry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

GROUP_NAMES = ("group", "config_type", "Group", "label")
ID_NAMES = ("id", "name")


def find_group_key(values: Sequence[Mapping[str, object]], asked: str | None) -> str | None:
    """The key of the group labels, or None."""
    if asked is not None:
        return asked if any(asked in value_of for value_of in values) else None
    for name in GROUP_NAMES:
        labels = [label for value_of in values if (label := _label(value_of.get(name))) is not None]
        # a ``label`` that no two structures share is a name rather than a group
        if labels and not (name == "label" and len(labels) > 1 and len(set(labels)) == len(labels)):
            return name
    return None


def groups_of(
    values: Sequence[Mapping[str, object]], key: str | None, default: str
) -> tuple[tuple[str, ...], list[str]]:
    """The group of each structure, `default` for those without, and notes."""
    if key is None:
        return (default,) * len(values), []
    labels = [_label(value_of.get(key)) for value_of in values]
    n_without = labels.count(None)
    notes = [f"group: {n_without} of {len(labels)} have no `{key}` and are in {default!r}"] if n_without else []
    return tuple(default if label is None else label for label in labels), notes


def ids_of(values: Sequence[Mapping[str, object]], prefix: str) -> tuple[str, ...]:
    """An id for each structure: its ``id``, or its ``name`` if all differ, or its index after `prefix`."""
    for name in ID_NAMES:
        labels = [_label(value_of.get(name)) for value_of in values]
        found = [label for label in labels if label is not None]
        if len(found) == len(values) and (name == "id" or len(set(found)) == len(found)):
            return tuple(found)
    return tuple(f"{prefix}{index}" for index in range(len(values)))


def _label(value: object) -> str | None:
    """A word or a number as a label."""
    if isinstance(value, (str, int, float, np.number, np.bool_)):
        return str(value).strip() or None
    return None


def made_unique(ids: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """Ids that are all different, by adding ``#2``, ``#3`` ... to those that came before; and how many those were."""
    taken = set(ids)
    seen: set[str] = set()
    found = []
    count = Counter[str]()
    for one in ids:
        new = one
        if one in seen:
            count[one] += 1
            while (new := f"{one}#{count[one] + 1}") in taken:
                count[one] += 1
            taken.add(new)
        seen.add(one)
        found.append(new)
    return tuple(found), sum(a != b for a, b in zip(ids, found, strict=True))
