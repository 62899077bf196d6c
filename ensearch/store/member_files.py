"""The files of members and models, written with their digests and held against them when read."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ensearch.core import Predictions
from ensearch.files import atomic, sha256
from ensearch.store import digests, files
from ensearch.store.connection import Connected
from ensearch.store.digests import WEIGHTS

Content = TypeVar("Content")
CHANGED = "does not hold what was written to it: restore a copy or delete it"


class MemberFiles(Connected):
    """Predictions and weights by the key of a member or model. Methods raise StorageError.

    A file without a digest, of a storage from before they were kept, is believed.
    """

    def write(
        self, key: str, predictions: Sequence[Predictions], weights: bytes | None = None
    ) -> dict[str, str]:
        """Write files, and return their digests, which `digests.put` keeps with the row.

        Those of the files that they replace are forgotten first: a kill in between leaves files
        that nobody has verified, never some that seem to be damaged.
        """
        for prediction in predictions:
            if prediction.member != key:
                raise ValueError(f"predictions of {prediction.member} given for member {key}.")
        contents = {p.split: files.content_of(p) for p in predictions}
        if weights is not None:
            contents[WEIGHTS] = weights
        with self._read() as connection:
            replaced = contents.keys() & digests.parts(connection, key).keys()
        if replaced:
            with self._write() as connection:
                digests.forget(connection, key, replaced)
        with self._root() as root:
            for part, content in contents.items():
                atomic.write(_path(root, key, part), content, parents=False)
        self._present_files()  # once more: it may have been renamed or unmounted meanwhile
        return {part: sha256.of(content) for part, content in contents.items()}

    def predictions(self, key: str, split: str) -> Predictions:
        """Logits (N x C, float16). Raises StorageError if they are missing, damaged or others."""
        with self._root() as root:
            path = files.predictions_path(root, key, split)
            content = self._unchanged(
                key, split, path, lambda: files.read(path, files.unusable), sha256.of
            )
        return files.predictions_of(content, path, key, split)

    def weights(self, key: str) -> Path:
        """The safetensors file. Raises StorageError if there is none, or if it has changed."""
        with self._root() as root:
            path = files.weights_path(root, key)
            if not path.is_file():
                says = "is missing: its weights were not kept, or restore a copy"
                raise files.unusable(path, says)
            self._unchanged(key, WEIGHTS, path, lambda: path, sha256.of_file)
        return path

    def digests(self, key: str) -> dict[str, str]:
        """The digests of a member or model, by part."""
        with self._read() as connection:
            return digests.parts(connection, key)

    def verified(self, key: str, parts: Sequence[str]) -> None:
        """Keep the digests of parts as they are now: what they hold has been verified."""
        with self._root() as root:
            found = {part: sha256.of_file(_path(root, key, part)) for part in parts}
        with self._write() as connection:
            digests.put(connection, key, found)

    def forget(self, key: str, parts: Sequence[str]) -> None:
        """Forget the digests of parts: nobody has verified what they hold."""
        with self._write() as connection:
            digests.forget(connection, key, parts)

    def paths(self, key: str, parts: Sequence[str]) -> dict[str, Path]:
        """Where parts of a member or model lie."""
        return {part: _path(self._present_files(), key, part) for part in parts}

    def check(self, key: str) -> None:
        """Raise StorageError if the folder is not there, or if the key cannot name a file."""
        files.weights_path(self._present_files(), key)

    def remove(self, key: str) -> None:
        """Take the files of a member or model away, after its row and its digests.

        A kill in between leaves files that nothing reads.
        """
        with self._root() as root:
            for part in ("val", "test", WEIGHTS):
                files.remove(_path(root, key, part))
            files.discard_checkpoint(files.checkpoint_path(root, key))

    def _unchanged(
        self,
        key: str,
        part: str,
        path: Path,
        read: Callable[[], Content],
        digest_of: Callable[[Content], str],
    ) -> Content:
        """What `read` returns of a file, if the digest of that is the one that is kept."""
        known = self._digest(key, part)
        while True:
            content = read()
            if known is None or digest_of(content) == known:
                return content
            # Another driver may have trained the member again meanwhile.
            before, known = known, self._digest(key, part)
            if known == before:
                raise files.unusable(path, CHANGED, changed=True)

    def _digest(self, key: str, part: str) -> str | None:
        with self._read() as connection:
            return digests.get(connection, key, part)


def _path(root: Path, key: str, part: str) -> Path:
    if part == WEIGHTS:
        return files.weights_path(root, key)
    return files.predictions_path(root, key, part)
