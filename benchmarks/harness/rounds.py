"""Alternating trials, A B A B, so that a noisy minute affects all of them; then medians."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from statistics import median


class Results(list[float]):
    """The results of one trial, by round."""

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return median(self)

    def over(self, other: Results) -> float:
        """Return the median of the ratios to another trial of the same rounds.

        It is not the ratio of the medians: a disturbance of a round affects both trials.
        """
        return median(mine / theirs for mine, theirs in zip(self, other, strict=True))


def take_turns(trials: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Results]:
    """Run every trial once in each round."""
    results = {name: Results() for name in trials}
    for _ in range(rounds):
        for name, trial in trials.items():
            gc.collect()
            results[name].append(trial())
    return results
