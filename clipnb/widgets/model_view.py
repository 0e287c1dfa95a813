"""What the model picker looks like: filters, a list, a card of facts; it opens nothing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import ipywidgets as W

from clipnb.catalog import EMBEDDED, Entry, entries
from clipnb.needs import BYTES, Needs, in_words
from clipnb.widgets.controls import field, named, spoken, stylesheet

_SHOWN_CODES = 12
DEVICES = {"automatic": "", "cpu": "cpu", "cuda": "cuda", "mps": "mps"}


class ModelView:
    """The controls of the picker, each with a class by which style sheet and tests find it."""

    def __init__(self) -> None:
        known = entries().values()
        families = sorted({entry.family for entry in known})
        codes = sorted({code for entry in known for code in (*entry.languages, *entry.base_languages)})
        self.search = field(W.Text(description="Search words", placeholder="ViT-L, Chinese, Apache"), "search")
        self.family = field(
            W.Dropdown(description="Family", options=[("all families", ""), *((name, name) for name in families)]),
            "family",
        )
        self.language = field(
            W.Dropdown(description="Language", options=[("any language", ""), *((code, code) for code in codes)]),
            "language",
        )
        self.count = named(W.HTML(), "count")
        self.list = field(W.Select(description="Models", rows=12), "models")
        self.card = named(W.HTML(), "card")
        self.device = field(W.Dropdown(description="Device", options=list(DEVICES.items())), "device")
        self.dtype = field(W.Dropdown(description="Precision", options=list(BYTES)), "dtype")
        self.load = named(W.Button(description="Load", button_style="primary"), "load")
        self.progress = named(W.FloatProgress(min=0, max=1, description="Download"), "progress")
        self.message = named(W.HTML(), "status")
        self.code = named(W.HTML(), "code")
        self.show_progress(None)

    @property
    def children(self) -> tuple[W.Widget, ...]:
        """The style sheet, and the two columns: what to choose from, what it is."""
        inputs = named(W.VBox([self.search, self.family, self.language, self.count, self.list]), "input")
        choices = named(W.Box([self.device, self.dtype, self.load]), "choices")
        outputs = named(W.VBox([self.card, choices, self.progress, self.message, self.code]), "output")
        return stylesheet(), named(W.Box([inputs, outputs]), "columns")

    def show_filters(self, search: str, family: str, language: str) -> None:
        """The filters as they are; a menu that lacks one, such as another spelling of a language, gets it."""
        self.search.value = search
        for menu, value in ((self.family, family), (self.language, language)):
            if value not in [option for _, option in menu.options]:
                menu.options = [*menu.options, (value, value)]
            menu.value = value

    def show_list(self, found: Sequence[tuple[Entry, Needs]], chosen: str) -> None:
        """The models that fit, with their download; `chosen` is one of them, or ""."""
        options = [(f"{entry.name} · {_download_in_short(needs)}", entry.name) for entry, needs in found]
        self.list.options = options
        self.list.value = chosen or None
        self.count.value = spoken(f"{len(options)} of {len(entries())} models")

    def show_card(self, entry: Entry | None, needs: Needs | None, dtype: str, free: float | None) -> None:
        """The facts of a model, and what it needs of this machine."""
        if entry is None or needs is None:
            self.card.value = ""
            return
        facts = {
            "Languages": _languages(entry),
            "Towers": escape(entry.architecture),
            "Pictures": _pictures(entry),
            "Dimension": f"{entry.dim} columns",
            "Context": f"{entry.context_length} tokens a text",
            "Parameters": _parameters(needs),
            "Licence": escape(entry.license or "not published"),
            "Download": escape(download_in_words(needs)),
            "Memory": _memory(needs, dtype, free),
            "Note": escape(entry.note),
            "Source": escape(entry.source),
        }
        rows = "".join(f'<tr><th scope="row">{name}</th><td>{fact}</td></tr>' for name, fact in facts.items() if fact)
        self.card.value = f"<table><caption>{escape(entry.name)}</caption><tbody>{rows}</tbody></table>"

    def show_code(self, code: str) -> None:
        """The line that does the same; one click selects all of it."""
        self.code.value = f"<span>The same as code:</span><pre><code>{escape(code)}</code></pre>" if code else ""

    def say(self, words: str, problem: bool = False) -> None:
        """A sentence under the button."""
        self.message.value = spoken(words, problem)

    def show_progress(self, share: float | None) -> None:
        """How much of the download is there, from 0 to 1; None hides the bar."""
        self.progress.layout.display = "none" if share is None else None
        self.progress.value = share or 0.0

    def enable(self, able: bool) -> None:
        """Whether the button and the choices can be used."""
        for control in (self.load, self.list, self.device, self.dtype):
            control.disabled = not able


def download_in_words(needs: Needs) -> str:
    """What is still to be fetched, and of what."""
    if needs.complete:
        return "nothing: it is on this machine"
    words = f"{in_words(needs.to_fetch)} to fetch"
    if len(needs.parts) > 1:
        words += " (" + ", ".join(f"{part.name}: {_of(part.to_fetch, part.complete)}" for part in needs.parts) + ")"
    if needs.megabytes is not None and needs.to_fetch is not None and needs.to_fetch < needs.megabytes - 0.5:
        words += f"; {in_words(needs.megabytes - needs.to_fetch)} of {in_words(needs.megabytes)} are on this machine"
    return words


def memory_in_words(needs: Needs, dtype: str, free: float | None) -> tuple[str, bool]:
    """What the weights take in each precision, and whether the chosen one is more than is free."""
    sizes = {"float32": needs.memory("float32"), "bfloat16": needs.memory("bfloat16")}
    words = ", ".join(f"{in_words(size)} in {kind}" for kind, size in sizes.items())
    if needs.parameters is None:
        words = "not published"
    elif len(needs.parts) > 1:
        words += ", at most"  # both towers of the paired checkpoint are counted, and one is dropped
    if needs.parameters is not None and BYTES[dtype] < BYTES["float32"]:
        words += " (while it opens, up to the former)"
    if free is None:
        return words, False
    taken = needs.memory(dtype)
    return f"{words}; {in_words(free)} of main memory are free", taken is not None and taken > free


def _memory(needs: Needs, dtype: str, free: float | None) -> str:
    words, too_much = memory_in_words(needs, dtype, free)
    if not too_much:
        return escape(words)
    return f'{escape(words)}. <strong class="clipnb-warning">That is less than {escape(dtype)} needs.</strong>'


def _of(megabytes: float | None, complete: bool) -> str:
    return "on this machine" if complete else in_words(megabytes)


def _download_in_short(needs: Needs) -> str:
    return "on this machine" if needs.complete else in_words(needs.to_fetch)


def _parameters(needs: Needs) -> str:
    own, *paired = needs.parts
    words = "not published" if own.parameters is None else f"{own.parameters:g} million"
    for part in paired:
        words += f", and {part.parameters:g} million of {escape(part.name)}" if part.parameters else ""
    return words


def _pictures(entry: Entry) -> str:
    if entry.text_only:
        return f"encoded by the image tower of {escape(entry.image_tower)}"
    return f"{entry.image_size} x {entry.image_size} pixels" if entry.image_size else ""


def _languages(entry: Entry) -> str:
    """The codes, the first of many in the open; and what the authors say of them."""
    note = escape(entry.language_note)
    if not entry.languages:
        return note or "not published"
    codes = entry.languages
    words = escape(", ".join(codes))
    if len(codes) > _SHOWN_CODES:
        words = f"<details><summary>{len(codes)}: {', '.join(codes[:_SHOWN_CODES])}, ...</summary>{words}</details>"
    base = f"{len(entry.base_languages)} by its language model, less well" if entry.base_languages else ""
    return "".join(f"<div>{part}</div>" for part in (words, base, f"<small>{note}</small>" if note else "") if part)


def code_of(name: str, device: str, dtype: str) -> str:
    """The call that opens the model with these choices."""
    options = [] if name == EMBEDDED else [f'"{name}"']
    options += [f'device="{device}"'] if device else []
    options += [f'dtype="{dtype}"'] if dtype != "float32" else []
    return f"model = clipnb.load({', '.join(options)})"
