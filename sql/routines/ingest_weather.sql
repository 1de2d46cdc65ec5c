create or replace function energy.read_weather_document(document text, received_at timestamptz)
returns table (
    valid_at timestamptz, temperature_c double precision, cloud_cover_pct double precision, ghi_w_m2 double precision,
    reason_code text, reason text
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with parsed as materialized (
        select * from edf.parse_weather_document(document)
    ),

    -- Seasonal forecasts reach months ahead, reanalyses back to 1940: times beyond are errors of the service.
    impossible as (
        select
            case when valid_at < '1900-01-01 00:00Z' then 'far_past' else 'far_future' end as reason_code,
            format('hourly.time holds %s, received at %s', valid_at at time zone 'UTC',
                received_at at time zone 'UTC') as reason
        from parsed
        where valid_at < '1900-01-01 00:00Z' or valid_at > received_at + interval '366 days'
        order by valid_at limit 1
    ),

    -- An hour without any value would block a later document that has values for it.
    used as (
        select * from parsed
        where (reason_code is not null or num_nonnulls(temperature_c, cloud_cover_pct, ghi_w_m2) > 0)
          and not exists (select from impossible)
    )

    select * from used
    union all
    select null, null, null, null, reason_code, reason from impossible
    union all
    select null, null, null, null, 'empty', 'no hour has a value'
    where exists (select from parsed) and not exists (select from used) and not exists (select from impossible);
$$;
comment on function energy.read_weather_document(text, timestamptz) is
$$The hours of a weather document that have a value; an unusable document returns one row with reason_code and reason.

valid_at is the start of the hour. As defined by Open-Meteo, temperature and cloud cover are instantaneous values at the
time label, radiation is the mean of the preceding hour.$$;
revoke all on function energy.read_weather_document(text, timestamptz) from public;
drop function if exists energy.read_weather_document(text);

create or replace function energy.take_weather_document(
    document text, weather_location_id text, issued_at timestamptz, received_at timestamptz,
    out hours_written bigint, out rejected_code text, out rejected_reason text
)
language sql
set search_path = pg_catalog, pg_temp
as $$
    with known as (
        select coalesce(received_at, energy.clock()) as known_at
    ),

    hours as materialized (
        select hours.*, known_at from known
        cross join lateral energy.read_weather_document(coalesce(document, ''), known_at) as hours
        where exists (select from raw.weather_locations as places
            where places.weather_location_id = take_weather_document.weather_location_id)
        union all
        select null, null, null, null, 'unknown_location',
            format('place %s is not in raw.weather_locations', left(weather_location_id, 80)), known_at
        from known
        where not exists (select from raw.weather_locations as places
            where places.weather_location_id = take_weather_document.weather_location_id)
    ),

    usable as (
        select distinct on (valid_at) valid_at, known_at, temperature_c, cloud_cover_pct, ghi_w_m2
        from hours
        where reason_code is null
        order by valid_at
    ),

    rejected as (
        insert into raw.rejected_messages (source, received_at, reason_code, reason, message, weather_location_id,
            issued_at)
        -- Documents are truncated at the maximum length that is parsed.
        select 'weather', known_at, reason_code, reason, left(coalesce(document, ''), 1048576), weather_location_id,
            issued_at
        from hours where reason_code is not null
        on conflict do nothing
    ),

    forecasts as (
        insert into raw.weather_forecasts
            (weather_location_id, issued_at, valid_at, received_at, temperature_c, cloud_cover_pct, ghi_w_m2)
        select weather_location_id, issued_at, valid_at, known_at, temperature_c, cloud_cover_pct, ghi_w_m2
        from usable
        where issued_at is not null
        on conflict do nothing
        returning valid_at
    ),

    observations as (
        insert into raw.weather_observations as known
            (weather_location_id, valid_at, received_at, temperature_c, cloud_cover_pct, ghi_w_m2)
        select weather_location_id, valid_at, known_at, temperature_c, cloud_cover_pct, ghi_w_m2
        from usable
        -- Services return forecasts in the same document: these are not observations.
        where issued_at is null and valid_at + interval '1 hour' <= known_at
        -- Radiation belongs to the preceding hour: the last hour of a document lacks it, and an extra first hour has
        -- nothing else.
        on conflict (weather_location_id, valid_at) do update
            set (received_at, temperature_c, cloud_cover_pct, ghi_w_m2)
              = (greatest(known.received_at, excluded.received_at),
                  coalesce(known.temperature_c, excluded.temperature_c),
                 coalesce(known.cloud_cover_pct, excluded.cloud_cover_pct), coalesce(known.ghi_w_m2, excluded.ghi_w_m2))
            where known.temperature_c is null and excluded.temperature_c is not null
               or known.cloud_cover_pct is null and excluded.cloud_cover_pct is not null
               or known.ghi_w_m2 is null and excluded.ghi_w_m2 is not null
        returning valid_at
    )

    select (select count(*) from forecasts) + (select count(*) from observations), max(reason_code), max(reason)
    from hours;
$$;
comment on function energy.take_weather_document(text, text, timestamptz, timestamptz) is
$$Ingests a weather document: a forecast run with issued_at, or observations without. Known values are not changed.

Unusable documents are stored in raw.rejected_messages, once per place. An observed hour that gains a missing value
counts as received now. Returns the number of hours that were new or gained a value, and why the document was rejected,
if it was.$$;
revoke all on function energy.take_weather_document(text, text, timestamptz, timestamptz) from public;

-- Earlier versions without output arguments, which would make calls ambiguous.
drop procedure if exists energy.ingest_weather_forecast(text, text, timestamptz, timestamptz);
drop procedure if exists energy.ingest_weather_observations(text, text, timestamptz);

-- Security definer, so that the sender of weather can only add the parsed content of a document.
create or replace procedure energy.ingest_weather_forecast(
    document text, weather_location_id text, issued_at timestamptz, received_at timestamptz default null,
    inout hours_written bigint default null, inout rejected_code text default null,
    inout rejected_reason text default null
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Without issued_at, the document would be ingested as observations.
    if issued_at is null then
        raise exception 'issued_at is null' using errcode = 'invalid_parameter_value',
            hint = 'Say when the run was issued.';
    end if;
    select * into hours_written, rejected_code, rejected_reason
    from energy.take_weather_document(document, weather_location_id, issued_at, received_at);
end;
$$;
comment on procedure energy.ingest_weather_forecast is
$$Ingests the document of one weather run: see energy.take_weather_document. Ingesting it twice changes nothing.

Returns the number of new hours, and why the document was rejected, if it was. Errors: 22023 no issued_at.$$;
revoke all on procedure energy.ingest_weather_forecast from public;

create or replace procedure energy.ingest_weather_observations(
    document text, weather_location_id text, received_at timestamptz default null,
    inout hours_written bigint default null, inout rejected_code text default null,
    inout rejected_reason text default null
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    select * into hours_written, rejected_code, rejected_reason
    from energy.take_weather_document(document, weather_location_id, null, received_at);
end;
$$;
comment on procedure energy.ingest_weather_observations is
$$Ingests a document of observed weather: see energy.take_weather_document. Hours that are not over when the document is
received are skipped.

Returns the number of new hours, and why the document was rejected, if it was.$$;
revoke all on procedure energy.ingest_weather_observations from public;
