create or replace function energy.weather_reach(
    weather_location_id text, as_of timestamptz, out issued_at timestamptz, out reaches_to timestamptz,
    out ends_first text
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Only full hours are used. A series that was missing a day before too is not available at the place.
    with hours as materialized (
        select * from energy.weather_as_of(weather_location_id, as_of,
            date_trunc('hour', as_of, 'UTC') - interval '1 day')
        where valid_at = date_trunc('hour', valid_at, 'UTC')
    ),

    newest as (
        select max(issued_at) as issued_at from hours where valid_at >= as_of
    ),

    ends as (
        select 'all' as series, max(hours.valid_at) as last_at
        from hours join newest using (issued_at) where hours.valid_at >= as_of
        union all
        select series, max(valid_at) filter (where value is not null and issued_at is not null)
        from hours
        cross join lateral (values ('temperature_c', temperature_c), ('ghi_w_m2', ghi_w_m2)) as columns (series, value)
        group by series
        having count(value) > 0
    )

    select newest.issued_at, greatest(ends.last_at + interval '1 hour', as_of), ends.series
    from newest cross join ends
    where newest.issued_at is not null
    order by ends.last_at nulls first, ends.series
    limit 1
$$;
comment on function energy.weather_reach(text, timestamptz) is
$$How far the weather known at a time reaches for a place: the newest run, the end of the last hour with all series used
by models, and the series that ends there: 'all' if the run does. No rows if no forecast reaches beyond as_of.

A series missing in all runs counts only if the place had it within the day before.$$;
revoke all on function energy.weather_reach(text, timestamptz) from public;
