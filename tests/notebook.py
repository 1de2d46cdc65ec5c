"""Runs docs/analysis.ipynb cell by cell, like Jupyter: each cell's last expression is printed, figures are not shown.

The database is the deployed one, named by PGHOST, PGPORT and PGDATABASE; the notebook uses role analyst and
does not change it. Outputs are not stored in the file, so that they cannot become outdated.
"""

import ast
import json
import os
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import psycopg2

NOTEBOOK = pathlib.Path(__file__).parents[1] / "docs" / "analysis.ipynb"


def run(source: str, names: dict) -> object:
    """Executes a cell; the value of its last expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, NOTEBOOK.name, "exec"), names)
    return eval(compile(ast.Expression(last.value), NOTEBOOK.name, "eval"), names) if last else None


def main() -> None:
    models = "select count(*) from edf.models"
    with psycopg2.connect("") as judge, judge.cursor() as cursor:
        cursor.execute(models)
        before = cursor.fetchone()
    os.environ["PGUSER"] = "analyst"
    names: dict = {"__name__": "__main__"}
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    figures = 0
    for number, cell in enumerate(cells, 1):
        if cell["outputs"] or cell["execution_count"] is not None:
            sys.exit(f"code cell {number} of {NOTEBOOK.name} has outputs: clear them")
        print(f"[{number}]", run("".join(cell["source"]), names))
        figures += len(plt.get_fignums())
        plt.close("all")
    hours, change, compared = len(names["total"]), names["change"].sum(), len(names["scores"].columns)
    print(f"{len(cells)} cells, {figures} figures, {hours} hours explained, {change:+.1f} kWh where it is hotter")
    if figures != 4 or hours != 72 or abs(change) < 0.1 or compared != 3:
        sys.exit("the notebook does not print the expected text")
    with psycopg2.connect("", user="postgres") as judge, judge.cursor() as cursor:
        cursor.execute(models)
        if cursor.fetchone() != before:
            sys.exit("the notebook left a model")


if __name__ == "__main__":
    main()
