"""A report as chapters of sections of blocks, written as one self-contained HTML page or as Markdown."""

import base64
import html
from dataclasses import dataclass, field
from typing import Protocol

from kerasmetricloss.reports.stylesheet import STYLESHEET
from kerasmetricloss.reports.tables import Table, to_html, to_markdown

READABLE = 0.66  # a figure's print is set for its full width; below this share the page scrolls it sideways


class Block(Protocol):
    """A piece of a report."""

    def html(self) -> str:
        """Write the block for the page."""

    def markdown(self) -> str:
        """Write the block for Markdown."""


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str

    def html(self) -> str:
        """Write the block for the page."""
        return f"<p>{html.escape(self.text)}</p>"

    def markdown(self) -> str:
        """Write the block for Markdown."""
        return f"{escape_markdown(self.text)}\n"


@dataclass(frozen=True)
class Answer:
    """The finding of a data set, set apart: a short answer and its evidence."""

    head: str
    text: str
    tone: str = "open"  # yes, no, open or plain: the bar beside it, never the only carrier of the answer
    decidable: bool = True  # whether there are cases enough for any answer

    def html(self) -> str:
        """Write the block for the page."""
        head = f'<p class="head">{html.escape(self.head)}</p>'
        return f'<div class="answer {self.tone}">{head}{Text(self.text).html()}</div>'

    def markdown(self) -> str:
        """Write the block for Markdown."""
        return f"> **{escape_markdown(self.head)}** {escape_markdown(self.text)}\n"


@dataclass(frozen=True)
class Items:
    """A list of sentences."""

    items: tuple[str, ...]

    def html(self) -> str:
        """Write the block for the page."""
        return "<ul>" + "".join(f"<li>{html.escape(item)}</li>" for item in self.items) + "</ul>"

    def markdown(self) -> str:
        """Write the block for Markdown."""
        return "".join(f"- {escape_markdown(item)}\n" for item in self.items)


@dataclass(frozen=True)
class Facts:
    """Names and values."""

    facts: tuple[tuple[str, str], ...]

    def html(self) -> str:
        """Write the block for the page."""
        rows = [f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in self.facts]
        return f"<dl>{''.join(rows)}</dl>"

    def markdown(self) -> str:
        """Write the block for Markdown."""
        return "".join(f"- {escape_markdown(name)}: {escape_markdown(value)}\n" for name, value in self.facts)


@dataclass(frozen=True)
class TableBlock:
    """A table."""

    table: Table

    def html(self) -> str:
        """Write the block for the page."""
        return to_html(self.table)

    def markdown(self) -> str:
        """Write the block for Markdown."""
        return to_markdown(self.table)


@dataclass(frozen=True)
class Picture:
    """A figure: PNG bytes, the name of its file, what a blind reader is told, a caption.

    On a narrow screen it shrinks from `width` CSS pixels to `READABLE` of that and then scrolls sideways.
    """

    name: str
    png: bytes
    alt: str
    caption: str
    width: int

    def html(self) -> str:
        """Write the block for the page, the picture inside it."""
        data = base64.b64encode(self.png).decode()
        label = html.escape(f"Figure: {self.caption.split('.')[0]}", quote=True)
        return (
            f'<figure><div class="scroll" tabindex="0" role="region" aria-label="{label}">'
            f'<img src="data:image/png;base64,{data}" alt="{html.escape(self.alt, quote=True)}" '
            f'style="max-width:{self.width}px;min-width:{round(READABLE * self.width)}px"></div>'
            f"<figcaption>{html.escape(self.caption)}</figcaption></figure>"
        )

    def markdown(self) -> str:
        """Write the block for Markdown, the picture beside it in `figures`."""
        alt = self.alt.replace("[", "(").replace("]", ")")
        return f"![{alt}](figures/{self.name}.png)\n\n*{escape_markdown(self.caption)}*\n"


@dataclass(frozen=True)
class Fold:
    """Blocks that open on a click on the page; in Markdown they stand open under a line in bold."""

    title: str
    blocks: tuple[Block, ...]
    open: bool = False

    def html(self) -> str:
        """Write the block for the page."""
        inner = "".join(block.html() for block in self.blocks)
        return f"<details{' open' if self.open else ''}><summary>{html.escape(self.title)}</summary>{inner}</details>"

    def markdown(self) -> str:
        """Write the block for Markdown."""
        return "\n".join([f"**{escape_markdown(self.title)}**\n", *(block.markdown() for block in self.blocks)])


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]

    def pictures(self) -> list[Picture]:
        """Every picture of the section."""
        inner = [part for block in self.blocks for part in (block.blocks if isinstance(block, Fold) else [block])]
        return [block for block in inner if isinstance(block, Picture)]


@dataclass(frozen=True)
class Part:
    """What a report says of one table or figure.

    Attributes:
        key: the name links use; unique in a report.
        name: in a word or two, for the contents.
        title: its heading.
        lead: what stands under the heading.
        sections: its sections; those without blocks are left out.
        gist: its answer in a sentence, for the contents.
    """

    key: str
    name: str
    title: str
    lead: str
    sections: tuple[Section, ...] = ()
    gist: str = ""

    def filled(self) -> list[Section]:
        """Sections with anything in them."""
        return [section for section in self.sections if section.blocks]

    def pictures(self) -> list[Picture]:
        """Every picture of the part."""
        return [picture for section in self.filled() for picture in section.pictures()]

    def anchor(self, section: Section, *, alone: bool) -> str:
        """The name links to a section use: with the part's own where there are several parts."""
        name = "".join(sign if sign.isalnum() else "-" for sign in section.title.lower()).strip("-")
        return name if alone else f"{self.key}-{name}"


@dataclass(frozen=True)
class Document:
    """A report: one part fills the page; several are chapters of it."""

    title: str
    lead: str
    parts: tuple[Part, ...] = field(default=())

    @property
    def alone(self) -> bool:
        """Whether there is one part only."""
        return len(self.parts) == 1

    def html(self) -> str:
        """Write one page that needs no other file and no network."""
        title = html.escape(self.title)
        if self.alone:
            contents, body = _contents(self.parts[0], alone=True), _sections(self.parts[0], alone=True)
        else:
            contents, body = self._chapter_list(), "".join(map(_chapter, self.parts))
        return (
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<meta name="color-scheme" content="light"><style>{STYLESHEET}</style></head><body>'
            f'<a class="skip" href="#content">Skip to the report</a><header><h1>{title}</h1>'
            f'<p class="lead">{html.escape(self.lead)}</p></header>'
            f'<nav id="contents" aria-label="Contents">{contents}</nav><main id="content">{body}</main></body></html>\n'
        )

    def _chapter_list(self) -> str:
        entries = [
            f'<li><a href="#{part.key}">{html.escape(part.name)}</a>'
            f"<span>{html.escape(part.gist or part.title)}</span></li>"
            for part in self.parts
        ]
        return f'<ul class="chapters">{"".join(entries)}</ul>'

    def markdown(self) -> str:
        """Write the report as Markdown; its pictures lie in `figures`."""
        lines = [f"# {escape_markdown(self.title)}\n", f"{escape_markdown(self.lead)}\n"]
        for part in self.parts:
            if not self.alone:
                lines += [f"## {escape_markdown(part.title)}\n", f"{escape_markdown(part.lead)}\n"]
            for section in part.filled():
                level = "##" if self.alone else "###"
                lines += [f"{level} {escape_markdown(section.title)}\n", *(b.markdown() for b in section.blocks)]
        return "\n".join(lines)


def _contents(part: Part, *, alone: bool) -> str:
    links = [
        f'<li><a href="#{part.anchor(section, alone=alone)}">{html.escape(section.title)}</a></li>'
        for section in part.filled()
    ]
    return f"<ul>{''.join(links)}</ul>"


def _sections(part: Part, *, alone: bool) -> str:
    written, level = [], "h2" if alone else "h3"
    for section in part.filled():
        anchor = part.anchor(section, alone=alone)
        head = f'<section aria-labelledby="{anchor}"><{level} id="{anchor}">{html.escape(section.title)}</{level}>'
        written.append(f"{head}{''.join(block.html() for block in section.blocks)}</section>")
    return "".join(written)


def _chapter(part: Part) -> str:
    title = html.escape(part.title)
    return (
        f'<section class="chapter" aria-labelledby="{part.key}"><h2 id="{part.key}">{title}</h2>'
        f'<p class="lead">{html.escape(part.lead)}</p>'
        f'<nav aria-label="Contents of {html.escape(part.name, quote=True)}">{_contents(part, alone=False)}</nav>'
        f"{_sections(part, alone=False)}"
        f'<p class="back"><a href="#contents">Contents</a></p></section>'
    )


def escape_markdown(text: str) -> str:
    """Keep signs of Markdown as they are read."""
    for sign in "\\|*_<>`[]":
        text = text.replace(sign, "\\" + sign)
    return text
