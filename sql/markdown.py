"""Parts of Markdown that the scripts for docs/ share: paragraphs and tables."""

import re
import textwrap


def paragraph(text: str) -> str:
    """Text on lines of 120 columns, none of which is read as an item of a list or a heading."""
    lines = textwrap.wrap(" ".join(text.split()), 120, break_long_words=False, break_on_hyphens=False)
    return "\n".join(re.sub(r"^(?=[-+#] )|(?<=^\d)(?=\. )", r"\\", line) for line in lines)


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a table."""
    return [row(head), "|" + "---|" * len(head), *map(row, rows)]
