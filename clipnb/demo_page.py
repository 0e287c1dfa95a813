"""The demonstration as a page."""

from __future__ import annotations

import os
import platform

from clipnb import __version__, plots
from clipnb.catalog import EMBEDDED
from clipnb.demo_results import LANGUAGES, MAP_LANGUAGES, SENTENCES, Results
from clipnb.report import figure, page, paragraph, picture, row, section, table, text
from clipnb.types import ClipModel

__all__ = ["demo_page"]

BARS = 6
"""Pictures with bars; all twelve are in the table."""


def demo_page(found: Results, model: ClipModel) -> str:
    """The whole page as HTML."""
    trained = "Its image tower was trained on drawings of emoji alone, and on none in this style. "
    lead = (
        f"The model {model.name} was shown {len(found.pictures)} drawings and asked about them in "
        f"{len(LANGUAGES)} languages. {trained if model.name == EMBEDDED else ''}Everything below was computed when "
        "this page was written, right and wrong alike."
    )
    sections = [_mixed(found), _naming(found), _counting(found), _searching(found), _mapping(found)]
    return page("One picture, many languages", lead, sections, _about(found, model))


def _mixed(found: Results) -> str:
    result, twelve = found.mixed, found.twelve_pictures
    bars = plots.probability_bars(
        (result.probabilities[:BARS], result.classnames),
        [twelve.images[i] for i in range(BARS)],
        labels=result.classnames[:BARS],
        names=twelve.emojis[:BARS],
        k=4,
    )
    cosines = plots.similarity_heatmap(
        result.similarity, found.twelve["en"].classnames, result.classnames, list(twelve.images), x_title="name"
    )
    return section(
        "Twelve names in eight languages, in one list",
        paragraph(
            "Zero-shot classification: the classes are whatever one writes down. Every picture and every name becomes "
            "a direction in one space, and the name nearest to the picture wins. Here the list of names mixes "
            "languages: the bars are the probabilities of the four best, blue for the right one."
        ),
        figure(bars, "Bars: the probabilities of the four best names for six pictures"),
        paragraph(
            "Before they become probabilities they are cosines, the closeness of two directions. The right pairs are "
            "on the diagonal."
        ),
        figure(cosines, "Heatmap: the cosine of each of twelve pictures with each of twelve names"),
    )


def _naming(found: Results) -> str:
    rows = []
    for i, _ in enumerate(found.twelve_pictures.emojis):
        cells = [picture(found.twelve_pictures.thumbnail(i), found.twelve["en"].classnames[i], size=44)]
        for code, result in found.twelve.items():
            right = result.predictions[i] == result.classnames[i]
            kind, mark = ("good", "✓") if right else ("bad", "✗")
            cells.append(f'<span class="{kind}">{mark}</span>&nbsp;{text(result.predictions[i], code)}')
        rows.append(cells)
    return section(
        "The same question, one language at a time",
        paragraph("Each picture among the twelve names of one language: what the model answered."),
        table(["", *LANGUAGES.values()], rows),
    )


def _counting(found: Results) -> str:
    rows = []
    for code, result in found.many.items():
        scores = result.metrics()
        shares = (scores["top1"], scores["top5"], 1 / len(result.classnames))
        rows.append(
            [text(LANGUAGES[code], code), str(len(result.classnames)), *(f"{100 * share:.1f} %" for share in shares)]
        )
    return section(
        "How often is it right?",
        paragraph(
            "Twelve pictures prove nothing. So: every animal, plant, food and drink of the set, each among the names "
            "of all of them. Names that two pictures share are left out, and so is what CLDR has not named."
        ),
        table(["language", "names", "right", "among the first five", "by chance"], rows, numbers=(1, 2, 3, 4)),
    )


def _searching(found: Results) -> str:
    names, rows = found.pictures.names["en"].tolist(), []
    for (code, sentence, meaning), hits in zip(SENTENCES, found.hits, strict=True):
        pictures = (
            picture(found.pictures.thumbnail(i), names[i], caption=f"{names[i]}, {cosine:.2f}") for i, cosine in hits
        )
        rows.append(
            [text(LANGUAGES[code], code), f"{text(sentence, code)}<br><small>{meaning}</small>", row(*pictures)]
        )
    return section(
        f"A sentence finds its pictures among {len(found.pictures)}",
        paragraph(
            "The sentence becomes a direction too; shown are the five nearest pictures with their cosines. The "
            "sentences were written before any result was seen."
        ),
        table(["language", "sentence", "nearest pictures"], rows),
    )


def _mapping(found: Results) -> str:
    names, groups = found.pictures.names["en"].tolist(), found.pictures.groups
    words = found.map_words
    chart = plots.scatter(
        found.map,
        [names[i] for i in found.map_rows] + [f"{word} ({code})" for _, code, word in words],
        [groups[i] for i in found.map_rows] + [groups[i] for i, _, _ in words],
        modality=["image"] * len(found.map_rows) + ["text"] * len(words),
        thumbnails=[found.pictures.thumbnail(i) for i in found.map_rows] + [None] * len(words),
        thumbnail_size=0.032,
    )
    # Isolated, so that a name that runs from right to left does not turn the comma after it.
    languages = ", ".join(f"\u2068{LANGUAGES[code]}\u2069" for code in MAP_LANGUAGES)
    return section(
        "A map of pictures and words",
        paragraph(
            f"{len(found.map_rows)} pictures, drawn by lot: alike lies near alike, and distances between far groups "
            f"mean little. Diamonds are their names in {languages}, each placed between the three pictures nearest to "
            "it, closer to the likelier ones; hover to read them. Pictures and words as such lie in two separate cones "
            f"of the space, whose centres are {found.gap:.2f} apart: the modality gap."
        ),
        figure(chart, "Map: pictures and words as points, coloured by group", tools=True),
    )


def _about(found: Results, model: ClipModel) -> list[str]:
    took = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in found.seconds.items())
    machine = f"{platform.system()} on {platform.machine()}, {os.cpu_count()} logical processors, device {model.device}"
    return [
        f"Written by clipnb {__version__} (python -m clipnb demo) with the model {model.name}.",
        f"Wall time as measured: {took} ({machine}).",
        found.pictures.attribution,
    ]
