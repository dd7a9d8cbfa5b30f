"""Overrides of a shipped profile: its encoders by torch, as in profiles of one's own."""

from __future__ import annotations

BY_TORCH: dict[str, object] = {"embed.image.runtime": None, "embed.text.runtime": None}
