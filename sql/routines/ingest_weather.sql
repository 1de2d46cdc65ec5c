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

    -- Seasonal forecasts reach months ahead, reanalyses back to 1940: beyond is a service that has gone wrong.
    impossible as (
        select
            case when valid_at < '1900-01-01 00:00Z' then 'far_past' else 'far_future' end as reason_code,
            format('hourly.time holds %s, received at %s', valid_at at time zone 'UTC', received_at at time zone 'UTC') as reason
        from parsed
        where valid_at < '1900-01-01 00:00Z' or valid_at > received_at + interval '366 days'
        order by valid_at limit 1
    ),

    -- An hour without any value would, once kept, stand in the way of one that has them.
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
$$The hours of a weather document that have a value; a document that cannot be used is one row with reason_code and reason.

valid_at is the start of the hour. As Open-Meteo has it, temperature and cloud cover are of the instant of a label, radiation is the mean of the hour that ends there.$$;
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
        select hours.*, known_at from known cross join lateral energy.read_weather_document(coalesce(document, ''), known_at) as hours
        where exists (select from raw.weather_locations as places where places.weather_location_id = take_weather_document.weather_location_id)
        union all
        select null, null, null, null, 'unknown_location', format('place %s is not in raw.weather_locations', left(weather_location_id, 80)), known_at
        from known
        where not exists (select from raw.weather_locations as places where places.weather_location_id = take_weather_document.weather_location_id)
    ),

    usable as (
        select distinct on (valid_at) valid_at, known_at, temperature_c, cloud_cover_pct, ghi_w_m2
        from hours
        where reason_code is null
        order by valid_at
    ),

    rejected as (
        insert into raw.rejected_messages (source, received_at, reason_code, reason, message, weather_location_id, issued_at)
        -- No more is kept of what is too long to be read.
        select 'weather', known_at, reason_code, reason, left(coalesce(document, ''), 1048576), weather_location_id, issued_at
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
        -- Services put the hours ahead in the same document: those are no observation.
        where issued_at is null and valid_at + interval '1 hour' <= known_at
        -- The last hour of a document has no radiation yet, and the one before its first nothing else.
        on conflict (weather_location_id, valid_at) do update
            set (received_at, temperature_c, cloud_cover_pct, ghi_w_m2)
              = (greatest(known.received_at, excluded.received_at), coalesce(known.temperature_c, excluded.temperature_c),
                 coalesce(known.cloud_cover_pct, excluded.cloud_cover_pct), coalesce(known.ghi_w_m2, excluded.ghi_w_m2))
            where known.temperature_c is null and excluded.temperature_c is not null
               or known.cloud_cover_pct is null and excluded.cloud_cover_pct is not null
               or known.ghi_w_m2 is null and excluded.ghi_w_m2 is not null
        returning valid_at
    )

    select (select count(*) from forecasts) + (select count(*) from observations), max(reason_code), max(reason) from hours;
$$;
comment on function energy.take_weather_document(text, text, timestamptz, timestamptz) is
$$The one path of weather documents: a forecast's run has its issued_at, observations have none. A value that is known stays as it is.

What cannot be used goes to raw.rejected_messages, once for a place. An observed hour that gains a value that it lacked counts as received now. Returns the hours that were new or gained a value, and why the document was rejected, if it was.$$;
revoke all on function energy.take_weather_document(text, text, timestamptz, timestamptz) from public;

-- As they were before they told their outcome: two of the same name could not be told apart by their callers.
drop procedure if exists energy.ingest_weather_forecast(text, text, timestamptz, timestamptz);
drop procedure if exists energy.ingest_weather_observations(text, text, timestamptz);

-- Security definer, so that who sends weather can add what was read from a document and nothing else.
create or replace procedure energy.ingest_weather_forecast(
    document text, weather_location_id text, issued_at timestamptz, received_at timestamptz default null,
    inout hours_written bigint default null, inout rejected_code text default null, inout rejected_reason text default null
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- It would be taken for observations.
    if issued_at is null then
        raise exception 'issued_at is null' using errcode = 'invalid_parameter_value', hint = 'Say when the run was issued.';
    end if;
    select * into hours_written, rejected_code, rejected_reason
    from energy.take_weather_document(document, weather_location_id, issued_at, received_at);
end;
$$;
comment on procedure energy.ingest_weather_forecast is
$$Takes the document of one weather run: see energy.take_weather_document. The same run twice changes nothing.

Gives back the hours that were new, and why the document was rejected, if it was. Errors: 22023 no issued_at.$$;
revoke all on procedure energy.ingest_weather_forecast from public;

create or replace procedure energy.ingest_weather_observations(
    document text, weather_location_id text, received_at timestamptz default null,
    inout hours_written bigint default null, inout rejected_code text default null, inout rejected_reason text default null
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
$$Takes a document of observed weather: see energy.take_weather_document. An hour that is not over when the document is received is left out.

Gives back the hours that were new, and why the document was rejected, if it was.$$;
revoke all on procedure energy.ingest_weather_observations from public;
