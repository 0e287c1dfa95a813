"""The drawing styles: where each comes from, its licence, and its part in the protocol."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    name: str
    title: str
    author: str
    licence: str
    url: str
    package: str
    role: str  # train | validation | test
    ships: bool = True


STYLES = (
    Style("twemoji", "Twemoji", "Twitter, Inc and other contributors", "CC-BY-4.0",
          "https://github.com/jdecked/twemoji", "@iconify-json/twemoji", "train"),
    Style("noto", "Noto Emoji", "Google Inc", "Apache-2.0",
          "https://github.com/googlefonts/noto-emoji", "@iconify-json/noto", "train"),
    Style("noto-v1", "Noto Emoji (v1)", "Google Inc", "Apache-2.0",
          "https://github.com/googlefonts/noto-emoji", "@iconify-json/noto-v1", "train"),
    Style("emojione", "Emoji One 2 (Colored)", "Emoji One", "CC-BY-4.0",
          "https://github.com/EmojiTwo/emojitwo", "@iconify-json/emojione", "train"),
    Style("streamline", "Streamline Emojis", "Streamline", "CC-BY-4.0",
          "https://github.com/webalys-hq/streamline-vectors", "@iconify-json/streamline-emojis", "train"),
    Style("emojione-monotone", "Emoji One 2 (Monotone)", "Emoji One", "CC-BY-4.0",
          "https://github.com/EmojiTwo/emojitwo", "@iconify-json/emojione-monotone", "train", ships=False),
    Style("noto-line", "Noto Emoji (monochrome font)", "Google Inc", "OFL-1.1",
          "https://github.com/googlefonts/noto-emoji", "@expo-google-fonts/noto-emoji", "train", ships=False),
    Style("fxemoji", "Firefox OS Emoji", "Mozilla", "Apache-2.0",
          "https://github.com/mozilla/fxemoji", "@iconify-json/fxemoji", "validation"),
    Style("fluent", "Fluent Emoji (flat)", "Microsoft Corporation", "MIT",
          "https://github.com/microsoft/fluentui-emoji", "@iconify-json/fluent-emoji-flat", "test"),
    Style("openmoji", "OpenMoji", "OpenMoji", "CC-BY-SA-4.0",
          "https://github.com/hfg-gmuend/openmoji", "@iconify-json/openmoji", "test", ships=False),
)  # fmt: skip
BY_NAME = {style.name: style for style in STYLES}
