"""The raw-data baseline: ViT and BERT fine-tuned end to end under the fused heads, on CPUs.

Source: Restrepo et al. 2024, arXiv 2406.02601, approach "raw data": ViT-B/16 of ImageNet-21k and
BERT base uncased.
"""

from pipelines.paper.raw.rows import RawConfig, RawRows, RawTrained
from pipelines.paper.raw.train import train_raw

__all__ = ["RawConfig", "RawRows", "RawTrained", "train_raw"]
