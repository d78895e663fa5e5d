"""Reports of several potentials in one table."""

from __future__ import annotations

from collections.abc import Sequence

from potscope.core.physics.report import Report, Row, number, said


def side_by_side(reports: Sequence[Report]) -> str:
    """A Markdown table with a row for each number that a check has found, and a column for each report.

    What is no number is a dash. Why a check has no number of a potential is said below the table.

    Parameters
    ----------
    reports
        Of several potentials, beside the same references.

    Raises
    ------
    ValueError
        If there is none, or two have one title.
    """
    titles = [report.title for report in reports]
    if not titles or len(set(titles)) < len(titles):
        raise ValueError(f"`reports`: expected some with different titles, got {titles}")
    lines = [
        f"| check | quantity | unit | reference | {' | '.join(titles)} |",
        f"| --- | --- | --- | ---: |{' ---: |' * len(titles)}",
    ]
    found = [{_key(row): row for row in report.rows if row.quantity} for report in reports]
    before = ""
    for check, quantity in _all_in_order([list(rows) for rows in found]):
        rows = [own.get((check, quantity)) for own in found]
        true = next((row.reference for row in rows if row is not None and row.reference is not None), None)
        unit = next(row.unit for row in rows if row is not None)
        cells = ["–" if row is None else number(row.value) for row in rows]
        reference = "" if true is None else number(true)
        lines.append(
            f"| {check if check != before else ''} | {quantity} | {unit} | {reference} | {' | '.join(cells)} |"
        )
        before = check
    reasons = dict.fromkeys(
        f"- {report.title}, {row.check}: {said(row)}" for report in reports for row in report.rows if not row.quantity
    )
    return "\n".join(lines + ([""] if reasons else []) + list(reasons))


def _key(row: Row) -> tuple[str, str]:
    return row.check, row.quantity


def _all_in_order(lists: Sequence[Sequence[tuple[str, str]]]) -> list[tuple[str, str]]:
    """All that are in any list, each after what is before it where it was first met."""
    merged: list[tuple[str, str]] = []
    for keys in lists:
        place = 0
        for key in keys:
            if key in merged:
                place = merged.index(key) + 1
            else:
                merged.insert(place, key)
                place += 1
    return merged
