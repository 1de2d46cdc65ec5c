create or replace function energy.read_weather_document(document text)
returns table (
    valid_at timestamptz, temperature_c double precision, cloud_cover_pct double precision, ghi_w_m2 double precision,
    reason_code text, reason text
)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    with parsed as materialized (
        select * from edf.parse_weather_document(document)
    ),

    -- An hour without any value would, once kept, stand in the way of one that has them.
    used as (
        select * from parsed
        where reason_code is not null or num_nonnulls(temperature_c, cloud_cover_pct, ghi_w_m2) > 0
    )

    select * from used
    union all
    select null, null, null, null, 'empty', 'no hour has a value'
    where exists (select from parsed) and not exists (select from used);
$$;
comment on function energy.read_weather_document(text) is
$$The hours of a weather document that have a value; a document that cannot be used is one row with reason_code and reason.

valid_at is the start of the hour. As Open-Meteo has it, temperature and cloud cover are of the instant of a label, radiation is the mean of the hour that ends there.$$;
revoke all on function energy.read_weather_document(text) from public;

-- As it was before it told its outcome: two of the same name could not be told apart by their callers.
drop procedure if exists energy.ingest_weather_forecast(text, text, timestamptz, timestamptz);

-- Security definer, so that who sends weather can add what was read from a document and nothing else.
create or replace procedure energy.ingest_weather_forecast(
    document text, weather_location_id text, issued_at timestamptz, received_at timestamptz default null,
    inout hours_written bigint default null, inout rejected_code text default null, inout rejected_reason text default null
)
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    with hours as materialized (
        select * from energy.read_weather_document(document)
    ),

    rejected as (
        insert into raw.rejected_messages (source, received_at, reason_code, reason, message)
        select 'weather', coalesce(received_at, energy.clock()), reason_code, reason, document
        from hours where reason_code is not null
        on conflict do nothing
    ),

    written as (
        insert into raw.weather_forecasts
            (weather_location_id, issued_at, valid_at, received_at, temperature_c, cloud_cover_pct, ghi_w_m2)
        select distinct on (valid_at)
            weather_location_id, issued_at, valid_at, coalesce(received_at, energy.clock()), temperature_c, cloud_cover_pct, ghi_w_m2
        from hours
        where reason_code is null
        order by valid_at
        on conflict do nothing
        returning valid_at
    )

    select (select count(*) from written), max(reason_code), max(reason) from hours;
$$;
comment on procedure energy.ingest_weather_forecast is
$$Takes the document of one weather run. The same run twice changes nothing; a document that cannot be used goes to raw.rejected_messages.

Gives back the hours that were new, and why the document was rejected, if it was.$$;
revoke all on procedure energy.ingest_weather_forecast from public;

drop procedure if exists energy.ingest_weather_observations(text, text, timestamptz);

create or replace procedure energy.ingest_weather_observations(
    document text, weather_location_id text, received_at timestamptz default null,
    inout hours_written bigint default null, inout rejected_code text default null, inout rejected_reason text default null
)
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    with hours as materialized (
        select * from energy.read_weather_document(document)
    ),

    rejected as (
        insert into raw.rejected_messages (source, received_at, reason_code, reason, message)
        select 'weather', coalesce(received_at, energy.clock()), reason_code, reason, document
        from hours where reason_code is not null
        on conflict do nothing
    ),

    written as (
        insert into raw.weather_observations as known
            (weather_location_id, valid_at, received_at, temperature_c, cloud_cover_pct, ghi_w_m2)
        select distinct on (valid_at)
            weather_location_id, valid_at, coalesce(received_at, energy.clock()), temperature_c, cloud_cover_pct, ghi_w_m2
        from hours
        where reason_code is null
          -- Services put the hours ahead in the same document: those are no observation.
          and valid_at + interval '1 hour' <= coalesce(received_at, energy.clock())
        order by valid_at
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

    select (select count(*) from written), max(reason_code), max(reason) from hours;
$$;
comment on procedure energy.ingest_weather_observations is
$$Takes a document of observed weather. A value that is known stays as it is, an hour that is not over when the document is received is left
out; a document that cannot be used goes to raw.rejected_messages.

An hour that gains a value that it lacked counts as received now. Gives back the hours that were new or gained a value, and why the document was rejected, if it was.$$;
revoke all on procedure energy.ingest_weather_observations from public;
