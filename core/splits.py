"""Which structures are held out for testing."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Hashable, Sequence

import numpy as np

from potscope.core._types import IntArray
from potscope.core.validation import check_choice, check_integer, check_real

METHODS = ("group", "random")


def split_indices(
    ids: Sequence[str], groups: Sequence[str], test: float | int, by: str, seed: int
) -> tuple[IntArray, IntArray]:
    """Divide structures into those to train on and those to test on.

    Each structure has a rank, the SHA-256 of the seed and its id; the lowest ranks of every group are drawn.
    So the draw depends neither on the order of the structures nor on the version of a random generator, and
    structures that join later leave most of the others where they were.

    Parameters
    ----------
    ids
        One for each structure, all different.
    groups
        One for each structure.
    test
        A fraction between 0 and 1 (a `float`), or how many structures (an `int`). A fraction is drawn from each
        group: the nearest whole number, halves upwards, but at least one and never all; nothing is drawn from a
        group of one. A count is shared out in proportion to the groups' sizes, largest remainders first, and at
        least one structure of each group stays to train on.
    by
        ``"group"``: as above. ``"random"``: as if all were of one group.
    seed
        Another seed, another draw.

    Returns
    -------
    train_indices, test_indices
        Rising; neither is empty.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described, or there are too few structures for it.

    Examples
    --------
    >>> split_indices(["a", "b", "c", "d"], ["solid", "solid", "liquid", "liquid"], 0.5, "group", seed=0)
    (array([1, 2]), array([0, 3]))
    """
    check_choice("by", by, METHODS)
    check_integer("seed", seed, low=0)
    if len(ids) < 2:
        raise ValueError(f"expected a data set of two or more structures to split, got {len(ids)}")
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group if by == "group" else "", []).append(index)
    sizes = {group: len(members[group]) for group in sorted(members)}
    counts = _counts(sizes, test)
    if not any(counts.values()):
        raise ValueError('`by`: every group has a single structure, so none can be held out; use by="random"')
    drawn = [
        index
        for group, count in counts.items()
        for index in sorted(members[group], key=lambda index: _rank(seed, ids[index]))[:count]
    ]
    in_test = np.zeros(len(ids), dtype=bool)
    in_test[drawn] = True
    return np.flatnonzero(~in_test), np.flatnonzero(in_test)


def folds_of(ids: Sequence[str], count: int, seed: int) -> IntArray:
    """The fold of each structure for cross-validation, 0 to count − 1, of sizes that differ by one at most.

    By ranks as in `split_indices`, so that the order of the structures does not matter.
    """
    fold_s = np.empty(len(ids), dtype=np.int64)
    for place, index in enumerate(sorted(range(len(ids)), key=lambda index: _rank(seed, ids[index]))):
        fold_s[index] = place % count
    return fold_s


def folds_of_units(units: Sequence[Hashable], ids: Sequence[str], count: int, seed: int) -> IntArray:
    """The fold of each structure, 0 to count − 1, where the structures of a unit, such as a trajectory, stay together.

    The largest unit goes first, each to the fold that has the fewest structures; among units of one size the order is
    that of the ranks of `split_indices`, the lowest of a unit's ids.

    Parameters
    ----------
    units, ids
        One for each structure.
    count
        Number of folds, from two to the number of units.
    seed
        Of the order of units of equal size.

    Raises
    ------
    ValueError
        If there are fewer units than folds.

    Examples
    --------
    >>> folds_of_units(["long", "long", "long", "short", "single"], list("abcde"), 2, seed=0)
    array([0, 0, 0, 1, 1])
    """
    members: dict[Hashable, list[int]] = {}
    for index, unit in enumerate(units):
        members.setdefault(unit, []).append(index)
    if len(members) < count:
        raise ValueError(f"`folds`: expected at most {len(members)}, the number of parts to keep together, got {count}")
    order = sorted(members.values(), key=lambda own: (-len(own), min(_rank(seed, ids[index]) for index in own)))
    fold_s = np.empty(len(ids), dtype=np.int64)
    sizes = np.zeros(count, dtype=np.int64)
    for own in order:
        fold = int(sizes.argmin())
        fold_s[own] = fold
        sizes[fold] += len(own)
    return fold_s


def nested_order(ids: Sequence[str], elements: Sequence[frozenset[int]], seed: int) -> IntArray:
    """Indices of all structures in an order whose beginnings are training sets of growing size.

    The order is that of the ranks of `split_indices`; but first come those with an element that none before them has,
    so that a small set has all the elements.

    Parameters
    ----------
    ids, elements
        One for each structure, and the atomic numbers in it.
    seed
        Another seed, another order.
    """
    ranked = sorted(range(len(ids)), key=lambda index: _rank(seed, ids[index]))
    known: set[int] = set()
    first = []
    for index in ranked:
        if not elements[index] <= known:
            known |= elements[index]
            first.append(index)
    chosen = set(first)
    return np.array(first + [index for index in ranked if index not in chosen], dtype=np.int64)


def _rank(seed: int, identity: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{identity}".encode()).digest()


def _counts(sizes: dict[str, int], test: float | int) -> dict[str, int]:
    if isinstance(test, (int, np.integer)):
        return _share_out(sizes, check_integer("test", test, low=1))
    fraction = check_real("test", test)
    if not 0 < fraction < 1:
        raise ValueError(f"`test`: expected a fraction between 0 and 1, or a whole number, got {fraction:g}")
    return {group: min(max(math.floor(fraction * n + 0.5), 1), n - 1) for group, n in sizes.items()}


def _share_out(sizes: dict[str, int], count: int) -> dict[str, int]:
    room = sum(n - 1 for n in sizes.values())
    if count > room:
        raise ValueError(
            f"`test`: expected at most {room}, so that a structure of each group stays to train on, got {count}"
        )
    total = sum(sizes.values())
    quota = {group: count * n / total for group, n in sizes.items()}
    counts = {group: min(math.floor(quota[group]), n - 1) for group, n in sizes.items()}
    while sum(counts.values()) < count:
        open_groups = [group for group, n in sizes.items() if counts[group] < n - 1]
        neediest = max(open_groups, key=lambda group: quota[group] - counts[group])
        counts[neediest] += 1
    return counts
