create or replace function energy.population_stability(expected double precision[], actual double precision[],
    bins integer default 10)
returns double precision
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    with edges as (
        select percentile_cont(array(select n::double precision / bins from generate_series(1, bins - 1) as n)) within
        group (order by value) as at
        from unnest(expected) as value
    ),

    -- Empty bins count as a tenth of a value, so that the logarithm is finite.
    shares as (
        select bin,
            greatest(count(*) filter (where is_expected), 0.1) / nullif(cardinality(expected), 0) as expected,
            greatest(count(*) filter (where not is_expected), 0.1) / nullif(cardinality(actual), 0) as actual
        from edges
        cross join lateral generate_series(0, bins - 1) as bin
        left join (
            select value, true as is_expected from unnest(expected) as value
            union all
            select value, false from unnest(actual) as value
        ) as both_sides on width_bucket(both_sides.value, edges.at) = bin
        group by bin
    )

    select sum((shares.actual - shares.expected) * ln(shares.actual / shares.expected)) from shares;
$$;
comment on function energy.population_stability(double precision[], double precision[], integer) is
$$Population stability index of two samples over quantile bins of the first: 0 equal, above 0.1 shifted, above 0.25 a
different population (Siddiqi, Credit Risk Scorecards, 2006). NULL if one of them is empty.$$;
revoke all on function energy.population_stability(double precision[], double precision[], integer) from public;

create or replace function energy.page_hinkley(series double precision[], delta double precision,
    lambda double precision)
returns table (n bigint, statistic double precision, is_alarm boolean)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    with steps as (
        select n, value - avg(value) over (order by n) - delta as step
        from unnest(series) with ordinality as one (value, n)
    ),

    sums as (
        select n, sum(step) over (order by n) as total from steps
    )

    select n, total - min(total) over (order by n), total - min(total) over (order by n) > lambda from sums order by n;
$$;
comment on function energy.page_hinkley(double precision[], double precision, double precision) is
$$Page-Hinkley test for an increase of the mean of a series: for each value the cumulative sum of deviations from the
running mean minus delta, above its minimum; beyond lambda it is an alarm (Page 1954; Hinkley 1971). delta and lambda
are in the unit of the series.$$;
revoke all on function energy.page_hinkley(double precision[], double precision, double precision) from public;

-- Daily error relative to the champion's evaluation, so that one delta and one lambda apply to all buildings.
create or replace view energy.error_drift as
select building_id, days, statistic, is_alarm
from (
    select building_id, count(*) as days,
        array_agg(accuracy_days.rmse_kwh / nullif(registered.rmse_kwh, 0) order by local_date) as series
    from energy.accuracy_days
    join energy.champion_scores as registered using (building_id, lead_day)
    where lead_day = 1 and local_date >= greatest((select (energy.clock() - 2 * look_back)::date
        from energy.monitoring_limits), known_at::date)
    group by building_id
) as errors
cross join energy.monitoring_limits as limits
cross join lateral (
    select statistic, is_alarm from energy.page_hinkley(series, limits.page_hinkley_delta, limits.page_hinkley_lambda)
    order by n desc limit 1
) as newest;
comment on view energy.error_drift is
$$Whether the errors of a building's forecasts have started to grow: Page-Hinkley test on the daily RMSE relative to the
champion's evaluation, first day of lead, over twice monitoring.window but not before the champion was trained.
is_alarm: as of the newest day.$$;

create or replace view energy.feature_drift as
with

-- Materialized: otherwise each hour of a year would read the configuration.
limits as materialized (
    select energy.clock() as now_at, look_back from energy.monitoring_limits
)

select building_id, feature, hours, reference_hours, energy.population_stability(reference, recent) as psi
from (
    select building_id, feature,
        count(*) filter (where is_recent) as hours, count(*) filter (where not is_recent) as reference_hours,
        array_agg(value) filter (where is_recent) as recent, array_agg(value) filter (where not is_recent) as reference
    from (
        select hours.building_id, feature, value, hour_at >= now_at - look_back as is_recent
        from limits
        join energy.building_hours as hours on hour_at >= now_at - interval '1 year' - 2 * look_back
        join raw.buildings using (building_id)
        left join raw.weather_observations as weather
            on (weather.weather_location_id, weather.valid_at) = (buildings.weather_location_id, hours.hour_at)
        cross join lateral (
            values ('consumption_kwh', consumption_kwh), ('temperature_c', temperature_c),
                ('ghi_w_m2', ghi_w_m2)) as features (feature, value)
        -- A month is compared with the same season a year before: compared with all seasons, every month would drift.
        where value is not null
          and (hour_at >= now_at - look_back or hour_at between now_at - interval '1 year' - 2 * look_back
          and now_at - interval '1 year' + look_back)
    ) as sides
    group by building_id, feature
) as samples
-- With two weeks on either side.
where hours >= 336 and reference_hours >= 336;
comment on view energy.feature_drift is
$$Population stability index of a building's demand and weather: the last monitoring.window against the same season a
year before. No row if the year before is unknown.$$;
