-- Readings, and hours of apartments, next to a time. A query that may read all of such a table opens each of its chunks
-- or partitions, which dominates its cost if there are hundreds. So callers first look within a time range that is
-- known at planning time, and call the functions below only if nothing was found there.

create or replace function energy.set_near(from_at timestamptz, to_at timestamptz) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    -- Most sensors report at least once within four days.
    select set_config('energy.near_from', coalesce(energy.iso(from_at - interval '4 days'), ''), true),
        set_config('energy.near_to', coalesce(energy.iso(to_at + interval '4 days'), ''), true),
        -- With few chunks left by the plan, excluding them again at each look-up takes longer than looking into them.
        -- Without TimescaleDB nothing reads it.
        set_config('timescaledb.enable_runtime_exclusion', case when from_at is null then 'on' else 'off' end, true);
$$;
comment on function energy.set_near(timestamptz, timestamptz) is
$$Sets the range of days that are computed next, until the end of the transaction; NULL: unrestricted. Within a range
TimescaleDB does not exclude chunks at run time.$$;
revoke all on function energy.set_near(timestamptz, timestamptz) from public;

-- Immutable, so that the planner knows the time and excludes chunks. A plan that outlives the setting still returns the
-- same rows.
create or replace function energy.near_from() returns timestamptz
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(nullif(current_setting('energy.near_from', true), '')::timestamptz, '-infinity');
$$;
comment on function energy.near_from() is
    'Start of the range in which views look for readings first, set by energy.set_near(); -infinity: unrestricted.';
revoke all on function energy.near_from() from public;

create or replace function energy.near_to() returns timestamptz
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(nullif(current_setting('energy.near_to', true), '')::timestamptz, 'infinity');
$$;
comment on function energy.near_to() is
    'End of the range in which views look for readings first, set by energy.set_near(); infinity: unrestricted.';
revoke all on function energy.near_to() from public;

create or replace function energy.reading_before(
    sensor_id bigint, before_at timestamptz, out read_at timestamptz, out value double precision
)
returns setof record
language plpgsql stable rows 1
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    reach interval;
begin
    foreach reach in array array['10 days', '100 days', '1000 years']::interval[] loop
        return query
            select read_at, value from raw.meter_readings as readings
            where readings.sensor_id = reading_before.sensor_id and read_at < before_at and read_at >= before_at - reach
            order by read_at desc, received_at desc limit 1;
        exit when found;
    end loop;
end;
$$;
comment on function energy.reading_before(bigint, timestamptz) is
    'The newest reading of a sensor before a time, with its latest correction; no row if there is none.';
revoke all on function energy.reading_before(bigint, timestamptz) from public;

create or replace function energy.reading_after(
    sensor_id bigint, after_at timestamptz, out read_at timestamptz, out value double precision
)
returns setof record
language plpgsql stable rows 1
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    reach interval;
begin
    foreach reach in array array['10 days', '100 days', '1000 years']::interval[] loop
        return query
            select read_at, value from raw.meter_readings as readings
            where readings.sensor_id = reading_after.sensor_id and read_at > after_at and read_at <= after_at + reach
            order by read_at, received_at limit 1;
        exit when found;
    end loop;
end;
$$;
comment on function energy.reading_after(bigint, timestamptz) is
    'The oldest reading of a sensor after a time, as first received; no row if there is none.';
revoke all on function energy.reading_after(bigint, timestamptz) from public;

create or replace function energy.counted_between(
    sensor_id bigint, from_at timestamptz, to_at timestamptz, out first_at timestamptz, out last_at timestamptz
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
    select min(read_at), max(read_at) into first_at, last_at
    from raw.meter_readings as readings
    where readings.sensor_id = counted_between.sensor_id and read_at between from_at and to_at and value <> 0;
end;
$$;
comment on function energy.counted_between(bigint, timestamptz, timestamptz) is
    'The first and the last non-zero reading of a sensor between two times; NULL if there is none.';
revoke all on function energy.counted_between(bigint, timestamptz, timestamptz) from public;

create or replace function energy.readings_between(sensor_id bigint, from_at timestamptz, to_at timestamptz)
returns table (read_at timestamptz, value double precision, received_at timestamptz)
language plpgsql stable rows 100
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
    return query
        select distinct on (read_at) read_at, value, received_at from raw.meter_readings as readings
        where readings.sensor_id = readings_between.sensor_id and read_at between from_at and to_at
        order by read_at, received_at desc;
end;
$$;
comment on function energy.readings_between(bigint, timestamptz, timestamptz) is
    'The readings of a sensor from one time to another, with their latest corrections.';
revoke all on function energy.readings_between(bigint, timestamptz, timestamptz) from public;

create or replace function energy.apartment_hours_between(building_id text, from_at timestamptz, to_at timestamptz)
returns table (
    apartment_id text, hour_at timestamptz, consumption_kwh double precision, quality energy.quality,
    received_at timestamptz
)
language plpgsql stable rows 100
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
    return query
        select apartment_id, hour_at, consumption_kwh, quality, received_at
        from energy.apartment_hours as hours
        where hours.building_id = apartment_hours_between.building_id and apartment_id <> ''
          and hour_at >= from_at and hour_at < to_at;
end;
$$;
comment on function energy.apartment_hours_between(text, timestamptz, timestamptz) is
    'The apartment hours of a building from one time to before another.';
revoke all on function energy.apartment_hours_between(text, timestamptz, timestamptz) from public;

create or replace function energy.measure_hours_between(
    building_id text, wanted text[], from_at timestamptz, to_at timestamptz
)
returns table (
    apartment_id text, room_name text, measures text, hour_at timestamptz, value double precision,
    quality energy.quality, received_at timestamptz
)
language plpgsql stable rows 100
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
    return query
        select apartment_id, room_name, measures, hour_at, value, quality, received_at
        from energy.measure_hours as hours
        where hours.building_id = measure_hours_between.building_id and apartment_id <> ''
          and measures = any (wanted) and hour_at >= from_at and hour_at < to_at;
end;
$$;
comment on function energy.measure_hours_between(text, text[], timestamptz, timestamptz) is
    'The hours of some measures of a building''s apartments from one time to before another.';
revoke all on function energy.measure_hours_between(text, text[], timestamptz, timestamptz) from public;
