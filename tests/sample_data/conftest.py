"""Fixtures of these tests."""

from reference import reference_folder

__all__ = ["reference_folder"]
