"""Compares the error of served forecasts with the error promised by the gate's backtest.

The gate backtests a model on the ten weeks before it serves. Seasons differ, so this figure alone says little about
the following weeks. The promised error for the served weeks is the same backtest of these weeks: the gate's recipe,
from the same origins, fitted as often as the gate's, on the final version of the series. Both forecasts are scored on
the same measured hours, in their final version. A ratio above 1 is the loss in service, by late and wrong readings
or by models that were not replaced.

Every function takes the cursor of an analyst's session and writes its results to temporary tables.
"""

import math

import psycopg2

TABLE = """
    create temp table promised (building_id text, issued_at timestamptz, valid_at timestamptz, yhat double precision)
"""
# The backtest of the gate, from the first to the last forecast served by a building's own models.
PROMISE = """
    insert into promised (building_id, issued_at, valid_at, yhat)
    select served.building_id, backtest.issued_at, backtest.valid_at, backtest.yhat
    from (
        select building_id, min(issued_at) as first_at, max(issued_at) as last_at
        from energy.forecasts where building_id = %s and source = 'model' group by building_id
    ) as served
    cross join lateral energy.backtest_building(
        served.building_id, jsonb_build_object('first_origin', first_at, 'last_origin', last_at)
    ) as backtest
"""
# Sums of squares; gate: energy.model_scores of the serving model.
ERRORS = """
    create temp table served_errors as
    select
        forecasts.building_id,
        scores.lead_day,
        count(*)::integer as hours,
        sum((forecasts.yhat - consumption_kwh) ^ 2) as served,
        sum((promised.yhat - consumption_kwh) ^ 2) as promised,
        sum(rmse_kwh ^ 2) as gate,
        sum((consumption_kwh between yhat_lower and yhat_upper)::integer)::integer as covered
    from energy.forecasts
    join promised using (building_id, issued_at, valid_at)
    join energy.building_hours as hours
        on hours.building_id = forecasts.building_id and hours.hour_at = forecasts.valid_at
    join edf.models using (model_id)
    join energy.model_scores as scores
        on scores.model_id = models.model_id and scores.strategy = models.strategy
        and scores.lead_day = ceil(forecasts.lead_hours / 24.0)
    where forecasts.source = 'model' and hours.quality = 'measured'
    group by 1, 2
"""
COLUMNS = ("hours", "served", "promised", "gate", "covered")


def buildings(cursor) -> list[str]:
    cursor.execute("select distinct building_id from energy.forecasts where source = 'model' order by 1")
    return [building for (building,) in cursor.fetchall()]


def compare(cursor):
    """Backtests the served weeks of each building and yields its id; afterwards errors() can be called."""
    cursor.execute(TABLE)
    for building in buildings(cursor):
        cursor.execute(PROMISE, (building,))
        yield building
    cursor.execute(ERRORS)


def errors(cursor, by: tuple[str, ...] = ()) -> list[tuple]:
    """Rows of the columns `by`, hours, RMSE served, promised and by the gate, and percent inside the 90 % interval."""
    sums = ", ".join(f"sum({column})" for column in COLUMNS)
    group = f"group by {', '.join(by)} order by {', '.join(by)}" if by else ""
    cursor.execute(f"select {', '.join((*by, sums))} from served_errors {group}")
    rows = []
    for *keys, hours, served, promised, gate, covered in cursor.fetchall():
        if not hours:
            raise SystemExit("No served forecast has a measured hour to be scored on.")
        roots = (math.sqrt(squares / hours) for squares in (served, promised, gate))
        rows.append((*keys, hours, *roots, 100 * covered / hours))
    return rows


def summary(cursor) -> tuple[str, float]:
    """The line that ends a report, and its ratio."""
    ((_, served, promised, *_),) = errors(cursor)
    return f"served/promised RMSE ratio: {served / promised:.2f}", served / promised


def main() -> None:
    """Prints the comparison for the demo."""
    with psycopg2.connect("", user="analyst", options="-c timezone=UTC") as connection, connection.cursor() as cursor:
        for _ in compare(cursor):
            pass
        cursor.execute("select min(issued_at), max(issued_at) from promised")
        first, last = cursor.fetchone()
        print(f"Forecasts served from {first:%d %B} to {last:%d %B %Y}, beside the gate's backtest of the same days")
        print(f"{'building':<14}{'RMSE served':>12}{'promised':>10}{'ratio':>8}{'in 90 %':>9}{'hours':>7}")
        for building, hours, rmse, promised, _, covered in errors(cursor, ("building_id",)):
            print(f"{building:<14}{rmse:>12.3f}{promised:>10.3f}{rmse / promised:>8.3f}{covered:>9.1f}{hours:>7}")
        print(summary(cursor)[0])


if __name__ == "__main__":
    main()
