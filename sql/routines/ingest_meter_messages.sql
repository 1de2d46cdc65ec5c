-- Quota of rejected messages per sender.
create or replace function energy.rejected_room(sender text, received_at timestamptz) returns double precision
language sql stable
set search_path = pg_catalog, pg_temp
return case when sender is not null then
    (select max_rejected_bytes from energy.quality_limits)
    - coalesce((
        select bytes from energy.rejected_volumes as kept
        where kept.sender = rejected_room.sender and day = (rejected_room.received_at at time zone 'UTC')::date), 0)
end;
comment on function energy.rejected_room(text, timestamptz) is
$$Bytes of rejected messages that may still be stored for a sender on this day; NULL, for the pipeline itself:
unlimited.$$;
revoke all on function energy.rejected_room(text, timestamptz) from public;

create or replace function energy.note_rejected(sender text, received_at timestamptz, bytes bigint) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    insert into energy.rejected_volumes as kept (sender, day, bytes)
    select sender, (received_at at time zone 'UTC')::date, bytes where sender is not null and bytes > 0
    on conflict on constraint rejected_volumes_pkey do update
    set bytes = case when kept.day = excluded.day then kept.bytes else 0 end + excluded.bytes, day = excluded.day
$$;
comment on function energy.note_rejected(text, timestamptz, bigint) is
    'Adds stored bytes to the quota: see energy.rejected_room.';
revoke all on function energy.note_rejected(text, timestamptz, bigint) from public;

-- Earlier versions did not return the rejections.
do $$
declare
    earlier regprocedure;
begin
    for earlier in
        select oid from pg_proc
        where pronamespace = 'energy'::regnamespace
          and proname in ('take_meter_messages', 'take_or_set_aside', 'store_meter_messages')
          and 'sender' = any (proargnames) and not 'rejections' = any (proargnames)
    loop
        execute format('drop function %s', earlier);
    end loop;
end;
$$;

create or replace function energy.store_meter_messages(
    messages text[], received_at timestamptz, sender text, overrule boolean,
    out readings_taken bigint, out messages_rejected bigint, out rejections jsonb
)
language plpgsql
set search_path = pg_catalog, pg_temp
-- The planner underestimates the rows of a batch and would choose nested loops.
set enable_nestloop = off
-- Planned with the actual time range of the readings.
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
    known_at   constant timestamptz := store_meter_messages.received_at;
    -- Several values of a reading received at once get receipt times a microsecond apart.
    tick       constant interval := interval '1 microsecond';
    limits     constant energy.quality_limits := (select limits from energy.quality_limits as limits);
    oldest     constant timestamptz := greatest(
        '2000-01-01 00:00Z',
        (select dropped_before from energy.dropped_rows where table_name = 'raw.meter_readings'),
        -- Copied lines count as received by the server's clock.
        (select least(known_at, energy.clock()) - keep from energy.storage where table_name = 'raw.meter_readings'));
    -- A lower bound for index look-ups, so that few chunks of a hypertable are opened.
    near_from  constant timestamptz := greatest(oldest, least(
        known_at - interval '4 days', (select min(read_at) from edf.parse_meter_messages(messages))));
    -- Limit of reported rejections.
    most_told  constant integer := case when store_meter_messages.sender is null then 0 else 100 end;
    room       constant double precision := energy.rejected_room(store_meter_messages.sender, known_at);
    allowed    text[];
    unresolved bigint;
    taken_now  bigint;
    kept_now   bigint;
    tries_left integer := 3;
begin
    if store_meter_messages.sender is not null and not overrule then
        -- An unknown sender has no buildings.
        allowed := array(select building_id from energy.building_access
            where subject = store_meter_messages.sender and subject <> '');
    end if;
    readings_taken := 0;
    loop
        begin
            with judged as materialized (
                select parsed.at, parsed.building_id, parsed.apartment_id, parsed.sensor_type, parsed.room_name,
                    parsed.read_at, in_unit.value, parsed.unit,
                    parsed.reason, sensors.sensor_id, types.kind, types.unit as type_unit,
                    case
                        when parsed.reason_code is not null then parsed.reason_code
                        when buildings.building_id is null then 'unknown_building'
                        when not parsed.building_id = any (allowed) then 'not_allowed'
                        when parsed.apartment_id is not null
                            and apartments.apartment_id is null then 'unknown_apartment'
                        when read_at > known_at + limits.max_ahead then 'far_future'
                        when read_at < oldest then 'far_past'
                        when in_unit.value is null then 'unknown_unit'
                        when in_unit.value not between coalesce(types.min_value, '-1e12') and coalesce(types.max_value,
                            '1e12') then 'impossible_value'
                        -- Checked for old readings only: has the sensor already sent newer ones?
                        when read_at < known_at - limits.max_step_back and exists (
                            select from raw.meter_readings as newer
                            where newer.sensor_id = sensors.sensor_id
                              and newer.read_at > parsed.read_at + limits.max_step_back
                              and newer.read_at >= near_from
                        ) then 'clock_went_back'
                        when exists (
                            select from raw.withdrawn_readings as withdrawn
                            where (withdrawn.sensor_id, withdrawn.read_at, withdrawn.value) = (sensors.sensor_id,
                                parsed.read_at, in_unit.value)
                        ) then 'withdrawn'
                    end as verdict
                from edf.parse_meter_messages(messages) as parsed
                left join raw.buildings on buildings.building_id = parsed.building_id
                left join raw.apartments on apartments.building_id = parsed.building_id
                    and apartments.apartment_id = parsed.apartment_id
                left join energy.sensor_types as types on types.sensor_type = parsed.sensor_type
                left join raw.sensors
                    on sensors.building_id = parsed.building_id
                    and sensors.apartment_id = coalesce(parsed.apartment_id, '')
                    and sensors.sensor_type = parsed.sensor_type and sensors.room_name = coalesce(parsed.room_name, '')
                -- Values without a unit are in the unit of their type; others are converted.
                cross join lateral (
                    select case when parsed.unit is null then parsed.value
                        else edf.convert_unit(parsed.value, parsed.unit, types.unit) end as value
                ) as in_unit
            ),

            -- Detects registers that switch from kWh to Wh, a factor of 1000. Few sensors have values this far apart,
            -- and only their readings are checked one by one.
            apart as materialized (
                select sensor_id, before.value as first_value, before.read_at as first_at
                from (
                    select sensor_id, min(value) as least, max(value) as most, min(read_at) as first_at
                    from judged where kind = 'register' and verdict is null and sensor_id is not null group by sensor_id
                ) as spans
                left join lateral (
                    (
                        select value, read_at from raw.meter_readings as old
                        where old.sensor_id = spans.sensor_id and old.read_at < spans.first_at
                          and old.read_at >= near_from
                        order by old.read_at desc, old.received_at desc limit 1
                    )
                    union all
                    -- Fallback if there is no recent reading.
                    (select value, read_at from energy.reading_before(spans.sensor_id, spans.first_at))
                    limit 1
                ) as before on true
                where least(spans.least, before.value) >= 1
                  and greatest(spans.most, before.value) > 500 * least(spans.least, before.value)
            ),

            steps as (
                select at, sensor_id, sensor_type, read_at, value, unit,
                    coalesce(lag(value) over earlier, first_value) as last_value,
                    coalesce(lag(read_at) over earlier, first_at) as last_at
                from judged join apart using (sensor_id)
                where verdict is null
                window earlier as (partition by sensor_id order by read_at, at)
            ),

            -- The factor leaves room for the energy that the connection can carry, in Wh a thousand times as much.
            jumps as (
                select steps.*,
                    not is_replaced and value - last_value > carried
                        and value between 999.9 * last_value and 1000 * (last_value + carried) as is_up,
                    not is_replaced and last_value >= 1000
                        and 1000 * value between 0.9999 * last_value and last_value + carried as is_down,
                    not is_replaced and last_value >= 1000
                        and 1000 * value between 0.9999 * last_value and last_value + 1000 * carried as is_back
                from steps
                join raw.sensors using (sensor_id)
                join energy.sensor_types as types on types.sensor_type = steps.sensor_type
                cross join lateral (
                    select coalesce(((types.settings || sensors.settings) ->> 'max_kw')::double precision,
                        1000) * extract(epoch from read_at - last_at) / 3600 as carried,
                        exists (select from unnest(replaced_at) as replaced
                            where replaced > last_at and replaced <= read_at) as is_replaced
                ) as connection
            ),

            -- Readings off by a factor of 1000, up or down. An explicit unit is trusted.
            wrong_unit as materialized (
                select * from (
                    select at, sensor_id, read_at, last_value, unit,
                        sum(case when is_up then 1 when is_down or is_back and was_up then -1
                            else 0 end) over (partition by sensor_id order by read_at, at) as thousands
                    from (
                        select *, bool_or(is_up) over (partition by sensor_id
                            order by read_at, at rows between unbounded preceding and 1 preceding) as was_up
                        from jumps
                    ) as jumps
                ) as counted
                where thousands <> 0 and unit is null
            ),

            rejections as materialized (
                select at, verdict, building_id, apartment_id, sensor_type, read_at, value, unit, type_unit, reason,
                    null::double precision as last_value
                from judged where verdict is not null
                union all
                select at, 'wrong_unit', building_id, apartment_id, sensor_type, read_at, value, judged.unit, type_unit,
                    reason, last_value
                from wrong_unit join judged using (at, sensor_id, read_at)
            ),

            explained as materialized (
                select at, verdict, building_id,
                    case verdict
                        when 'unknown_building' then format('building %s is not in raw.buildings',
                            left(building_id, 80))
                        when 'not_allowed' then format('building %s is not the sender''s', left(building_id, 80))
                        when 'unknown_apartment' then format('apartment %s is not in raw.apartments',
                            left(apartment_id, 80))
                        when 'far_future' then format('read at %s, more than %s after it was received', read_at,
                            limits.max_ahead)
                        when 'far_past' then format('read at %s, before %s, the start of the stored readings', read_at,
                            oldest)
                        when 'clock_went_back' then
                            format('read at %s, more than %s before earlier readings of its sensor', read_at,
                                limits.max_step_back)
                        when 'withdrawn' then format('the reading of %s with this value is withdrawn', read_at)
                        when 'unknown_unit' then format('a value in %s is not one of %s, which is in %s',
                            left(unit, 80), left(sensor_type, 80), coalesce(type_unit, 'no unit'))
                        when 'wrong_unit' then format('%s of %s differs from the previous value %s by a factor of '
                                                      '1000: name its unit', value, left(sensor_type, 80), last_value)
                        when 'impossible_value' then format('%s of %s is outside of the limits of its type', value,
                            left(sensor_type, 80))
                        else reason
                    end as why,
                    -- Messages are truncated at the maximum length that is parsed.
                    left(messages[at], 1048576) as message
                from rejections
            ),

            -- Distinct, and in a fixed order, so that concurrent sessions cannot deadlock.
            to_keep as (
                select verdict, why, message, sum(octet_length(message)) over (order by verdict, md5(message)) as bytes
                from (
                    select distinct on (verdict, md5(message)) * from explained order by verdict, md5(message)
                ) as once
            ),

            rejected as (
                insert into raw.rejected_messages (source, received_at, reason_code, reason, message, sender)
                select 'meter', known_at, verdict, why, message, store_meter_messages.sender
                from to_keep
                where coalesce(bytes <= room, true)
                order by verdict, md5(message)
                on conflict do nothing
                returning octet_length(rejected_messages.message) as bytes
            ),

            -- A sender must not learn whether other buildings exist.
            told as (
                select distinct on (at) at,
                    case when verdict = 'unknown_building' then 'not_allowed' else verdict end as reason_code,
                    case when verdict in ('unknown_building', 'not_allowed')
                         then format('building %s is not yours', left(building_id, 80)) else why end as reason
                from explained
                order by at, verdict
                limit most_told
            ),

            -- Rare: first readings of new sensors. They are ingested when the batch is processed again, which changes
            -- nothing else.
            new_sensors as (
                insert into raw.sensors (building_id, apartment_id, sensor_type, room_name)
                select distinct building_id, coalesce(apartment_id, ''), sensor_type, coalesce(room_name, '')
                from judged
                where verdict is null and sensor_id is null
                order by 1, 2, 3, 4
                on conflict do nothing
            ),

            -- Distinct values, at their first position.
            sent as (
                select sensor_id, building_id, read_at, value, min(at) as at
                from judged
                where verdict is null and sensor_id is not null
                  and not exists (
                      select from wrong_unit where (wrong_unit.at, wrong_unit.sensor_id,
                          wrong_unit.read_at) = (judged.at, judged.sensor_id, judged.read_at))
                group by sensor_id, building_id, read_at, value
            ),

            -- One index look-up per sensor shows whether all of its readings are new, which is the usual case.
            looked_up as (
                select sent.*,
                    case when row_number() over (partition by sensor_id order by read_at) = 1 then exists (
                        select from raw.meter_readings as old
                        where old.sensor_id = sent.sensor_id and old.read_at >= sent.read_at
                          and old.read_at >= near_from
                    ) end as has_later
                from sent
            ),

            -- Any value received before is known: resending an old message does not undo its correction.
            news as materialized (
                select looked_up.*, coalesce(old.received_at + tick, known_at)
                    + tick * (row_number() over (partition by sensor_id, read_at order by at) - 1) as counts_from
                from (select *, bool_or(has_later) over (partition by sensor_id order by read_at) as may_be_known
                    from looked_up) as looked_up
                left join lateral (
                    select bool_or(old.value = looked_up.value) as is_known,
                        max(old.received_at) filter (
                            where old.received_at between known_at and known_at + interval '1 millisecond') as received_at
                    from raw.meter_readings as old
                    where may_be_known and (old.sensor_id, old.read_at) = (looked_up.sensor_id, looked_up.read_at)
                      and old.read_at >= near_from
                ) as old on true
                where old.is_known is not true
            ),

            -- Without ON CONFLICT, which would cost another index look-up per row.
            taken as (
                insert into raw.meter_readings (sensor_id, read_at, received_at, value)
                select sensor_id, read_at, counts_from, value from news
            ),

            due as (
                insert into energy.hours_due (building_id, sensor_id, first_at, last_at, received_at)
                select building_id, sensor_id, min(read_at), max(read_at), known_at
                from news
                group by building_id, sensor_id, date_bin('1 day', read_at, '2000-01-01 00:00Z')
            )

            select (select count(*) from news), (select count(distinct at) from rejections),
                count(*) filter (where verdict is null and sensor_id is null),
                (select coalesce(jsonb_agg(jsonb_build_object(
                    'index', at - 1, 'reason_code', reason_code, 'reason', reason) order by at), '[]') from told),
                (select sum(bytes) from rejected)
            into taken_now, messages_rejected, unresolved, rejections, kept_now
            from judged;
            perform energy.note_rejected(store_meter_messages.sender, known_at, kept_now);
        exception when unique_violation then
            -- Another session inserted the same reading without the lock: it is visible now.
            tries_left := tries_left - 1;
            if tries_left = 0 then raise; end if;
            continue;
        end;
        readings_taken := readings_taken + taken_now;
        exit when unresolved = 0;
    end loop;
end;
$$;
comment on function energy.store_meter_messages(text[], timestamptz, text, boolean) is
$$Validates meter messages, and stores their readings or the reasons for their rejection; energy.take_meter_messages
calls it with the lock held. rejections, for a sender: index in the batch from 0, reason_code and reason of the first
hundred.$$;
revoke all on function energy.store_meter_messages(text[], timestamptz, text, boolean) from public;
