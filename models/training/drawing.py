"""Which examples a batch is made of, and how each is read."""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable

from batches import Plan, group_by_length
from examples import Example
from tasks import Tasks

CHOICES = {"stride": 15, "window": 25, "attention": 60}
WITH_SCORER = {"stride": 10, "window": 20, "attention": 25, "learned": 45}
SHORTEST_LIMIT = 512  # tokens of the longest context when a curriculum begins


class Drawing:
    """Draws batches of examples. `progress` says how far the run is, 0..1."""

    def __init__(
        self, options: argparse.Namespace, tasks: Tasks, generator: random.Random, progress: Callable[[], float]
    ) -> None:
        self.options, self.tasks, self.random, self._progress = options, tasks, generator, progress
        self.queue: list[list[Example]] = []

    def limit(self) -> int:
        """Longest context at this point of the run, in tokens: it grows by the same factor all along."""
        o = self.options
        if o.longest <= SHORTEST_LIMIT or o.curriculum == 0:
            return o.longest
        return round(SHORTEST_LIMIT * (o.longest / SHORTEST_LIMIT) ** min(1.0, self._progress() / o.curriculum))

    def draw_groups(self, kinds: list[str]) -> list[list[Example]]:
        """Batches of newly drawn examples, of a kind each."""
        limit = self.tasks.limit = self.limit()
        fitting = [example for example in map(self.tasks.draw, kinds) if example.size <= limit]
        return group_by_length(fitting, self.options.budget, self.random) if fitting else []

    def next_group(self) -> list[Example]:
        """The next batch of examples; a pool of them is drawn and sorted by length at a time."""
        while not self.queue:
            mix = self.options.mix
            self.queue = self.draw_groups(self.random.choices(list(mix), list(mix.values()), k=96))
        return self.queue.pop()

    def pick_group(self, kinds: tuple[str, ...]) -> list[Example]:
        """One batch of a few kinds."""
        while True:
            groups = self.draw_groups([self.random.choice(kinds) for _ in range(40)])
            if groups:
                return self.random.choice(groups)

    def plan(self, example: Example) -> Plan:
        """How one row is read through anchors: a ratio for each of its sequences."""
        choices = WITH_SCORER if self.options.scorer else CHOICES
        choice = self.random.choices(list(choices), list(choices.values()))[0]
        choice = choice if self.options.scheme == "mark" else "stride"
        return Plan(choice, tuple(self.random.choice(self.options.ratios) for _ in [*example.context.sealed, 0]))
