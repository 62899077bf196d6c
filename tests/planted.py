"""Pools with known truths: members of drawn skill, images without end."""

import numpy as np

from ensearch.candidates import Candidates
from ensearch.core import Floats, Labels


def pool(probs: Floats, macs: list[int], networks: list[str] | None = None) -> Candidates:
    """Candidates a, b, c, ..., each of a network of its own if none are named."""
    keys = tuple(chr(ord("a") + k) for k in range(len(macs)))
    return Candidates(
        keys=keys,
        networks=tuple(networks) if networks else keys,
        macs=np.array(macs, np.int64),
        probs=probs,
    )


def votes(rows: list[str], certainty: float = 0.9, classes: int = 3) -> tuple[Floats, Labels]:
    """Members that are right (1) or wrong (0) on each image, as strings of digits; all labels 0.

    A 1 puts `certainty` on the label and a 0 on class 1; the rest is spread over the others.
    """
    right = np.array([[digit == "1" for digit in row] for row in rows])
    probs = np.full((*right.shape, classes), (1 - certainty) / (classes - 1))
    probs[..., 0][right] = certainty
    probs[..., 1][~right] = certainty
    return probs, np.zeros(right.shape[1], np.int64)


class World:
    """Networks of M members each; draws images with all members' probabilities on them.

    Logits are skill x label + `shared` noise, which is an image's own, + noise of the network on
    that image (`kinds`) + noise of the member on it (`own`). A network twice as dear is 0.15 more
    skilled, give or take `luck` for networks and a third of it for members.
    """

    def __init__(
        self,
        seed: int,
        networks: int = 6,
        members: int = 4,
        classes: int = 10,
        shared: float = 1.0,
        kinds: float = 0.5,
        own: float = 0.7,
        luck: float = 0.06,
    ) -> None:
        rng = np.random.default_rng(seed)
        self.names = np.repeat(np.arange(networks), members)
        self.macs = (1e6 * 2 ** (np.arange(networks) / 2)).astype(np.int64)[self.names]
        skill = 1.6 + 0.15 * np.arange(networks) / 2 + luck * rng.standard_normal(networks)
        self.skill = skill[self.names] + luck / 3 * rng.standard_normal(len(self.names))
        self.classes, self.networks = classes, networks
        self.noise = shared, kinds, own

    def draw(self, images: int, seed: int) -> tuple[Candidates, Labels]:
        rng = np.random.default_rng(seed)
        shared, kinds, own = self.noise
        labels = rng.integers(0, self.classes, images)
        count, shape = len(self.macs), (images, self.classes)
        logits = own * rng.standard_normal((count, *shape))
        logits += shared * rng.standard_normal(shape)
        logits += kinds * rng.standard_normal((self.networks, *shape))[self.names]
        logits[:, np.arange(images), labels] += self.skill[:, None]
        powers = np.exp(logits)
        networks = [f"network{k}" for k in self.names]
        return pool(
            powers / powers.sum(axis=2, keepdims=True), self.macs.tolist(), networks
        ), labels
