"""Writes docs/api.md anew: its reference from the OpenAPI document that PostgREST makes of the comments in sql/api.

    curl -s -H "Authorization: Bearer $TOKEN" "$API/" | describe.py > api.md      with the token of a supplier
"""

import json
import pathlib
import sys
import textwrap

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "api.md"
HEADING = "## Reference\n"
EXAMPLE = "Example: "


def split(description: str) -> tuple[str, str]:
    """A description without its example, and the example."""
    text, mark, example = description.rpartition(EXAMPLE)
    if not mark:
        raise SystemExit(f"No example: {description!r}")
    return " ".join(text.split()), example.strip()


def endpoint(path: str, get: dict, columns: dict) -> list[str]:
    text, example = split(get["description"])
    lines = [f"\n### GET {path}\n", textwrap.fill(f"{get['summary']}. {text}", 120), f"\n{EXAMPLE}{example}\n"]
    lines += ["| column | type | what it is | example |", "|---|---|---|---|"]
    for name, column in columns.items():
        text, example = split(column["description"])
        lines.append(f"| `{name}` | {column['format']} | {text} | `{example}` |")
    return lines


def main() -> None:
    document = json.load(sys.stdin)
    head, _, _ = PAGE.read_text(encoding="utf-8").partition(HEADING)
    lines = [head + HEADING, "From the OpenAPI document, which `GET /` gives; `sql/api/describe.py` writes it."]
    for path, methods in sorted(document["paths"].items()):
        # The document itself, and functions.
        if path != "/" and not path.startswith("/rpc/"):
            lines += endpoint(path, methods["get"], document["definitions"][path[1:]]["properties"])
    print("\n".join(lines))


if __name__ == "__main__":
    main()
