"""timm and transformers import beside a CPU torch, whichever torchvision is installed."""

from __future__ import annotations

import subprocess
import sys


def _run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_timm_imports_after_the_operators_are_declared() -> None:
    code = "import pipelines.embed.torchvision_ops, torchvision, timm; print(timm.__name__)"
    assert _run(code) == "timm"


def test_operators_that_exist_are_left_alone() -> None:
    code = (
        "import torch\n"
        "if '+cpu' not in torch.__version__: raise SystemExit(print(None))  # has them all\n"
        "library = torch.library.Library('torchvision', 'FRAGMENT')\n"
        "schema = '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor'\n"
        "library.define('nms' + schema); library.define('qnms' + schema)\n"
        "from pipelines.embed import torchvision_ops\n"
        "print(torchvision_ops.DECLARED)"
    )
    assert _run(code) == "None"
