"""Prints the evaluation table and the next 48 hours of a building as a chart in the terminal."""

import plotext
import psycopg2

BUILDING = "all-homes"


def table(cursor) -> None:
    cursor.execute("""
        select models.subject, scores.lead_day, scores.strategy = models.strategy as is_model, scores.strategy,
               mape_pct, rmse_kwh, mae_kwh, coverage_pct, n
        from energy.model_scores as scores
        join edf.models using (model_id)
        where models.status = 'approved' and scores.lead_day > 0
        order by models.subject, scores.lead_day, is_model desc
    """)
    print(
        "Evaluation: forecasts issued daily at 05:00 UTC over the ten weeks before the training, refitted every 14 days"
    )
    print(
        f"{'building':<14}{'lead day':>9}  "
        f"{'strategy':<16}{'MAPE %':>8}{'RMSE kWh':>10}{'MAE kWh':>9}{'in 90 %':>9}{'hours':>7}"
    )
    for subject, day, is_model, strategy, mape, rmse, mae, coverage, n in cursor.fetchall():
        name, lead = (subject, str(day)) if is_model else ("", "")
        print(f"{name:<14}{lead:>9}  {strategy:<16}{mape:>8.1f}{rmse:>10.3f}{mae:>9.3f}{coverage:>9.1f}{n:>7}")


def weather(cursor) -> None:
    cursor.execute("""
        select lead_day, 100 * avg(forecast_share) from energy.training_weather
        join edf.models using (model_id) where models.status = 'approved' group by lead_day order by lead_day
    """)
    shares = ", ".join(f"{share:.0f} % at lead day {day}" for day, share in cursor.fetchall())
    print(f"Weather in the training sets: forecasts as known at the time ({shares}), observations for the rest")


def newcomers(cursor) -> None:
    cursor.execute("""
        select trainings.archetype, model.rmse_kwh, rival.rmse_kwh
        from energy.trainings
        join edf.models using (model_id)
        join energy.model_scores as model on model.model_id = models.model_id and model.strategy = models.strategy
        join energy.model_scores as rival on rival.model_id = models.model_id and rival.strategy = 'seasonal_naive'
        where models.status = 'approved' and trainings.archetype is not null order by 1
    """)
    for archetype, rmse, naive in cursor.fetchall():
        print(
            f"A new building of archetype {archetype}, forecast by a model of the others from its first day: RMSE "
            f"{rmse:.3f} kWh in its first week"
            f" ({naive:.3f} by seasonal naive with the week before)"
        )


def chart(cursor) -> None:
    cursor.execute("select max(issued_at) from energy.forecasts where building_id = %s", (BUILDING,))
    issued_at = cursor.fetchone()[0]
    cursor.execute(
        """select to_char(valid_at at time zone buildings.time_zone, 'Dy HH24:MI'), yhat_lower, yhat, yhat_upper
           from energy.forecasts join raw.buildings using (building_id)
           where building_id = %s and issued_at = %s order by valid_at limit 48""",
        (BUILDING, issued_at),
    )
    labels, lower, yhat, upper = zip(*cursor.fetchall())
    plotext.clear_figure()
    plotext.plot_size(100, 22)
    plotext.theme("clear")
    hours = list(range(len(yhat)))
    plotext.plot(hours, upper, label="upper bound (90 %)", marker="dot")
    plotext.plot(hours, yhat, label="demand")
    plotext.plot(hours, lower, label="lower bound (90 %)", marker="dot")
    plotext.xticks(hours[::12], labels[::12])
    print(
        f"{BUILDING}: demand of the next 48 hours in kWh per hour, issued {issued_at:%Y-%m-%d %H:%M} UTC, times local"
    )
    print("\n".join(line.rstrip() for line in plotext.uncolorize(plotext.build()).splitlines() if line.strip()))


def main() -> None:
    with psycopg2.connect("", options="-c timezone=UTC") as connection, connection.cursor() as cursor:
        table(cursor)
        weather(cursor)
        newcomers(cursor)
        print()
        chart(cursor)


if __name__ == "__main__":
    main()
