create or replace procedure energy.ingest_weather_forecast(
    document text, weather_location_id text, issued_at timestamptz, received_at timestamptz default null
)
language sql
set search_path = pg_catalog, pg_temp
as $$
    with hours as materialized (
        select * from edf.parse_weather_document(document)
    ),

    rejected as (
        insert into raw.rejected_messages (source, received_at, reason_code, reason, message)
        select 'weather', coalesce(received_at, energy.clock()), reason_code, reason, document
        from hours where reason_code is not null
    )

    insert into raw.weather_forecasts
        (weather_location_id, issued_at, valid_at, received_at, temperature_c, cloud_cover_pct, ghi_w_m2)
    select distinct on (valid_at)
        weather_location_id, issued_at, valid_at, coalesce(received_at, energy.clock()), temperature_c, cloud_cover_pct, ghi_w_m2
    from hours
    where reason_code is null
    order by valid_at
    on conflict do nothing;
$$;
comment on procedure energy.ingest_weather_forecast(text, text, timestamptz, timestamptz) is
    'Takes the document of one weather run. The same run twice changes nothing; a document that cannot be read goes to raw.rejected_messages.';
revoke all on procedure energy.ingest_weather_forecast(text, text, timestamptz, timestamptz) from public;

create or replace procedure energy.ingest_weather_observations(
    document text, weather_location_id text, received_at timestamptz default null
)
language sql
set search_path = pg_catalog, pg_temp
as $$
    with hours as materialized (
        select * from edf.parse_weather_document(document)
    ),

    rejected as (
        insert into raw.rejected_messages (source, received_at, reason_code, reason, message)
        select 'weather', coalesce(received_at, energy.clock()), reason_code, reason, document
        from hours where reason_code is not null
    )

    insert into raw.weather_observations
        (weather_location_id, valid_at, received_at, temperature_c, cloud_cover_pct, ghi_w_m2)
    select distinct on (valid_at)
        weather_location_id, valid_at, coalesce(received_at, energy.clock()), temperature_c, cloud_cover_pct, ghi_w_m2
    from hours
    where reason_code is null
    order by valid_at
    on conflict do nothing;
$$;
comment on procedure energy.ingest_weather_observations(text, text, timestamptz) is
    'Takes a document of observed weather. An hour that is known stays as it is; a document that cannot be read goes to raw.rejected_messages.';
revoke all on procedure energy.ingest_weather_observations(text, text, timestamptz) from public;
