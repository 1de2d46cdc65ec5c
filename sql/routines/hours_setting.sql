create or replace function energy.hours_setting(settings jsonb, name text) returns interval
language sql immutable
set search_path = pg_catalog, pg_temp
return coalesce((settings ->> name)::double precision, 6) * interval '1 hour';
comment on function energy.hours_setting(jsonb, text) is
    'jitter_h or max_silence_h of a meter''s settings, with the common default of edf.register_hours.';
revoke all on function energy.hours_setting(jsonb, text) from public;

create or replace function energy.usual_silence(building_id text, apartment_id text) returns interval
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- The 98th percentile of the gaps between the newest 200 readings of a sensor; the smallest over all sensors.
    select min(silence)
    from (
        select percentile_disc(0.98) within group (order by gap) as silence
        from raw.sensors
        cross join lateral (
            select sensors.sensor_id, read_at - lag(read_at) over (order by read_at) as gap
            from (
                select distinct read_at from raw.meter_readings where meter_readings.sensor_id = sensors.sensor_id
                order by read_at desc limit 200
            ) as newest
        ) as gaps
        where sensors.building_id = $1 and sensors.apartment_id = $2
        group by sensors.sensor_id
        having count(gap) >= 20
    ) as silences;
$$;
comment on function energy.usual_silence(text, text) is
$$How long an apartment is usually silent: after that its gateway is considered offline. NULL if its sensors have too
few readings.$$;
revoke all on function energy.usual_silence(text, text) from public;

create or replace function energy.apartment_heard_at(building_id text, apartment_id text) returns timestamptz
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select max(last_at)
    from raw.sensors join energy.sensor_spans using (sensor_id)
    where sensors.building_id = $1 and sensors.apartment_id = $2;
$$;
comment on function energy.apartment_heard_at(text, text) is
    'When an apartment, or the building''s own sensors, last reported.';
revoke all on function energy.apartment_heard_at(text, text) from public;

create or replace function energy.apartment_known_at(building_id text, apartment_id text,
    heard_after timestamptz) returns timestamptz
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select min(known.received_at)
    from raw.sensors
    cross join lateral (
        select min(received_at) as received_at from raw.meter_readings
        where meter_readings.sensor_id = sensors.sensor_id and read_at > heard_after
    ) as known
    where sensors.building_id = $1 and sensors.apartment_id = $2;
$$;
comment on function energy.apartment_known_at(text, text, timestamptz) is
    'When the first reading of an apartment after a time was received.';
revoke all on function energy.apartment_known_at(text, text, timestamptz) from public;
