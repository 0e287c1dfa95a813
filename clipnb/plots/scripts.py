"""Text of every script in a figure: its direction, the fonts that draw it, and where a line of it may break."""

from __future__ import annotations

from unicodedata import category, east_asian_width

from clipnb.languages import language
from clipnb.plots.palette import FONT, plain, text_columns

__all__ = ["directed", "font_of", "lines_of", "name_of", "shown"]

# Chinese, Japanese and Korean share code points and differ in the shapes that a reader expects.
_HAN = {"Hans": "SC", "Hant": "TC", "Jpan": "JP", "Kore": "KR", "Hant-HK": "HK"}
_OTHER = {
    "Arab": "Arabic",
    "Armn": "Armenian",
    "Beng": "Bengali",
    "Cher": "Cherokee",
    "Deva": "Devanagari",
    "Ethi": "Ethiopic",
    "Geor": "Georgian",
    "Gujr": "Gujarati",
    "Guru": "Gurmukhi",
    "Hebr": "Hebrew",
    "Khmr": "Khmer",
    "Knda": "Kannada",
    "Laoo": "Lao",
    "Mlym": "Malayalam",
    "Mymr": "Myanmar",
    "Olck": "Ol Chiki",
    "Orya": "Oriya",
    "Sinh": "Sinhala",
    "Syrc": "Syriac",
    "Taml": "Tamil",
    "Telu": "Telugu",
    "Thaa": "Thaana",
    "Thai": "Thai",
    "Tibt": "Tibetan",
}
_LTR, _RTL, _AUTO, _END = "\u2066", "\u2067", "\u2068", "\u2069"
_NOT_FIRST = set(
    "、。，．・：；？！）］｝〉》」』】〕…ー々ゝゞぁぃぅぇぉっゃゅょァィゥェォッャュョ,.;:!?)]}%ะาำๅๆฯະາຳໆ"
)
_NOT_LAST = set("（［｛〈《「『【〔([{เแโใไເແໂໃໄ")


def font_of(code: str | None) -> str:
    """The fonts for a language, the best first; the browser takes the first that it has, glyph by glyph."""
    if code is None:
        return FONT
    found = language(code)
    han = _HAN.get("Hant-HK" if found.code.startswith("zh-Hant-HK") or found.code == "yue" else found.script)
    first = f"Noto Sans CJK {han}" if han else f"Noto Sans {_OTHER[found.script]}" if found.script in _OTHER else None
    return f"{first}, {FONT}" if first else FONT


def directed(text: str, code: str | None = None) -> str:
    """The text between marks that keep its direction to itself: full stops and digits stay on their side.

    Args:
        text: what is shown, markup and all.
        code: its language; None: the first strong letter decides.
    """
    start = _AUTO if code is None else _RTL if language(code).right_to_left else _LTR
    return f"{start}{text}{_END}"


def name_of(code: str, names: str = "english") -> str:
    """What a figure calls a language: ``"english"``, ``"native"`` or ``"code"``."""
    found = language(code)
    return {"english": found.name, "native": found.native}.get(names, found.code)


def lines_of(text: str, columns: int, lines: int = 2) -> list[str]:
    """The text in at most `lines` lines of `columns` each, the last one cut with an ellipsis where it has to be.

    Lines break at blanks. Scripts that write none (Chinese, Japanese, Thai, Lao, Khmer, Burmese) break between
    characters, never before a combining mark or a closing one and never after an opening one; a word longer than a
    line breaks likewise.
    """
    found: list[str] = []
    rest = " ".join(text.split())
    while rest and len(found) < lines - 1 and text_columns(rest) > columns:
        end = _break(rest, columns)
        found.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [*found, rest] if rest else found or [""]


def shown(text: str, code: str | None, columns: int, lines: int = 2) -> str:
    """Lines of markup for plotly, each with its direction."""
    return "<br>".join(directed(plain(line, columns), code) for line in lines_of(text, columns, lines))


def _break(text: str, columns: int) -> int:
    """How many characters go on the first line."""
    used, end, blank = 0, 0, 0
    for i, char in enumerate(text):
        used += text_columns(char)
        if used > columns:
            break
        end = i + 1
        if char == " ":
            blank = i + 1
    if text[end : end + 1] == " ":
        return end
    # A blank in the last two thirds of the line is a good place; in a script without blanks there is none.
    if blank and (3 * blank > end or east_asian_width(text[end - 1]) not in "WF"):
        return blank
    back = end
    while back > 1 and not _may_break(text[back - 1], text[back]):
        back -= 1
    return back if back > 1 else max(1, end)


def _may_break(before: str, after: str) -> bool:
    joined = category(after) in ("Mn", "Mc", "Me") or after in "\u200d\u200c" or before in "\u200d\u17d2\u1039"
    return not (joined or after in _NOT_FIRST or before in _NOT_LAST)
