"""The random numbers of `arpent-train`: with them a peer starts from the same weights and learns from the same chips, so
that losses and scores have to agree, up to rounding, seed by seed. (training/src/data/rng.rs, crops.rs; no noise, no scale.)
"""

import math

import numpy as np
import torch

import chips

WEIGHTS, CHIPS = 1, 2
MASK = 2**64 - 1


class SplitMix:
    """SplitMix64 (Steele, Lea, Flood, 2014), with what `chips` asks of NumPy's generators."""

    def __init__(self, *key):
        self.state = 0x5851F42D4C957F2D
        for part in key:
            self.state ^= part
            self.state = self.next()

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def random(self):
        return (self.next() >> 11) / 2**53

    def uniform(self, low, high):
        return low + (high - low) * self.random()

    def integers(self, count):
        return self.next() % count

    def normal(self):
        radius = math.sqrt(-2 * math.log(1 - self.random()))
        return radius * math.cos(math.tau * self.random())

    def choice(self, values):
        return values[self.integers(len(values))]

    def pick(self, weights):
        """The index drawn by weights."""
        sums = np.cumsum(weights)
        return int(np.searchsorted(sums, self.random() * sums[-1], side="right"))


class Crops(chips.Crops):
    """Draws as crops.rs does, number by number."""

    def stream(self, seed, step, chip):
        return SplitMix(seed, CHIPS, step, chip)

    def cut(self, rng):
        label = rng.choice(self.present) if rng.random() < self.class_aware else None
        item = self.choose(self.pixels if label is None else self.counts[:, label], rng)
        row, column = (None, None) if label is None else chips.place(item, label, rng)
        height, width = item.values.shape[1:]
        left = self.corner(width, column, rng)
        return chips.window(item, self.corner(height, row, rng), left, self.side)

    def choose(self, measure, rng):
        of = rng.pick(self.weights * (np.bincount(self.of, measure, len(self.weights)) > 0))
        return self.items[rng.pick(measure * (self.of == of))]

    def corner(self, size, center, rng):
        room = size - self.side
        if room <= 0 or center is not None:
            return super().corner(size, center, rng)
        return int(min(rng.uniform(0, room + 1), room))


def crops(items, classes, description):
    """What draws the chips of a description: with these numbers if it asks for them, else with NumPy's."""
    kind = Crops if description["fit"].get("same_numbers") else chips.Crops
    return kind(items, classes, description)


@torch.no_grad()
def start(network, seed):
    """First weights of our own networks (`initial` of arpent-model's fold.rs)."""
    layers = [block.conv for _, block in network.blocks()] + [network.head]
    for number, layer in enumerate(layers):
        rng, scale = SplitMix(seed, WEIGHTS, number), math.sqrt(2 / layer.weight[0].numel())
        values = [scale * rng.normal() for _ in range(layer.weight.numel())]
        layer.weight.copy_(torch.tensor(values).reshape(layer.weight.shape))
