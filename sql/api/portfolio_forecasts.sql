create or replace view api.portfolio_forecasts with (security_barrier = true) as
with

caller as (
    select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub' as subject
),

-- Subtracting individually visible buildings from a sum leaves the sum of the others: these must have enough apartments
-- too, or are excluded.
parts as (
    select valid_at, is_shown, min(issued_at) as issued_at, max(lead_hours) as lead_hours, sum(yhat) as yhat,
        sum(yhat - yhat_lower) as below, sum(yhat_upper - yhat) as above, count(*) as buildings,
        min(confidence) as confidence, min(quality) as quality
    from energy.request_forecasts
    group by valid_at, is_shown
    having is_shown or sum(apartments) >= (select min_apartments from energy.api_limits)
),

sums as (
    select valid_at, min(issued_at) as issued_at, max(lead_hours) as lead_hours, sum(yhat) as yhat, sum(below) as below,
        sum(above) as above, sum(buildings)::integer as buildings, min(confidence) as confidence,
        min(quality) as quality
    from parts
    group by valid_at
)

select
    sums.valid_at,
    sums.issued_at,
    sums.lead_hours,
    sums.yhat as demand_kwh,
    bounds.lower as demand_lower_kwh,
    bounds.upper as demand_upper_kwh,
    array[0.05, 0.5, 0.95]::double precision[] as quantile_levels,
    array[bounds.lower, sums.yhat, bounds.upper] as quantile_values,
    case when spreads.days is null then 'sum_of_bounds' else 'joint_errors' end as interval_method,
    spreads.days as interval_days,
    sums.buildings,
    (select count(*)::integer from energy.building_access where subject = (select subject from caller))
        - sums.buildings as buildings_left_out,
    sums.confidence,
    sums.quality
from sums
left join energy.portfolio_spreads as spreads
    on spreads.lead_day = ceil(greatest(sums.lead_hours, 1) / 24.0) and spreads.subject = (select subject from caller)
cross join lateral (
    select
        sums.yhat + coalesce(spreads.lower_score, -1) * sums.below as lower,
        sums.yhat + coalesce(spreads.upper_score, 1) * sums.above as upper
) as bounds
order by sums.valid_at;
comment on view api.portfolio_forecasts is $$Sum of the caller's buildings, from the current hour on

One row per hour, ordered by valid_at: the sum of the newest forecasts, with an interval that accounts for how far the
errors of the buildings cancel out (docs/api.md). Buildings that are too small to be shown individually are included if
together they have enough apartments.

Example: `GET /portfolio_forecasts?valid_at=lt.2017-07-30&select=valid_at,demand_lower_kwh,demand_upper_kwh`$$;
comment on column api.portfolio_forecasts.valid_at is 'Start of the hour. Example: 2017-07-29T06:00:00+00:00';
comment on column api.portfolio_forecasts.issued_at is
    'When the oldest of the forecasts was made. Example: 2017-07-29T05:00:00+00:00';
comment on column api.portfolio_forecasts.lead_hours is 'Hours from that issue to the end of the hour. Example: 2';
comment on column api.portfolio_forecasts.demand_kwh is
    'Expected demand of all buildings in the sum, in kWh per hour. Example: 21.6';
comment on column api.portfolio_forecasts.demand_lower_kwh is
    'Lower bound of the 90 % interval of the sum, in kWh per hour. Example: 17.5';
comment on column api.portfolio_forecasts.demand_upper_kwh is
    'Upper bound of the 90 % interval of the sum, in kWh per hour. Example: 26.8';
comment on column api.portfolio_forecasts.quantile_levels is
    'Levels of quantile_values, ascending. Example: [0.05,0.5,0.95]';
comment on column api.portfolio_forecasts.quantile_values is
    'Quantiles of demand at quantile_levels, in kWh per hour. Example: [17.5,21.6,26.8]';
comment on column api.portfolio_forecasts.interval_method is
$$joint_errors: from past errors of the sum. sum_of_bounds: the sum of the buildings' bounds, as if their errors were
perfectly correlated, which is too wide; used until they have been scored together on 14 days. Example: joint_errors$$;
comment on column api.portfolio_forecasts.interval_days is 'Number of days behind joint_errors. Example: 28';
comment on column api.portfolio_forecasts.buildings is 'Buildings in the sum. Example: 4';
comment on column api.portfolio_forecasts.buildings_left_out is
$$Buildings of the caller without a forecast of the hour, or left out because together they are too small. Example: 0$$;
comment on column api.portfolio_forecasts.confidence is 'The lowest confidence in the sum. Example: 0.97';
comment on column api.portfolio_forecasts.quality is 'The lowest quality in the sum. Example: 1';
grant select on api.portfolio_forecasts to supplier;
