"""Trials in turns, A B A B, so that a noisy minute hits all of them; then medians."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from statistics import median

Trials = Mapping[str, Callable[[], float]]


def medians(trials: Trials, rounds: int) -> dict[str, float]:
    """The median result of each trial after some rounds of all of them."""
    results: dict[str, list[float]] = {name: [] for name in trials}
    for _ in range(rounds):
        for name, trial in trials.items():
            gc.collect()
            results[name].append(trial())
    return {name: median(values) for name, values in results.items()}
