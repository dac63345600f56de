"""Trials in turns, A B A B, so that a noisy minute hits all of them; then medians."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from statistics import median


class Results(list[float]):
    """What one trial gave, round by round."""

    @property
    def median(self) -> float:
        """Half of the rounds gave less."""
        return median(self)

    def over(self, other: Results) -> float:
        """The median of the ratios to another trial of the same rounds.

        Not the ratio of the medians: what disturbs a round disturbs both of its trials.
        """
        return median(mine / theirs for mine, theirs in zip(self, other, strict=True))


def take_turns(trials: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Results]:
    """Run every trial once a round."""
    results = {name: Results() for name in trials}
    for _ in range(rounds):
        for name, trial in trials.items():
            gc.collect()
            results[name].append(trial())
    return results
