-- Intervals for sums of buildings: split conformal prediction with normalised scores (Papadopoulos, Gammerman and Vovk,
-- AIA 2008; Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, JASA 2018) around a bottom-up sum. The score of an hour is
-- the error of the sum divided by the sum of the buildings' half intervals: 1 if errors are perfectly correlated, near
-- 0 if they cancel out. The interval of the sum is the sum of half intervals times a quantile of the scores.
create or replace function energy.score_portfolios(since timestamptz) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    oldest  constant timestamptz := energy.clock() - interval '28 days';
    from_at constant timestamptz := greatest(since, oldest);
    written bigint;
begin
    with members as (
        select subject, building_id from energy.building_access
        where subject in (select subject from energy.building_access group by subject having count(*) > 1)
    ),

    newest as (
        select distinct on (forecasts.building_id, forecasts.valid_at, lead_day)
            forecasts.building_id, forecasts.valid_at, lead_day, consumption_kwh as actual, yhat, yhat_lower, yhat_upper
        from energy.forecasts
        join energy.building_hours as hours
            on (hours.building_id, hours.hour_at) = (forecasts.building_id, forecasts.valid_at)
        cross join lateral (select ceil(greatest(lead_hours, 1) / 24.0)::integer) as leads (lead_day)
        where forecasts.building_id in (select building_id from members) and hours.consumption_kwh is not null
          and forecasts.valid_at >= from_at and hours.hour_at >= from_at
        order by forecasts.building_id, forecasts.valid_at, lead_day, issued_at desc
    )

    insert into energy.portfolio_errors as kept
        (subject, lead_day, valid_at, buildings, error_kwh, below_kwh, above_kwh)
    select subject, lead_day, valid_at, count(*), sum(actual - yhat order by building_id),
        sum(yhat - yhat_lower order by building_id), sum(yhat_upper - yhat order by building_id)
    from members join newest using (building_id)
    group by subject, lead_day, valid_at
    on conflict on constraint portfolio_errors_pkey do update
        set (buildings, error_kwh, below_kwh, above_kwh)
          = (excluded.buildings, excluded.error_kwh, excluded.below_kwh, excluded.above_kwh)
        where kept.* is distinct from excluded.*;
    get diagnostics written = row_count;
    delete from energy.portfolio_errors
    where valid_at < oldest or subject not in (select subject from energy.building_access);
    return written;
end;
$$;
comment on function energy.score_portfolios(timestamptz) is
$$Sums the errors of issued forecasts over the buildings of each subject with several buildings, for the hours from
since on: energy.portfolio_errors, which keeps 28 days. energy.score_forecasts() calls it. Returns the rows that
changed.$$;
revoke all on function energy.score_portfolios(timestamptz) from public;

create or replace function energy.learn_portfolio_spreads() returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    known bigint;
begin
    delete from energy.portfolio_spreads;
    with scores as (
        -- Only hours that include at least half of today's buildings.
        select subject, lead_day, date_trunc('day', valid_at, 'UTC') as day_at,
            error_kwh / nullif(case when error_kwh < 0 then below_kwh else above_kwh end, 0) as score
        from energy.portfolio_errors as errors
        join (select subject, count(*) as buildings from energy.building_access group by subject) as today
            using (subject)
        where 2 * errors.buildings >= today.buildings
    ),

    sorted as (
        select subject, lead_day, count(distinct day_at)::integer as days, count(*)::integer as n,
            array_agg(score order by score) as scores
        from scores where score is not null
        group by subject, lead_day
    ),

    -- Two weeks: with one, the intervals of real homes cover 82 to 87 % instead of 90 (bench/README.md).
    ranked as (select *, least(n, ceil((n + 1) * 0.95))::integer as rank from sorted where days >= 14)

    insert into energy.portfolio_spreads (subject, lead_day, days, lower_score, upper_score)
    select subject, lead_day, days, least(scores[n + 1 - rank], 0), greatest(scores[rank], 0) from ranked;
    get diagnostics known = row_count;
    return known;
end;
$$;
comment on function energy.learn_portfolio_spreads() is
$$Writes energy.portfolio_spreads from energy.portfolio_errors; nothing if there are fewer than 14 days.
energy.score_forecasts() calls it. Returns the rows.$$;
revoke all on function energy.learn_portfolio_spreads() from public;
