"""The gain of refreshes of the coming hours, compared with the forecast of the day and with that forecast plus its last
known error (persistence of the error), each with the data known at the time of the refresh."""

# The forecasts visible a minute after each time of a refresh: for each hour ahead the newest refresh of the newest
# issue, else the issue. Persistence uses the newest actual known by then.
COMPARED = """
    create temporary table compared as
    with moments as (
        select building_id, at + minutes as at, at as hour_at
        from (
            select building_id, date_trunc('hour', min(refreshed_at), 'UTC') as first_at, max(refreshed_at) as last_at
            from energy.refreshed_forecasts group by building_id
        ) as spans
        cross join lateral generate_series(first_at, last_at, interval '1 hour') as at
        cross join unnest(array[interval '4 minutes', '19 minutes', '34 minutes', '49 minutes']) as minutes
    )

    select moments.building_id, ahead.valid_at, lead, moments.at, newest.issued_at,
        hours.consumption_kwh as actual, issued.yhat as issued, coalesce(refreshed.yhat, issued.yhat) as refreshed,
        refreshed.yhat is not null as is_refreshed, issued.yhat + coalesce(last.error, 0) as persistence,
        hours.consumption_kwh between coalesce(refreshed.yhat_lower, issued.yhat_lower)
            and coalesce(refreshed.yhat_upper, issued.yhat_upper) as in_refreshed,
        hours.consumption_kwh between issued.yhat_lower and issued.yhat_upper as in_issued,
        coalesce((refreshed.yhat_upper - refreshed.yhat_lower)
            / nullif(issued.yhat_upper - issued.yhat_lower, 0), 1) as width
    from moments
    cross join lateral (
        select slot_at as issued_at from energy.forecast_slots as slots
        where slots.building_id = moments.building_id and status = 'issued'
          and coalesce(known_at, slot_at) <= moments.at and source in ('model', 'archetype')
        order by slot_at desc limit 1
    ) as newest
    cross join generate_series(1, 6) as lead
    cross join lateral (select hour_at + (lead - 1) * interval '1 hour' as valid_at) as ahead
    join energy.building_hours as hours on hours.building_id = moments.building_id and hours.hour_at = ahead.valid_at
    join energy.forecasts as issued
        on issued.building_id = moments.building_id and issued.issued_at = newest.issued_at
        and issued.valid_at = ahead.valid_at
    left join lateral (
        select yhat, yhat_lower, yhat_upper from energy.refreshed_forecasts as written
        where written.building_id = moments.building_id and written.valid_at = ahead.valid_at
          and written.issued_at = newest.issued_at and refreshed_at <= moments.at
        order by refreshed_at desc limit 1
    ) as refreshed on true
    left join lateral (
        select known.consumption_kwh - said.yhat as error
        from energy.building_hours as known
        join energy.forecasts as said on said.building_id = known.building_id and said.valid_at = known.hour_at
        where known.building_id = moments.building_id and known.received_at <= moments.at
          and known.hour_at >= moments.at - interval '24 hours' and known.hour_at < moments.hour_at
          and known.consumption_kwh is not null and said.issued_at <= newest.issued_at
        order by known.hour_at desc, said.issued_at desc
        limit 1
    ) as last on true
    -- An hour after its issue there is nothing to correct.
    where hours.consumption_kwh is not null and moments.hour_at > newest.issued_at
"""
# Errors of a building in units of the root mean square error of its issued forecasts.
BY_LEAD = """
    with scales as (
        select building_id, sqrt(avg((actual - issued) ^ 2)) as scale from compared where lead <= 3 group by building_id
    )

    select lead, count(*), sqrt(avg(((actual - issued) / scale) ^ 2)), sqrt(avg(((actual - refreshed) / scale) ^ 2)),
        sqrt(avg(((actual - persistence) / scale) ^ 2)), 100 * avg(in_issued::integer),
        100 * avg(in_refreshed::integer),
        percentile_cont(0.5) within group (order by width)
    from compared join scales using (building_id)
    group by lead order by lead
"""
# Quiet: days on which the issued forecast was better than on half of the building's days.
BY_DAY = """
    with days as (
        select building_id, date_trunc('day', valid_at) as day_at, avg((actual - issued) ^ 2) as issued,
            avg((actual - refreshed) ^ 2) as refreshed
        from compared where lead <= 3 group by 1, 2 having count(*) >= 240
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
        print(
            f"{lead:>6}{hours:>9,}{issued:>9.3f}{refreshed:>11.3f}{refreshed / issued:>8.3f}{persistence:>12.3f}",
            end="",
        )
        print(f"{in_issued:>16.1f}{in_refreshed:>11.1f}{width:>8.2f}")
    print(f"\n{'building':<13}{'days':<8}{'n':>5}{'ratio of RMSE, leads 1-3':>26}{'days worse by over 2 %':>25}")
    cursor.execute(BY_DAY)
    for building, is_quiet, days, ratio, worse in cursor.fetchall():
        print(f"{building:<13}{'quiet' if is_quiet else 'others':<8}{days:>5}{ratio:>26.3f}{worse:>25.1f}")
