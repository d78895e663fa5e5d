"""Findings: what another code means by something, what that is here, and whether the two are the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["same", "converted", "differs"]


@dataclass(frozen=True)
class Finding:
    """One convention.

    Attributes
    ----------
    topic
        What it is about.
    theirs, ours
        What it is in the other code, and here.
    verdict
        ``"same"``: the same number means the same; ``"converted"``: it is another number here, and reading and writing
        see to it; ``"differs"``: what is done is not the same.
    """

    topic: str
    theirs: str
    ours: str
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.topic}: {self.verdict}\n    theirs  {self.theirs}\n    here    {self.ours}"


@dataclass(frozen=True)
class Explanation:
    """All that there is to say of one source.

    Attributes
    ----------
    source
        What was explained.
    findings
        In the order in which they matter.
    """

    source: str
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        return "\n".join([self.source, *map(str, self.findings)])

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def of(self, topic: str) -> Finding:
        """The finding of a topic.

        Raises
        ------
        KeyError
            If there is none.
        """
        for finding in self.findings:
            if finding.topic == topic:
                return finding
        raise KeyError(f"no finding of {topic!r}; there are {', '.join(finding.topic for finding in self.findings)}")

    @property
    def differing(self) -> tuple[Finding, ...]:
        """Those that differ."""
        return tuple(finding for finding in self.findings if finding.verdict == "differs")
