"""What the raw-data baseline is given, how it is set, and what it gives back.

Shape letters: N training rows, V watched rows, C outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.arrays import Float64s, Int64s
from pipelines.contracts import FusedKind
from pipelines.errors import TrainingError


@dataclass(frozen=True)
class RawRows:
    """Rows as files and texts; None where a modality is missing.

    Attributes:
        images: files that pipelines.data.pixels.read_scene reads, a few at a time.
        texts: prompts.
        label: (N,) class indices.
    """

    images: Sequence[Path | None]
    texts: Sequence[str | None]
    label: Int64s

    def __post_init__(self) -> None:
        """Refuse columns of different lengths. Raises TrainingError."""
        if not len(self.images) == len(self.texts) == len(self.label):
            raise TrainingError(
                f"{len(self.images)} images, {len(self.texts)} texts, {len(self.label)} labels",
                where="raw rows",
                fix="give one of each for every row, None where an image or a text is missing",
            )

    def __len__(self) -> int:
        return len(self.label)

    def take(self, at: Int64s) -> RawRows:
        """The rows at these positions, in this order."""
        images, texts = [self.images[i] for i in at], [self.texts[i] for i in at]
        return RawRows(images, texts, self.label[at])

    def split(self, rows: int) -> list[RawRows]:
        """Consecutive parts of at most `rows` rows."""
        every = np.arange(len(self))
        return [self.take(every[start : start + rows]) for start in range(0, len(self), rows)]


@dataclass(frozen=True)
class RawConfig:
    """How the baseline is trained. Defaults are the paper's, PyTorch's where it names none.

    Attributes:
        image_folder, text_folder: checkpoints as transformers writes them, safetensors only.
        outputs: 1 = binary, else the number of classes.
        batch_rows: rows of one step of the optimizer and of one BatchNorm.
        micro_rows: rows decoded and kept in memory at once; the gradient does not depend on it.
        learning_rate: AdamW's default, as printed; pretrained towers usually need a far lower one.
        dropout: of the head; the towers keep the dropout of their own checkpoints.
        class_weight: one weight of the positives if binary, else one for each class.
        max_tokens: longer texts are cut and counted.
    """

    image_folder: Path
    text_folder: Path
    kind: FusedKind
    outputs: int
    epochs: int = 30
    batch_rows: int = 64
    micro_rows: int = 4
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    dropout: float = 0.0
    class_weight: tuple[float, ...] | None = None
    threads: int = 1
    seed: int = 7
    max_tokens: int = 512

    def __post_init__(self) -> None:
        """Refuse settings that cannot work. Raises TrainingError."""
        counts = ("outputs", "epochs", "batch_rows", "micro_rows", "threads", "max_tokens")
        if low := [name for name in counts if getattr(self, name) < 1]:
            raise TrainingError(
                f"{', '.join(low)} below 1", where="raw-data baseline", fix="set at least 1"
            )
        if self.seed < 0:
            raise TrainingError(f"seed {self.seed}", where="raw-data baseline", fix="set 0 or more")
        if self.class_weight is not None and len(self.class_weight) != self.outputs:
            raise TrainingError(
                f"{len(self.class_weight)} class weights for {self.outputs} outputs",
                where="raw-data baseline",
                fix="give one weight for each output; if binary, the weight of the positives",
            )


@dataclass(frozen=True)
class RawTrained:
    """What training showed, epoch by epoch.

    Attributes:
        watched_logit: one (V, C) entry after each epoch.
        train_seconds, inference_seconds: over the training and the watched rows, one an epoch;
            an epoch that was killed and repeated counts once.
        loss: mean training loss over the rows, one an epoch.
        parameters_bytes: number of elements x element size of all parameters.
        batch_bytes_train, batch_bytes_watched: the same of one epoch's batches: pixels, token ids,
            masks and labels.
        truncated: texts longer than the tower reads, training and watched together.
    """

    watched_logit: tuple[Float64s, ...]
    train_seconds: tuple[float, ...]
    inference_seconds: tuple[float, ...]
    loss: tuple[float, ...]
    parameters_bytes: int
    batch_bytes_train: int
    batch_bytes_watched: int
    truncated: int

    @property
    def epochs(self) -> int:
        """Whole epochs so far."""
        return len(self.loss)
