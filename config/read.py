"""Reads config/edf.yaml and prints it as JSON, for energy.load_config.

    read.py [FILE]

YAML features that are usually mistakes are errors: duplicate keys, dates, NaN and infinity.
"""

import json
import pathlib
import sys

import yaml

FILE = pathlib.Path(__file__).with_name("edf.yaml")


class Loader(yaml.SafeLoader):
    """The safe loader, except that a duplicate key is an error."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} is not a string: quote it", problem_mark=key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"duplicate key {key!r}", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def main() -> None:
    file = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    try:
        with file.open(encoding="utf-8") as text:
            print(json.dumps(yaml.load(text, Loader), allow_nan=False))
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        sys.exit(f"{file} cannot be read: {error}")


if __name__ == "__main__":
    main()
