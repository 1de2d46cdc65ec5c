"""How much refreshes of the coming hours gained, beside the forecast of the day and beside that forecast with the last
known error added (persistence of the error), each with what was known at the time of the refresh."""

# Of each hour and lead the last refresh; persistence reads the newest actual that was known by then.
COMPARED = """
    create temporary table compared as
    select refreshed.building_id, refreshed.valid_at, refreshed.lead_hours::integer as lead, refreshed.refreshed_at,
        hours.consumption_kwh as actual, issued.yhat as issued, refreshed.yhat as refreshed,
        issued.yhat + coalesce(last.error, 0) as persistence,
        hours.consumption_kwh between refreshed.yhat_lower and refreshed.yhat_upper as in_refreshed,
        hours.consumption_kwh between issued.yhat_lower and issued.yhat_upper as in_issued,
        (refreshed.yhat_upper - refreshed.yhat_lower) / nullif(issued.yhat_upper - issued.yhat_lower, 0) as width
    from (
        select distinct on (building_id, valid_at, lead_hours) *
        from energy.refreshed_forecasts order by building_id, valid_at, lead_hours, refreshed_at desc
    ) as refreshed
    join energy.building_hours as hours on hours.building_id = refreshed.building_id and hour_at = valid_at
    join energy.forecasts as issued
        on (issued.building_id, issued.issued_at, issued.valid_at)
            = (refreshed.building_id, refreshed.issued_at, refreshed.valid_at)
    left join lateral (
        select known.consumption_kwh - said.yhat as error
        from energy.building_hours as known
        join energy.forecasts as said on said.building_id = known.building_id and said.valid_at = known.hour_at
        where known.building_id = refreshed.building_id and known.received_at <= refreshed.refreshed_at
          and known.hour_at >= refreshed.refreshed_at - interval '24 hours'
          and known.hour_at < date_trunc('hour', refreshed.refreshed_at)
          and known.consumption_kwh is not null and said.issued_at <= refreshed.issued_at
        order by known.hour_at desc, said.issued_at desc
        limit 1
    ) as last on true
    where hours.consumption_kwh is not null
"""
# Errors of a building in units of the root mean square error that its issued forecasts have.
BY_LEAD = """
    with scales as (
        select building_id, sqrt(avg((actual - issued) ^ 2)) as scale from compared where lead <= 3 group by building_id
    )

    select lead, count(*), sqrt(avg(((actual - issued) / scale) ^ 2)), sqrt(avg(((actual - refreshed) / scale) ^ 2)),
        sqrt(avg(((actual - persistence) / scale) ^ 2)), 100 * avg(in_issued::integer), 100 * avg(in_refreshed::integer),
        percentile_cont(0.5) within group (order by width)
    from compared join scales using (building_id)
    group by lead order by lead
"""
# Quiet: days on which the issued forecast was better than on half of the days of its building.
BY_DAY = """
    with days as (
        select building_id, date_trunc('day', valid_at) as day_at, avg((actual - issued) ^ 2) as issued,
            avg((actual - refreshed) ^ 2) as refreshed
        from compared where lead <= 3 group by 1, 2 having count(*) >= 60
    ),

    ranked as (
        select *, percent_rank() over (partition by building_id order by issued) < 0.5 as is_quiet from days
    )

    select building_id, is_quiet, count(*), sqrt(avg(refreshed) / avg(issued)),
        100 * avg((refreshed > 1.02 ^ 2 * issued)::integer)
    from ranked group by 1, 2 order by 1, 2
"""


def report(database) -> None:
    """Prints both tables."""
    cursor = database.session("postgres", None)
    cursor.execute(COMPARED)
    print("\nRefreshes beside the forecasts that they correct; RMSE in units of the issued forecasts' of leads 1 to 3")
    print(f"{'lead h':>6}{'hours':>9}{'issued':>9}{'refreshed':>11}{'ratio':>8}{'last error':>12}", end="")
    print(f"{'in 90 % issued':>16}{'refreshed':>11}{'width':>8}")
    cursor.execute(BY_LEAD)
    for lead, hours, issued, refreshed, persistence, in_issued, in_refreshed, width in cursor.fetchall():
        print(f"{lead:>6}{hours:>9,}{issued:>9.3f}{refreshed:>11.3f}{refreshed / issued:>8.3f}{persistence:>12.3f}", end="")
        print(f"{in_issued:>16.1f}{in_refreshed:>11.1f}{width:>8.2f}")
    print(f"\n{'building':<13}{'days':<8}{'n':>5}{'ratio of RMSE, leads 1-3':>26}{'days worse by over 2 %':>25}")
    cursor.execute(BY_DAY)
    for building, is_quiet, days, ratio, worse in cursor.fetchall():
        print(f"{building:<13}{'quiet' if is_quiet else 'others':<8}{days:>5}{ratio:>26.3f}{worse:>25.1f}")
