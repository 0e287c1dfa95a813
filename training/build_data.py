"""Builds the emoji data: concepts, one sheet of pictures a style, names and keywords in every CLDR locale.

Shipped styles go to clipnb/data/emoji, the others (no picture of theirs is redistributed) to the work folder.
"""

import io
import json
import lzma
import re
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import resvg_py
from PIL import Image, ImageDraw, ImageFont

from paths import COLUMNS, EMOJI, HELD_OUT, NODE_MODULES, SEED, TILE, saved
from styles import STYLES, Style

MIN_NAMES = 900  # a locale with fewer names is left out
EMOJIBASE = NODE_MODULES / "emojibase-data"


def squash(name: str) -> str:
    """Names are compared by their letters and digits alone: icon sets spell the same name in many ways."""
    return re.sub(r"[^a-z0-9]", "", name.lower().replace("&", "and").replace("’", ""))


def bare(code: str) -> str:
    """A code point sequence without the variation selector, lower case: '2764-fe0f' -> '2764'."""
    return "-".join(part for part in code.lower().split("-") if part != "fe0f").lstrip("0")


def read_concepts() -> list[dict]:
    """Every emoji without skin tones and components, in Unicode's order, with a fixed held-out draw."""
    groups = json.loads((EMOJIBASE / "meta" / "groups.json").read_text())
    titles = {
        item["key"]: item["message"] for item in json.loads((EMOJIBASE / "en" / "messages.json").read_text())["groups"]
    }
    concepts = []
    for item in sorted(json.loads((EMOJIBASE / "en" / "data.json").read_text()), key=lambda item: item.get("order", 0)):
        if item.get("group") in (None, 2):
            continue
        group, subgroup = groups["groups"][str(item["group"])], groups["subgroups"][str(item["subgroup"])]
        concepts.append({"emoji": item["emoji"], "code": item["hexcode"].lower(), "name": item["label"],
                         "group": titles.get(group, group), "subgroup": subgroup, "held_out": False})  # fmt: skip
    for i in np.random.default_rng(SEED).choice(len(concepts), HELD_OUT, replace=False):
        concepts[i]["held_out"] = True
    return concepts


def name_index(concepts: list[dict]) -> dict[str, int]:
    """Squashed English names and shortcodes -> concept; the current CLDR name wins over a shortcode."""
    by_code = {bare(concept["code"]): i for i, concept in enumerate(concepts)}
    index: dict[str, int] = {}
    for file in ("cldr", "emojibase", "github", "iamcal", "joypixels"):
        for code, names in json.loads((EMOJIBASE / "en" / "shortcodes" / f"{file}.json").read_text()).items():
            if bare(code) in by_code:
                for name in [names] if isinstance(names, str) else names:
                    index.setdefault(squash(name), by_code[bare(code)])
    for i, concept in enumerate(concepts):
        index[squash(concept["name"])] = i
        if concept["subgroup"] == "country-flag":
            country = concept["name"].removeprefix("flag: ")
            index.setdefault(squash("flag for " + country), i)
    return index


def icons(style: Style, concepts: list[dict]) -> dict[int, str]:
    """concept -> SVG text, for an Iconify set: by code point where the set lists them, else by name."""
    folder = NODE_MODULES / style.package
    sheet = json.loads((folder / "icons.json").read_text())
    by_code = {bare(concept["code"]): i for i, concept in enumerate(concepts)}
    names = name_index(concepts)
    chars: dict[str, list[str]] = {}
    if (folder / "chars.json").exists():
        for code, icon in json.loads((folder / "chars.json").read_text()).items():
            chars.setdefault(icon, []).append(code)
    found: dict[int, str] = {}
    for icon, entry in sheet["icons"].items():
        rows = [by_code[bare(code)] for code in chars.get(icon, ()) if bare(code) in by_code]
        if not rows and not chars:
            row = names.get(squash(icon), names.get(squash(re.sub(r"-[0-9]$", "", icon))))
            rows = [] if row is None else [row]
        for row in rows:
            if row not in found:
                width, height = (entry.get(side, sheet.get(side, 16)) for side in ("width", "height"))
                box = f"{entry.get('left', 0)} {entry.get('top', 0)} {width} {height}"
                found[row] = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{entry["body"]}</svg>'
    return found


def render_svg(svg: str) -> np.ndarray:
    """[TILE, TILE, 4] uint8, drawn at four times the size and reduced, the picture centred in the square."""
    svg = svg.replace("currentColor", "#222")
    picture = Image.open(
        io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg, width=4 * TILE, skip_system_fonts=True)))
    )
    picture = picture.convert("RGBA")
    side = max(picture.size)
    square = Image.new("RGBA", (side, side))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return np.asarray(square.resize((TILE, TILE), Image.Resampling.LANCZOS))


def render_glyphs(style: Style, concepts: list[dict]) -> dict[int, np.ndarray]:
    """The monochrome font's glyph of every concept that is a single character (sequences need a shaper)."""
    path = NODE_MODULES / style.package / "400Regular" / "NotoEmoji_400Regular.ttf"
    font = ImageFont.truetype(str(path), 4 * TILE * 3 // 4)
    missing = font.getmask("\U0010fffe").getbbox(), bytes(font.getmask("\U0010fffe"))
    tiles = {}
    for row, concept in enumerate(concepts):
        text = concept["emoji"].replace("\ufe0f", "")
        if len(text) != 1:
            continue
        mask = font.getmask(text)
        if not mask.getbbox() or (mask.getbbox(), bytes(mask)) == missing:
            continue
        picture = Image.new("RGBA", (4 * TILE, 4 * TILE))
        ImageDraw.Draw(picture).text((2 * TILE, 2 * TILE), text, font=font, fill="#222", anchor="mm")
        tiles[row] = np.asarray(picture.resize((TILE, TILE), Image.Resampling.LANCZOS))
    return tiles


def coarse(tile: np.ndarray) -> np.ndarray:
    """Colours in steps of 8 and opacity in steps of 16: half the bytes, at most four grey levels off."""
    steps = np.array([8, 8, 8, 16])
    tile = np.minimum((tile.astype(int) + steps // 2) // steps * steps, 255).astype(np.uint8)
    tile[tile[..., 3] == 0] = 0
    return tile


def write_sheet(name: str, tiles: dict[int, np.ndarray], ships: bool) -> list[int]:
    """Tiles -> one lossless WebP; returns which concept each tile shows."""
    rows = sorted(tiles)
    sheet = np.zeros((-(-len(rows) // COLUMNS) * TILE, COLUMNS * TILE, 4), np.uint8)
    for i, row in enumerate(rows):
        y, x = divmod(i, COLUMNS)
        sheet[y * TILE : (y + 1) * TILE, x * TILE : (x + 1) * TILE] = coarse(tiles[row])
    path = EMOJI / f"{name}.webp" if ships else saved(f"sheets/{name}.webp")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(path, lossless=True, quality=80, method=4)
    return rows


def read_names(concepts: list[dict]) -> dict[str, dict[str, list[str]]]:
    """locale -> concept index -> [name, keyword, keyword, …], for locales with at least MIN_NAMES names."""
    by_code = {bare(concept["code"]): i for i, concept in enumerate(concepts)}
    locales: dict[str, dict[str, list[str]]] = {}
    for package, folder, key in (("cldr-annotations-full", "annotations", "annotations"),
                                 ("cldr-annotations-derived-full", "annotationsDerived", "annotationsDerived")):  # fmt: skip
        for path in sorted((NODE_MODULES / package / folder).glob("*/annotations.json")):
            entries = json.loads(path.read_text())[key].get("annotations", {})
            table = locales.setdefault(path.parent.name, {})
            for text, entry in entries.items():
                row = by_code.get(bare("-".join(f"{ord(char):x}" for char in text)))
                if row is None or not entry.get("tts"):
                    continue
                name = entry["tts"][0]
                keywords = [word for word in dict.fromkeys(entry.get("default", ())) if word != name]
                table[str(row)] = [name, *keywords]
    kept = {locale: table for locale, table in sorted(locales.items()) if len(table) >= MIN_NAMES}
    # A regional variant that only repeats its parent adds bytes, not words.
    for locale in list(kept):
        parent = locale.split("-")[0]
        if locale != parent and parent in kept:
            same = sum(kept[parent].get(row) == words for row, words in kept[locale].items())
            if same > 0.9 * len(kept[locale]):
                del kept[locale]
    return kept


def attribution(locales: int) -> str:
    """Who drew the pictures and who wrote the names that ship, with their licences."""
    lines = ["# Emoji pictures and names", "", "Rendered from SVG at 64 pixels; colours in steps of 8, opacity in steps of 16.", "",
             "| style | title | author | licence | source |", "|---|---|---|---|---|"]  # fmt: skip
    for style in STYLES:
        if style.ships:
            lines.append(
                f"| `{style.name}` | {style.title} | {style.author} | {style.licence} | {style.url}, by npm {style.package} |"
            )
    lines += ["", f"Names and keywords in {locales} locales: Unicode CLDR 48 annotations, © Unicode, Inc., Unicode-3.0 licence",
              "(https://www.unicode.org/license.txt). Groups and order: emojibase-data 17, MIT, © Miles Johnson.", "",
              "Creative Commons BY 4.0: https://creativecommons.org/licenses/by/4.0/. Changes made: rasterised, colours reduced."]  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> None:
    EMOJI.mkdir(parents=True, exist_ok=True)
    concepts = read_concepts()
    facts = {}
    with ProcessPoolExecutor(2) as pool:
        for style in STYLES:
            if style.name == "noto-line":
                tiles = render_glyphs(style, concepts)
            else:
                found = icons(style, concepts)
                tiles = dict(zip(found, pool.map(render_svg, found.values(), chunksize=32), strict=True))
            rows = write_sheet(style.name, tiles, style.ships)
            fact = {"title": style.title, "author": style.author, "licence": style.licence, "url": style.url,
                    "package": style.package, "role": style.role, "rows": rows}  # fmt: skip
            facts[style.name] = fact
            print(f"{style.name:18} {len(rows):5} pictures  {style.role}", flush=True)
    shipped = {style.name: facts[style.name] for style in STYLES if style.ships}
    (EMOJI / "concepts.json").write_text(json.dumps({"concepts": concepts, "styles": shipped}, ensure_ascii=False))
    saved("styles.json").write_text(json.dumps(facts))
    names = read_names(concepts)
    packed = lzma.compress(json.dumps({"locales": names}, ensure_ascii=False).encode(), preset=9 | lzma.PRESET_EXTREME)
    (EMOJI / "names.json.xz").write_bytes(packed)
    (EMOJI / "ATTRIBUTION.md").write_text(attribution(len(names)))
    words = sum(len(entry) for table in names.values() for entry in table.values())
    print(f"{len(concepts)} concepts, {len(names)} locales, {words} names and keywords, {len(packed) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
