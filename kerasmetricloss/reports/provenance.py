"""How a study was made: every setting that it wrote down."""

from kerasmetricloss.reports.directory import Chapter, StudyDirectory
from kerasmetricloss.reports.document import Block, Facts, Fold, Part, Section, Text
from kerasmetricloss.reports.style import dataset_title

MOST_FACTS = 24  # entries of one setting that the page lists; file hashes are many more


def provenance(study: Chapter) -> Section:
    """How a chapter's scores were made, for a report of one chapter."""
    blocks = (*_recipe(study), *_made(study.made))
    return Section(
        "How it was made", blocks or (Text("The directory holds scores only; how they were made is not recorded."),)
    )


def provenance_part(study: StudyDirectory, chapters: list[Chapter], shared: tuple[Section, ...]) -> Part:
    """What holds for all chapters of a report, and how all scores were made.

    Args:
        study: what was read.
        chapters: its chapters.
        shared: sections that hold for all of them.
    """
    commands = Facts(tuple((chapter.recipe, chapter.command) for chapter in chapters if chapter.command))
    sections = (
        *shared,
        Section("Commands", (commands,) if commands.facts else ()),
        Section("Settings by data set", _made(study.made)),
    )
    lead = "What holds for all chapters: the tests, and every setting as study.json holds it."
    return Part(
        "provenance", "Method", "How it was made", lead, sections, "Tests, learning curves, commands, settings."
    )


def _recipe(study: Chapter) -> tuple[Block, ...]:
    facts = [("recipe", study.recipe), ("losses", ", ".join(study.losses)), ("command", study.command)]
    return (Facts(tuple(fact for fact in facts if fact[1])),) if study.command or study.made else ()


def _made(made: dict[str, dict]) -> tuple[Block, ...]:
    if len(made) == 1:
        return (Facts(tuple(_flat(next(iter(made.values()))))),)
    return tuple(Fold(dataset_title(dataset), (Facts(tuple(_flat(one))),)) for dataset, one in made.items())


def _flat(settings: dict, prefix: str = "") -> list[tuple[str, str]]:
    facts = []
    for name, value in settings.items():
        if isinstance(value, dict | list) and len(value) > MOST_FACTS:
            facts.append((f"{prefix}{name}".replace("_", " "), f"{len(value):,} entries, in study.json"))
        elif isinstance(value, dict):
            facts += _flat(value, f"{prefix}{name}: ")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            facts.append(
                (f"{prefix}{name}".replace("_", " "), {"True": "yes", "False": "no", "None": "–"}.get(text, text))
            )
    return facts
