"""Checks of arguments."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from potscope.core.dataset import Dataset
from potscope.core.validation import (
    as_structures,
    check_choice,
    check_integer,
    check_not_negative,
    check_positive,
    check_real,
    shown,
)


def test_structures_are_taken_in_every_form() -> None:
    atoms = [Atoms("H", info={"energy": 1.0}), Atoms("He", info={"energy": 1.0})]
    assert as_structures(atoms[0]) == [atoms[0]]
    assert as_structures(atoms) == atoms
    assert as_structures(tuple(atoms)) == atoms
    assert as_structures(one for one in atoms) == atoms
    assert as_structures([]) == []
    dataset = Dataset.from_structures(atoms)
    assert as_structures(dataset) == list(dataset.structures)


def test_the_objects_themselves() -> None:
    atoms = Atoms("H")
    assert as_structures([atoms])[0] is atoms


def test_name_of_the_argument() -> None:
    with pytest.raises(TypeError, match=r"`dataset`: expected an ase\.Atoms or a sequence of them, got 1\.5 \(float\)"):
        as_structures(1.5, "dataset")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [1, 0.5, np.float32(2), np.int64(3)])
def test_numbers_are_taken(value: float) -> None:
    for check in (check_real, check_positive, check_not_negative):
        assert check("a", value) == float(value)
        assert type(check("a", value)) is float


@pytest.mark.parametrize(
    ("check", "value", "error", "message"),
    [
        (check_real, "1", TypeError, "`a`: expected a number, got '1' (str)"),
        (check_real, True, TypeError, "`a`: expected a number, got True (bool)"),
        (check_real, np.ones(1), TypeError, "`a`: expected a number, got array([1.]) (ndarray)"),
        (check_real, float("inf"), ValueError, "`a`: expected a finite number, got inf"),
        (check_positive, 0, ValueError, "`a`: expected a number greater than zero, got 0"),
        (check_positive, float("nan"), ValueError, "`a`: expected a finite number, got nan"),
        (check_not_negative, -1e-9, ValueError, "`a`: expected a number of zero or more, got -1e-09"),
        (check_integer, 1.0, TypeError, "`a`: expected a whole number, got 1.0 (float)"),
        (check_integer, True, TypeError, "`a`: expected a whole number, got True (bool)"),
        (lambda n, v: check_integer(n, v, low=2), 1, ValueError, "`a`: expected a whole number of 2 or more, got 1"),
        (lambda n, v: check_integer(n, v, high=2), 3, ValueError, "`a`: expected a whole number of 2 or less, got 3"),
        (lambda n, v: check_choice(n, v, ("x", "y")), "z", ValueError, "`a`: expected one of 'x', 'y', got 'z' (str)"),
        (lambda n, v: check_choice(n, v, ("x", "y")), 1, ValueError, "`a`: expected one of 'x', 'y', got 1 (int)"),
    ],
)
def test_refused(check: object, value: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        check("a", value)  # type: ignore[operator]
    assert str(caught.value) == message


def test_limits_are_included() -> None:
    assert check_integer("a", np.int32(2), 2, 2) == 2
    assert check_not_negative("a", 0) == 0
    assert check_choice("a", "x", ["x"]) == "x"


def test_long_values_are_cut() -> None:
    assert len(shown("x" * 1000)) < 100
