"""What is read of a result of Great Expectations."""

from __future__ import annotations

from typing import Any


def which(result: Any) -> tuple[str, str]:
    """Type and code: what a result and its rule share."""
    config = result.expectation_config
    return config.type, config.meta.get("code")


def summary(result: Any) -> dict[str, Any]:
    """What gx_results.json says of a result."""
    counts = ("element_count", "unexpected_count", "missing_count")
    kwargs = result.expectation_config.kwargs
    return {
        "expectation": result.expectation_config.type,
        "code": result.expectation_config.meta.get("code"),
        "success": bool(result.success),
        "kwargs": {k: v for k, v in kwargs.items() if isinstance(v, (str, int, float))},
        **{name: int(result.result[name]) for name in counts if name in result.result},
    }
