"""Pools of drawn members, and images without end: what a selection is worth is known exactly."""

import numpy as np

from ensearch.core import Labels
from ensearch.ensembles import Candidates


class DrawnPool:
    """Networks of M members each; draws images with all members' probabilities on them.

    Logits are skill x label + `shared` noise, which is an image's own, + noise of the network on
    that image (`network`) + noise of the member on it (`own`). A network of twice the cost is 0.15
    more skilled, give or take `luck` for networks and a third of it for members.
    """

    def __init__(
        self,
        seed: int,
        *,
        networks: int = 6,
        members: int = 4,
        classes: int = 10,
        shared: float = 1.0,
        network: float = 0.5,
        own: float = 0.7,
        luck: float = 0.06,
    ) -> None:
        rng = np.random.default_rng(seed)
        self.names = np.repeat(np.arange(networks), members)
        self.macs = (1e6 * 2 ** (np.arange(networks) / 2)).astype(np.int64)[self.names]
        skill = 1.6 + 0.15 * np.arange(networks) / 2 + luck * rng.standard_normal(networks)
        self.skill = skill[self.names] + luck / 3 * rng.standard_normal(len(self.names))
        self.classes, self.networks = classes, networks
        self.noise = shared, network, own

    def draw(self, images: int, seed: int) -> tuple[Candidates, Labels]:
        """Return all members with their probabilities on so many new images, and the labels."""
        rng = np.random.default_rng(seed)
        shared, network, own = self.noise
        labels = rng.integers(0, self.classes, images)
        count, shape = len(self.macs), (images, self.classes)
        logits = own * rng.standard_normal((count, *shape))
        logits += shared * rng.standard_normal(shape)
        logits += network * rng.standard_normal((self.networks, *shape))[self.names]
        logits[:, np.arange(images), labels] += self.skill[:, None]
        powers = np.exp(logits)
        networks = [f"network{k}" for k in self.names]
        candidates = Candidates(
            keys=tuple(f"member{m}" for m in range(count)),
            networks=tuple(networks),
            macs=self.macs,
            probs=powers / powers.sum(axis=2, keepdims=True),
        )
        return candidates, labels
