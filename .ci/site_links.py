"""Hook of the documentation site: links out of docs/ become paths, decisions are listed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>\.\./[^)#\s]+)(?:#[^)\s]*)?\)")
REPOSITORY = Path(__file__).parents[1]


def on_config(config: Any) -> Any:
    """The navigation with every page of docs/adr."""
    decisions = sorted((REPOSITORY / "docs" / "adr").glob("*.md"))
    for part in config["nav"]:
        if isinstance(part, dict) and "Decisions" in part:
            part["Decisions"] = [f"adr/{page.name}" for page in decisions]
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page's Markdown, whose links stay inside docs/: the site holds nothing else.

    Raises:
        FileNotFoundError: a page links a file that is not in the repository.
    """
    folder = Path(page.file.abs_src_path).parent

    def as_path(link: re.Match[str]) -> str:
        target = (folder / link["target"]).resolve()
        if not target.exists():
            raise FileNotFoundError(
                f"{page.file.src_uri} links {link['target']}, which is not there"
            )
        if target.is_relative_to(REPOSITORY / "docs"):
            return link[0]
        return f"{link['text']} (`{target.relative_to(REPOSITORY)}`)"

    return LINK.sub(as_path, markdown)
