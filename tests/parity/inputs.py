"""The texts and pictures that every family is compared on, for the tests and for the scripts that make the references.

Both import it by its bare name, ``from inputs import PICTURES, TEXTS, upright``: pytest and ``python
tests/parity/make_<area>.py`` put this folder on the path. It needs numpy and Pillow alone and never imports clipnb, so
that it runs in every reference environment.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

__all__ = ["PICTURES", "TEXTS", "upright"]

TEXTS: list[str] = [
    "a photo of a cat",
    "a dog",
    "",
    "   ",
    "\t A  CAT\u00a0\n on\u3000the   Sofa \r\n",
    "it's 3 o'clock, they'll've 2nd-guessed: £1,234.50!?",
    "&amp; &lt;b&gt; &quot;x&quot; &amp;lt; &eacute; &#128512; AT&T",
    "“curly quotes” and ‘single ones’… – — it’s",
    "ﬁne oﬃce ﬂow ﬆ ĳ ǆ",
    "ＦＵＬＬ　ｗｉｄｔｈ１２３！",
    "Ã©tÃ© â€œschÃ¶nâ€\u009d naÃ¯ve",
    "naïve café e\u0301 = é, Å \u212b, ½ ² ① Ⅷ",
    "ein Hündchen, Straße, ÄÖÜ, İstanbul ığ",
    "кот и собака на диване",
    "γάτα ΣΊΣΥΦΟΣ ς",
    "一只猫和一只狗。",
    "猫がソファーの上にいる ｶﾀｶﾅ",
    "고양이 한 마리 \u1112\u1161\u11ab",
    "قطة صغيرة على الأريكة ١٢٣",
    "חתול קטן שָׁלוֹם",
    "\u200f\u202bقط\u202c \u2067חתול\u2069",
    "बिल्ली क्षत्रिय १२",
    "แมวน้อยน่ารัก",
    "ตั้ง ꦏꦸꦕꦶꦁ ᐴᓯ 𝒸𝒶𝓉 𐍈",
    "猫 cat قطة кот γάτα חתול 🐱",
    "😀🐱‍👤👩🏽‍🚀🏳️‍🌈🇩🇪 1️⃣ ☂️☂",
    "<|startoftext|> <|endoftext|> <s> </s> [CLS] [PAD] <unk>",
    "zero\u200bwidth soft\u00adhyphen bom\ufeff nul\u0000bell\u0007",
    "don't CAN'T I'M we'RE 'sup ''s",
    "snake_case camelCase https://example.org/a?b=c&d=1#e x==y",
    "1234567890 12,5% 3½",
    "!!! ??? ... ___ --- ~~~ $$$",
    "a " * 60 + "cat",
    "the quick brown fox jumps over the lazy dog " * 12,
    "敏捷的棕色狐狸跳过懒狗" * 40,
]
"""Everything that tokenizers are known to disagree on; the last ones are over the context of every family."""

FOLDER = Path(__file__).parent / "pictures"
PICTURES: dict[str, Path] = {path.name: path for path in sorted(FOLDER.iterdir()) if path.suffix in (".png", ".jpg")}
"""By file name: every mode, orientation and shape that preprocessing can stumble over; see make_pictures.py."""


def upright(path: Path) -> Image.Image:
    """A picture as the original libraries are given it: turned by its EXIF orientation, 16-bit grey by its high byte.

    Everything else, resizing, transparency, palettes and CMYK, is left to them.
    """
    with Image.open(path) as stored:
        stored.load()
        picture = ImageOps.exif_transpose(stored)
    if picture.mode.startswith("I"):
        return Image.fromarray((np.asarray(picture).astype(np.int64) // 256).astype(np.uint8))
    return picture
