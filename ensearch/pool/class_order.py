"""The order of the columns of predictions: the dataset's own, or that of another reader.

Programs number classes in plain order of their names (0, 1, 10, 2) or in natural order without
regard to case (0, 1, 2, 10), as the training script of timm does. Nothing in a file of weights says
which, and a model whose columns are in the other order looks like a poor one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ensearch.core import Labels
from ensearch.errors import UsageError, unknown
from ensearch.pool.prediction_file import Predicted
from ensearch.store.labels import SplitLabels
from ensearch.units import few

DATASET, PLAIN, NATURAL = ORDERS = ("dataset", "plain", "natural")
# A sign test says that the other order is the right one. Of a known order: 4 standard errors. Of
# any order, which half of the rows chose and the other half judges: 5, a tenth of the rows, and
# that the right labels get e^0.1 times the probability, so that no hair's breadth is an order.
SURE_OF_KNOWN, SURE_OF_ANY, FAR, SURER = 4.0, 5.0, 0.1, 0.1

Columns = npt.NDArray[np.int64]  # of each label of the dataset, the column that is its own


def check(order: str | None) -> None:
    """Raises UsageError unless it is None or one of ORDERS."""
    if order is not None and order not in ORDERS:
        raise unknown("order of classes", order, ORDERS)


def columns(classes: Sequence[str], order: str) -> Columns:
    """The column of each class in predictions whose columns are in that order.

    >>> columns(["0", "1", "10", "2"], "natural").tolist()
    [0, 1, 3, 2]
    """
    if order == DATASET:
        return np.arange(len(classes))
    key = _natural if order == NATURAL else str
    ranked = sorted(range(len(classes)), key=lambda label: key(classes[label]))
    return np.argsort(np.array(ranked, dtype=np.int64))


def _natural(name: str) -> tuple[tuple[int, int | str], ...]:
    parts = re.split(r"(\d+)", name.lower())
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts)


def difference(classes: Sequence[str]) -> str:
    """A sentence where natural order is not that of the classes; "" if it is."""
    ranked = columns(classes, NATURAL)
    if (ranked == np.arange(len(ranked))).all():
        return ""
    natural = [classes[label] for label in np.argsort(ranked)]
    return (
        f"classes are in the order {few(classes)}, and not in natural order ({few(natural)}): a "
        "model of a program that sorts so, as the training script of timm does, has its columns in "
        "natural order"
    )


def origin(order: str | None) -> str:
    """What the origin of a model says of the order of its columns, for people."""
    return f"; columns were in {order} order" if order in (PLAIN, NATURAL) else ""


def ordered(predicted: Predicted, where: Columns) -> Predicted:
    """The predictions with their columns in the order of the dataset's classes."""
    return replace(predicted, logits=np.ascontiguousarray(predicted.logits[:, where]))


def refuse_or_note(
    name: str,
    predicted: Mapping[str, Predicted],
    labels: Mapping[str, SplitLabels],
    order: str | None,
) -> str:
    """A note where another order of the columns is right far more often; "" where none is.

    Raises UsageError instead where nobody said an order.
    """
    says, better = doubt(name, predicted, labels)
    if says and order is None:
        raise UsageError(
            f"{says}.", problem="class_order" if better else "class_order_unknown", order=better
        )
    return says


def doubt(
    name: str, predicted: Mapping[str, Predicted], labels: Mapping[str, SplitLabels]
) -> tuple[str, str]:
    """A sentence on the order that is right far more often, and its name; "" if there is none.

    Of val, then of test, whose accuracies are not said. Where only test is in another order, no
    order of both would be right, and none has a name.
    """
    for split in ("val", "test"):
        if split in predicted:
            says, better = _of_split(name, split, predicted[split].logits, labels[split])
            if says and split == "test" and "val" in predicted:
                return f"{says}; on val it is not", ""
            if says:
                return says, better
    return "", ""


def _of_split(
    name: str, split: str, logits: npt.NDArray[np.float16], labels: SplitLabels
) -> tuple[str, str]:
    guesses = logits.argmax(axis=1).astype(np.int64)
    own = guesses == labels.values
    any_order, surer = _in_any_order(logits, labels.values)
    is_any = _is_far_better(any_order, own) and surer.mean() > SURER
    for order in (NATURAL, PLAIN) if labels.classes else ():
        where = columns(labels.classes, order)
        other = np.argsort(where)[guesses] == labels.values
        # One that only happens to be better than the columns as they are is not the right one.
        if is_any and _is_far_better(any_order, other):
            continue
        if _sign_test(other, own) > SURE_OF_KNOWN:
            names = [labels.classes[label] for label in np.argsort(where)]
            what = f"with its columns in {order} order of the names of classes ({few(names)})"
            return _compared(name, split, own, other, what), order
    if is_any:
        of_classes = f" ({few(labels.classes)})" if labels.classes else ""
        compared = _compared(name, split, own, any_order, "with its columns in another order")
        return f"{compared}: column 0 should be that of label 0, and so on{of_classes}", ""
    return "", ""


def _is_far_better(other: npt.NDArray[np.bool_], own: npt.NDArray[np.bool_]) -> bool:
    return _sign_test(other, own) > SURE_OF_ANY and bool(other.mean() - own.mean() > FAR)


def _compared(
    name: str, split: str, own: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_], what: str
) -> str:
    if split == "test":
        return f"{name} is right on test far more often {what} than as they are"
    return f"{name} is right on {own.mean():.2%} of {split}, and on {other.mean():.2%} {what}"


def _sign_test(other: npt.NDArray[np.bool_], own: npt.NDArray[np.bool_]) -> float:
    """Standard errors by which the other is right on more rows."""
    more, fewer = int((other & ~own).sum()), int((own & ~other).sum())
    return float((more - fewer) / max(1, more + fewer) ** 0.5)


def _in_any_order(
    logits: npt.NDArray[np.float16], labels: Labels
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32]]:
    """Rows that are right in another order, and how much larger the logits of their labels are.

    The order is the one in which the other half of the rows is right most often.
    """
    guesses, count = logits.argmax(axis=1).astype(np.int64), logits.shape[1]
    right = np.zeros(len(labels), dtype=bool)
    surer = np.zeros(len(labels), dtype=np.float32)
    for half in (0, 1):
        meant = _matched(guesses[1 - half :: 2], labels[1 - half :: 2], count)
        own = np.arange(count)  # the column of each label, its own where none is known
        own[meant[meant >= 0]] = np.flatnonzero(meant >= 0)
        rows = np.arange(half, len(labels), 2)
        right[rows] = meant[guesses[rows]] == labels[rows]
        of_other, of_own = logits[rows, own[labels[rows]]], logits[rows, labels[rows]]
        surer[rows] = of_other.astype(np.float32) - of_own.astype(np.float32)
    return right, surer


def _matched(guesses: Labels, labels: Labels, count: int) -> Labels:
    """The label that each column seems to mean, each once; the largest counts choose first.

    A column without a label that is left keeps -1, which is always wrong.
    """
    pairs, counts = np.unique(guesses * count + labels, return_counts=True)
    meant = np.full(count, -1, dtype=np.int64)
    taken: set[int] = set()
    for pair in pairs[np.argsort(-counts, kind="stable")].tolist():
        column, label = divmod(pair, count)
        if meant[column] < 0 and label not in taken:
            meant[column] = label
            taken.add(label)
    return meant
