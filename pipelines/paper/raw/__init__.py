"""The raw-data baseline: ViT and BERT fine-tuned end to end under the fused heads, on CPUs.

Belongs here: the two towers under a head, the exact gradient of a large batch in the memory of a
small one, checkpoints. Does not belong here: which rows and which protocol (raw_group.py), the
heads and the loss (pipelines/fusion/heads), bringing weights (pipelines/embed/weights.py).

Source: Restrepo et al. 2024, arXiv 2406.02601, approach "raw data": ViT-B/16 of ImageNet-21k and
BERT base uncased.
"""

from pipelines.paper.raw.rows import RawConfig, RawRows, RawTrained
from pipelines.paper.raw.train import train_raw

__all__ = ["RawConfig", "RawRows", "RawTrained", "train_raw"]
