"""What is held out: some of every group, repeatably, whatever the order."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given
from hypothesis import strategies as st

from potscope.core.dataset import Dataset
from potscope.core.splits import folds_of, folds_of_units, split_indices

GROUPS = st.lists(st.sampled_from("abcd"), min_size=2, max_size=40)
SEEDS = st.integers(0, 1000)
FRACTIONS = st.floats(0.01, 0.99)
METHODS = st.sampled_from(["group", "random"])


def ids_for(groups: list[str]) -> list[str]:
    return [f"structure {index}" for index in range(len(groups))]


def can_be_split(groups: list[str], by: str) -> bool:
    return by == "random" or max(Counter(groups).values()) > 1


@given(GROUPS, FRACTIONS, METHODS, SEEDS)
def test_disjoint_whole_rising_and_repeatable(groups: list[str], test: float, by: str, seed: int) -> None:
    if not can_be_split(groups, by):
        return
    train, held_out = split_indices(ids_for(groups), groups, test, by, seed)
    assert len(train) > 0
    assert len(held_out) > 0
    assert sorted([*train, *held_out]) == list(range(len(groups)))
    assert (np.diff(train) > 0).all()
    assert (np.diff(held_out) > 0).all()
    again = split_indices(ids_for(groups), groups, test, by, seed)
    np.testing.assert_array_equal(held_out, again[1])


@given(GROUPS, FRACTIONS, SEEDS)
def test_fraction_of_each_group(groups: list[str], test: float, seed: int) -> None:
    if not can_be_split(groups, "group"):
        return
    _, held_out = split_indices(ids_for(groups), groups, test, "group", seed)
    drawn = Counter(groups[index] for index in held_out)
    for group, n in Counter(groups).items():
        nearest = int(np.floor(test * n + 0.5))
        assert drawn[group] == (0 if n == 1 else min(max(nearest, 1), n - 1))


@given(GROUPS, METHODS, SEEDS, st.data())
def test_count_is_exact_and_leaves_one_of_each_group(
    groups: list[str], by: str, seed: int, data: st.DataObject
) -> None:
    room = len(groups) - (len(set(groups)) if by == "group" else 1)
    if room == 0:
        return
    count = data.draw(st.integers(1, room))
    train, held_out = split_indices(ids_for(groups), groups, count, by, seed)
    assert len(held_out) == count
    if by == "group":
        assert {groups[index] for index in train} == set(groups)


@given(GROUPS, FRACTIONS, METHODS, SEEDS, st.randoms(use_true_random=False))
def test_order_does_not_matter(groups: list[str], test: float, by: str, seed: int, shuffler: object) -> None:
    if not can_be_split(groups, by):
        return
    ids = ids_for(groups)
    order = list(range(len(groups)))
    shuffler.shuffle(order)  # type: ignore[attr-defined]
    _, held_out = split_indices(ids, groups, test, by, seed)
    _, shuffled = split_indices([ids[k] for k in order], [groups[k] for k in order], test, by, seed)
    assert {ids[k] for k in held_out} == {ids[order[k]] for k in shuffled}


def test_counts_are_in_proportion() -> None:
    groups = ["big"] * 60 + ["middle"] * 30 + ["small"] * 10
    _, held_out = split_indices(ids_for(groups), groups, 20, "group", 0)
    assert Counter(groups[k] for k in held_out) == {"big": 12, "middle": 6, "small": 2}


@pytest.mark.parametrize(
    ("n", "test", "expected"), [(5, 0.5, 3), (7, 0.5, 4), (25, 0.1, 3), (14, 0.1, 1), (4, 0.01, 1)]
)
def test_halves_go_up_and_one_is_the_least(n: int, test: float, expected: int) -> None:
    assert len(split_indices(ids_for(["a"] * n), ["a"] * n, test, "group", 0)[1]) == expected


def test_seeds_differ_and_every_structure_may_be_drawn() -> None:
    groups = ["a"] * 10
    draws = [frozenset(split_indices(ids_for(groups), groups, 2, "group", seed)[1].tolist()) for seed in range(200)]
    assert len(set(draws)) > 30
    times = Counter(k for draw in draws for k in draw)
    assert set(times) == set(range(10))
    assert max(times.values()) < 3 * min(times.values())


def test_a_draw_stays_the_same_between_versions() -> None:
    groups = ["a"] * 12
    assert split_indices(ids_for(groups), groups, 3, "group", 0)[1].tolist() == [2, 6, 7]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"test": 0.0}, ValueError, "`test`: expected a fraction between 0 and 1, or a whole number, got 0"),
        ({"test": 1.0}, ValueError, "`test`: expected a fraction between 0 and 1, or a whole number, got 1"),
        ({"test": -0.1}, ValueError, "`test`: expected a fraction between 0 and 1, or a whole number, got -0.1"),
        ({"test": float("nan")}, ValueError, "`test`: expected a finite number, got nan"),
        ({"test": 0}, ValueError, "`test`: expected a whole number of 1 or more, got 0"),
        ({"test": 3}, ValueError, "`test`: expected at most 2, so that a structure of each group stays to train on"),
        ({"test": 4, "by": "random"}, ValueError, "`test`: expected at most 3"),
        ({"test": True}, TypeError, "`test`: expected a whole number, got True (bool)"),
        ({"test": "half"}, TypeError, "`test`: expected a number, got 'half' (str)"),
        ({"by": "colour"}, ValueError, "`by`: expected one of 'group', 'random', got 'colour' (str)"),
        ({"seed": -1}, ValueError, "`seed`: expected a whole number of 0 or more, got -1"),
        ({"seed": 0.5}, TypeError, "`seed`: expected a whole number, got 0.5 (float)"),
    ],
)
def test_wrong_arguments(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    given_arguments = {"test": 0.5, "by": "group", "seed": 0, **arguments}
    with pytest.raises(error) as caught:
        split_indices(list("pqrs"), list("aabb"), **given_arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_too_few() -> None:
    with pytest.raises(ValueError, match="expected a data set of two or more structures to split, got 1"):
        split_indices(["a"], ["a"], 0.5, "group", 0)
    with pytest.raises(ValueError, match=r'`by`: every group has a single structure.*by="random"'):
        split_indices(["a", "b"], ["a", "b"], 0.5, "group", 0)


def test_dataset_is_split() -> None:
    structures = [Atoms("H", [[k, 0, 0]], info={"energy": float(k), "group": "ab"[k % 2], "id": k}) for k in range(20)]
    dataset = Dataset.from_structures(structures)
    train, test = dataset.split(test=0.3, by="group", seed=4)
    assert Counter(test.groups) == {"a": 3, "b": 3}
    assert set(train.ids) | set(test.ids) == set(dataset.ids)
    assert not set(train.ids) & set(test.ids)
    train_indices, test_indices = dataset.split_indices(test=0.3, by="group", seed=4)
    np.testing.assert_array_equal(train.energies, train_indices)
    np.testing.assert_array_equal(test.energies, test_indices)
    assert set(dataset[::-1].split(test=0.3, by="group", seed=4)[1].ids) == set(test.ids)


def test_folds_are_of_equal_size_and_follow_the_ids() -> None:
    ids = [f"structure {k}" for k in range(11)]
    fold_s = folds_of(ids, 3, seed=4)
    assert sorted(np.bincount(fold_s)) == [3, 4, 4]
    np.testing.assert_array_equal(folds_of(ids[::-1], 3, seed=4), fold_s[::-1])
    assert (folds_of(ids, 3, seed=5) != fold_s).any()


@given(GROUPS, st.integers(1, 4), SEEDS)
def test_units_stay_together_in_folds_of_about_one_size(groups: list[str], count: int, seed: int) -> None:
    ids = ids_for(groups)
    if count > len(set(groups)):
        with pytest.raises(ValueError, match="`folds`: expected at most"):
            folds_of_units(groups, ids, count, seed)
        return
    fold_s = folds_of_units(groups, ids, count, seed)
    assert set(fold_s) == set(range(count))
    for group in set(groups):
        assert len({int(fold) for fold, own in zip(fold_s, groups, strict=True) if own == group}) == 1
    sizes = np.bincount(fold_s)
    assert sizes.max() - sizes.min() <= max(Counter(groups).values())
    backwards = folds_of_units(groups[::-1], ids[::-1], count, seed)[::-1]
    np.testing.assert_array_equal(backwards, fold_s)
