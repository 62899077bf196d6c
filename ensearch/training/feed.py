"""The batches of members in lockstep, whose random numbers lie on the device for a whole epoch.

A counter there says which step is next, so that a step is the same operations on the same memory
every time. All that needs no pixels is computed for an epoch at once: from which pixel each pixel
of each batch comes, as a row and a column, and the labels. A step then adds rows and columns and
gathers: 7 kernels where pictures are flipped and cropped, not the 30 of a step that does it all.
"""

from collections.abc import Sequence

import torch

from ensearch.core import Member
from ensearch.training import augment
from ensearch.training.augment import Augmentation
from ensearch.training.data import Images
from ensearch.training.loop import batches, draw_epoch
from ensearch.training.optimizer import learning_rate

# What changes pixels themselves, after they are gathered.
_LATER = ("hole", "box")


class Feed:
    """The next batch of k members at every call.

    What is drawn lies in memory that stays the same from epoch to epoch, as a recorded step needs.
    """

    def __init__(self, images: Images, members: Sequence[Member]) -> None:
        self._images, self._schedule, self._members = images, members[0].schedule, len(members)
        self.steps, self._size = batches(self._schedule, images)
        device = images.x_train.device
        self._step = torch.zeros(1, dtype=torch.int64, device=device)
        # The optimizer on a GPU reads the rate in single precision; elsewhere it stays as exact as
        # it is alone.
        exact = torch.float32 if images.x_train.is_cuda else torch.float64
        self._rates = torch.zeros(self.steps, dtype=exact, device=device)
        self._rate = torch.zeros(1, dtype=exact, device=device)
        self.lr = self._rate[0]
        table, later = self._draw(members, 0)
        self._table = table
        self._later = later

    def fill(self, members: Sequence[Member], epoch: int) -> None:
        """Draw the members' epoch and go to its first step."""
        table, later = self._draw(members, epoch)
        self._table.copy_(table)
        for name, drawn in later.items():
            self._later[name].copy_(drawn)
        schedule, first = self._schedule, epoch * self.steps
        rates = [
            learning_rate(
                first + step, schedule.epochs * self.steps, schedule.warmup, schedule.peak_lr
            )
            for step in range(self.steps)
        ]
        self._rates.copy_(torch.tensor(rates, dtype=self._rates.dtype))
        self.rewind()

    def rewind(self) -> None:
        """Go to the first step of the epoch that was drawn."""
        self._step.zero_()

    def next(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The batches of the next step: images B x R x R x k x C, normalised, and labels B x k.

        Members lie beside each other in every pixel, as a fused network reads them.
        """
        torch.index_select(self._rates, 0, self._step, out=self._rate)
        drawn = self._table.index_select(0, self._step)[0]
        later = {name: t.index_select(0, self._step)[0] for name, t in self._later.items()}
        self._step.add_(1)
        size, k = self._size, self._members
        _, height, width, channels = self._images.x_train.shape
        rows, columns, labels = torch.split(drawn, [size * height * k, size * width * k, size * k])
        pixels = rows.view(size, height, 1, k) + columns.view(size, 1, width, k)
        stored = self._images.x_train.view(-1, channels)
        x = torch.sub(stored.index_select(0, pixels.view(-1)), self._images.mean)
        x = x.div_(self._images.std).view(size, height, width, k, channels)
        return self._changed(x, later), labels.view(size, k)

    def _changed(self, x: torch.Tensor, later: dict[str, torch.Tensor]) -> torch.Tensor:
        """The images resized and cut out, if the schedule asks for it."""
        if not later:
            return x
        alone = x.movedim(3, 0).flatten(0, 1)  # (k B) x R x R x C
        changes = self._changes({name: drawn.flatten(0, 1) for name, drawn in later.items()})
        alone = augment.cut_out(augment.resized_crop(alone, changes), changes)
        return alone.view(self._members, -1, *alone.shape[1:]).movedim(0, 3)

    def _changes(self, drawn: dict[str, torch.Tensor]) -> Augmentation:
        nothing = dict.fromkeys(augment.DRAWN)
        return Augmentation(**(nothing | drawn), hole_side=self._schedule.cutout)

    def _draw(
        self, members: Sequence[Member], epoch: int
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """For each step of an epoch: rows, columns and labels in one row; and what comes later.

        The latter by its name in `Augmentation`: steps x k x B x ...
        """
        images, used = self._images, self.steps * self._size
        _, height, width, _ = images.x_train.shape
        parts: list[list[torch.Tensor]] = []
        later: dict[str, list[torch.Tensor]] = {}
        for member in members:
            order, changes = draw_epoch(images, member, epoch)
            order = order[:used].to(images.x_train.device)
            changes = changes[slice(used)].to(str(images.x_train.device))
            rows, columns = augment.sources(height, width, used, changes, order.device)
            rows = (order[:, None] * height + rows) * width
            parts.append([rows, columns, images.y_train[order][:, None]])
            for name in _LATER:
                value = getattr(changes, name)
                if value is not None:
                    by_step = value.reshape(self.steps, self._size, *value.shape[1:])
                    later.setdefault(name, []).append(by_step)
        together = [torch.stack(same, dim=-1) for same in zip(*parts, strict=True)]
        table = torch.cat([t.reshape(self.steps, -1) for t in together], dim=1)
        return table, {name: torch.stack(drawn, dim=1) for name, drawn in later.items()}
