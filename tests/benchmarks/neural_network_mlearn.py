"""Errors of neural networks on mlearn's test sets: ``python tests/benchmarks/neural_network_mlearn.py FOLDER Si SOAP``.

FOLDER has the training and the test set of each element. Trained on the training set alone, of which each network holds
out a tenth to know when to stop. Prints the processor's time, epochs, and mean absolute errors.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import process_time

from potscope.core import Dataset
from potscope.core.compiled import set_num_threads
from potscope.core.descriptors import ACSF, SOAP
from potscope.core.metrics import summary
from potscope.core.models import NeuralNetwork

DESCRIPTORS = {
    "ACSF": lambda element: ACSF.generated([element], cutoff=5.0, n_radial=10, n_angular=3),
    "SOAP": lambda element: SOAP(species=[element], cutoff=5.0, n_max=6, l_max=4, sigma=0.5),
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("element", choices=("Si", "Mo"))
    parser.add_argument("descriptor", choices=DESCRIPTORS)
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=600)
    parser.add_argument("--energy-weight", type=float, default=400.0)
    arguments = parser.parse_args()
    set_num_threads(1)
    train, test = (
        Dataset.read(arguments.folder / f"{arguments.element}_{part}.xyz.gz") for part in ("training", "test")
    )
    descriptor = DESCRIPTORS[arguments.descriptor](arguments.element)
    potential = NeuralNetwork(
        descriptor, members=arguments.members, epochs=arguments.epochs, energy_weight=arguments.energy_weight
    )
    started = process_time()
    potential.fit(train)
    seconds = process_time() - started
    held = ", ".join(f"{len(h)} epochs, {100 * h[:, 1].min() ** 0.5:.2f} % held out" for h in potential.histories_)
    learnt, errors = summary(train, potential.predict(train)), summary(test, potential.predict(test))
    print(f"{arguments.element} {arguments.descriptor} ({len(descriptor.names)} features): {seconds:.0f} s; {held}")
    for name, found in (("training", learnt), ("test", errors)):
        print(f"  {name}: {1e3 * found['energy_mae']:.2f} meV/atom, {found['force_mae']:.4f} eV/Å", flush=True)


if __name__ == "__main__":
    main()
