"""Compares edf.validate_json with the reference implementation of JSON Schema, on config/edf.yaml with one change.

The database is named by PGHOST, PGPORT, PGDATABASE, PGUSER. The reference is the Python package jsonschema.
"""

import copy
import json
import pathlib
import sys

import jsonschema
import psycopg2
import yaml

CONFIG = pathlib.Path(__file__).parents[1] / "config"
VALUES = [
    None, True, False, 0, 1, -1, 1.0, 0.5, 24, 101, 8785, 1e300, -1e300, "", "a", "kWh", "gauge", "1 day", "5 days",
    "0 hours", "0 5 * * *", "0 0 5 * * *", "60 99 * * *", "\n", "ä", [], [1], [1, 1.0], [1, 2.5], ["1"],
    list(range(1, 103)), {}, {"a": 1}, {"kind": "register"},
]


def places(value, path=()):
    """The path of each part of a document, the whole included."""
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from places(member, (*path, name))


def spoilt(config):
    """The configuration with one part replaced, removed or added."""
    for path in places(config):
        if not path:
            yield from VALUES
            continue
        for change in [*VALUES, ...]:
            document = copy.deepcopy(config)
            parent = document
            for name in path[:-1]:
                parent = parent[name]
            if change is ...:
                del parent[path[-1]]
            else:
                parent[path[-1]] = change
            yield document
        if isinstance(path[-1], str):
            document = copy.deepcopy(config)
            parent = document
            for name in path[:-1]:
                parent = parent[name]
            parent[path[-1] + "x"] = parent[path[-1]]
            yield document


def main() -> None:
    schema = json.loads((CONFIG / "edf.schema.json").read_text(encoding="utf-8"))
    documents = [yaml.safe_load((CONFIG / "edf.yaml").read_text(encoding="utf-8"))]
    documents += spoilt(documents[0])
    reference = jsonschema.Draft202012Validator(schema)
    texts = [json.dumps(document) for document in documents]
    with psycopg2.connect("") as connection, connection.cursor() as cursor:
        cursor.execute(
            """select not exists (select from edf.validate_json(document, %s))
               from unnest(%s::text[]) with ordinality as documents (document, n) order by n""",
            (json.dumps(schema), texts),
        )
        ours = [row[0] for row in cursor.fetchall()]
    theirs = [reference.is_valid(document) for document in documents]
    apart = [text for text, one, other in zip(texts, ours, theirs, strict=True) if one != other]
    print(f"{len(documents)} documents, {sum(theirs)} of them right; judged apart: {len(apart)}")
    if apart or not 0 < sum(theirs) < len(documents):
        sys.exit("\n".join(apart[:5]))


if __name__ == "__main__":
    main()
