"""Writes docs/configuration.md from config/edf.schema.json.

    describe.py > docs/configuration.md
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "sql"))
from markdown import table

SCHEMA = pathlib.Path(__file__).with_name("edf.schema.json")
HEAD = """# Configuration

`config/edf.yaml` configures the pipeline; `config/edf.schema.json` is its schema. Editors with a YAML language server
validate it as you type; `docker/deploy.sh config` loads it, and pg_cron's jobs follow its schedules (`docs/jobs.md`).
It must not contain secrets.

```sql
select * from energy.config_errors('{"quality": {"min_coverage_share": 2}}');   -- lists errors; loads nothing
select config_id, loaded_at, loaded_by, restored_from from energy.configs;      -- all versions; the newest is current
select * from energy.config_changes(1, 2);                                      -- differences between two versions
call energy.restore_config(1);                                                  -- restores one, as a new version
```

`energy.load_config` rejects an invalid setting with 22023, its path, its value, what is allowed and the most similar
name; the settings of meters, features and hyperparameters are also validated by the code that uses them. Roles can
load a configuration only through it. `energy.trainings.config_id` and `energy.forecasts.config_id` are the versions
that a model and a forecast were made with.

Sections governance, jobs, life_cycle, api, monitoring, anomalies and anomaly_alerts are optional. In the sections that
are present, settings in bold are required.
"""


def resolve(schema: dict, root: dict) -> dict:
    """The schema with its references resolved; its own keys take precedence."""
    while "$ref" in schema:
        target = root
        for name in schema["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def kind(schema: dict, root: dict) -> str:
    """The type as text."""
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    types = schema.get("type", "any")
    if schema.get("title"):
        text = schema["title"].removeprefix("a ")
        return text + (" or null" if "null" in types else "")
    if types == "array":
        return "list of " + kind(resolve(schema["items"], root), root)
    return types if isinstance(types, str) else " or ".join(types)


def rows(path: str, schema: dict, root: dict) -> list[list[str]]:
    """One row for each setting below a path: path, type, description."""
    found = []
    members = {
        name: (resolve(one, root), name in schema.get("required", []))
        for name, one in schema.get("properties", {}).items()
    }
    if isinstance(schema.get("additionalProperties"), dict):
        members["NAME"] = (resolve(schema["additionalProperties"], root), False)
    for name, (one, required) in members.items():
        place = f"{path}.{name}" if path else name
        if "properties" in one or "additionalProperties" in one:
            found += rows(place, one, root)
        else:
            found.append([f"**{place}**" if required else place, kind(one, root), one.get("description", "")])
    return found


def main() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    print(HEAD, end="")
    for name, section in schema["properties"].items():
        section = resolve(section, schema)
        print(f"\n## {name}\n\n{section['description']}")
        settings = rows("", section, schema)
        if settings:
            print("\n" + "\n".join(table(["setting", "type", "what it is"], settings)))


if __name__ == "__main__":
    main()
