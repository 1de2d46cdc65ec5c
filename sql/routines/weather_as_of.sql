create or replace function energy.weather_as_of(
    weather_location_id text, as_of timestamptz, from_at timestamptz default '-infinity',
    to_at timestamptz default 'infinity'
)
returns table (
    valid_at timestamptz, temperature_c double precision, ghi_w_m2 double precision, issued_at timestamptz,
    is_observed boolean
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select versions.valid_at,
        (array_agg(versions.temperature_c order by versions.is_observed desc, versions.issued_at desc)
            filter (where versions.temperature_c is not null))[1],
        (array_agg(versions.ghi_w_m2 order by versions.is_observed desc, versions.issued_at desc)
            filter (where versions.ghi_w_m2 is not null))[1],
        max(versions.issued_at),
        bool_or(versions.is_observed)
    from processed.int_weather_hours as versions
    where versions.weather_location_id = weather_as_of.weather_location_id
      and versions.received_at <= as_of
      and versions.valid_at >= from_at and versions.valid_at < to_at
    group by versions.valid_at
    order by versions.valid_at;
end;
$$;
comment on function energy.weather_as_of(text, timestamptz, timestamptz, timestamptz) is
$$The weather of a place as known at a time, by hour from from_at up to to_at, for forecasts, trainings and users.

Only data received by then counts: observations first, then the newest run; missing values are taken from the next older
one. issued_at: the newest known run, NULL if there was none; is_observed: an observation was known.$$;
revoke all on function energy.weather_as_of(text, timestamptz, timestamptz, timestamptz) from public;
