"""The menu of template sets: the general ones, one's own, those of data sets, and those of languages."""

from __future__ import annotations

from collections.abc import Sequence

from clipnb.prompts import TEMPLATES

__all__ = ["OWN", "known_set", "template_menu"]

OWN = "own"
_FIRST = {
    "plain": "The label alone",
    "photo": "Sentences for photographs",
    "emoji": "Sentences for emoji",
    OWN: "My own sentences",
}


def template_menu() -> list[tuple[str, str]]:
    """Pairs of what the menu says and the name of the set, group by group."""
    menu = [(words, key) for key, words in _FIRST.items()]
    others = [key for key in TEMPLATES if key not in _FIRST]
    published = [key for key in others if not key.startswith("photo-")]
    spoken = sorted((key for key in others if key.startswith("photo-")), key=lambda key: TEMPLATES[key].title)
    for group, keys in (("Data sets", published), ("Languages", spoken)):
        menu += [(f"{group} · {TEMPLATES[key].title} ({_count(TEMPLATES[key])})", key) for key in keys]
    return menu


def known_set(templates: Sequence[str], preferred: str | None = None) -> str | None:
    """The name of the set that consists of these sentences; the preferred one where several do."""
    names = [preferred, *TEMPLATES] if preferred in TEMPLATES else list(TEMPLATES)
    return next((name for name in names if name and list(TEMPLATES[name]) == list(templates)), None)


def _count(sentences: Sequence[str]) -> str:
    return f"{len(sentences)} sentences" if len(sentences) > 1 else "1 sentence"
