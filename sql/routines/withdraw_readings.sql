create or replace procedure energy.withdraw_readings(sensor_ids bigint[], from_at timestamptz, to_at timestamptz,
    reason text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    withdrawal bigint;
    withdrawn  bigint;
begin
    if coalesce(btrim(withdraw_readings.reason), '') = '' then
        raise exception 'a withdrawal needs a reason'
            using errcode = 'invalid_parameter_value',
                  hint = 'Give the reason for the withdrawal; it is stored with the readings.';
    end if;
    if (withdraw_readings.from_at < withdraw_readings.to_at) is not true then
        raise exception 'from_at % is not before to_at %', withdraw_readings.from_at, withdraw_readings.to_at
            using errcode = 'invalid_parameter_value',
                  hint = 'Readings from from_at up to but excluding to_at are withdrawn.';
    end if;
    perform energy.known_sensor(sensor_id)
        from unnest(coalesce(withdraw_readings.sensor_ids, array[null::bigint])) as sensor_id;
    perform pg_advisory_xact_lock(hashtextextended('energy.refresh_building_hours', 0));
    insert into raw.withdrawals (sensor_ids, from_at, to_at, reason, readings, withdrawn_at, withdrawn_by)
    values (withdraw_readings.sensor_ids, withdraw_readings.from_at, withdraw_readings.to_at, withdraw_readings.reason,
        0, energy.clock(), session_user)
    returning withdrawal_id into withdrawal;
    with gone as (
        delete from raw.meter_readings
        where sensor_id = any (withdraw_readings.sensor_ids) and read_at >= withdraw_readings.from_at
          and read_at < withdraw_readings.to_at
        returning sensor_id, read_at, received_at, value
    ),

    kept as (
        insert into raw.withdrawn_readings (sensor_id, read_at, received_at, value, withdrawal_id)
        select sensor_id, read_at, received_at, value, withdrawal from gone
        -- Withdrawn again after a restored withdrawal that overlaps.
        on conflict (sensor_id, read_at, received_at) do update set value = excluded.value,
        withdrawal_id = excluded.withdrawal_id
        returning sensor_id, read_at
    )

    select count(distinct (sensor_id, read_at)) into withdrawn from kept;
    if withdrawn = 0 then
        raise exception 'these sensors have no readings from % to %', withdraw_readings.from_at, withdraw_readings.to_at
            using errcode = 'data_exception',
                  hint = 'See raw.meter_readings; raw.withdrawals lists those already withdrawn.';
    end if;
    update raw.withdrawals set readings = withdrawn where withdrawal_id = withdrawal;
    perform energy.repair_sensor_spans(withdraw_readings.sensor_ids, withdrawal);
    call energy.refresh_building_hours();
end;
$$;
comment on procedure energy.withdraw_readings(bigint[], timestamptz, timestamptz, text) is
$$Withdraws wrong readings of sensors, from from_at up to but excluding to_at, and recomputes the hours of their
buildings.

They are moved to raw.withdrawn_readings; raw.withdrawals has the reason, time and user. A message that repeats a
withdrawn value is rejected, another value is accepted. energy.restore_readings undoes it. Hours whose readings may have
been dropped are not changed: see energy.hours_floor(). Errors: 22023 no reason, or from_at is not before to_at; 42704
no such sensor; 22000 there are no such readings.$$;
revoke all on procedure energy.withdraw_readings(bigint[], timestamptz, timestamptz, text) from public;

create or replace procedure energy.restore_readings(withdrawal_id bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    undone raw.withdrawals;
begin
    perform pg_advisory_xact_lock(hashtextextended('energy.refresh_building_hours', 0));
    update raw.withdrawals set restored_at = energy.clock(), restored_by = session_user
    where withdrawals.withdrawal_id = restore_readings.withdrawal_id and restored_at is null
    returning * into undone;
    if not found then
        if exists (select from raw.withdrawals where withdrawals.withdrawal_id = restore_readings.withdrawal_id) then
            return;
        end if;
        raise exception 'there is no withdrawal %', coalesce(restore_readings.withdrawal_id::text, 'null')
            using errcode = 'undefined_object', hint = 'raw.withdrawals lists them.';
    end if;
    with back as (
        delete from raw.withdrawn_readings where withdrawn_readings.withdrawal_id = undone.withdrawal_id
        returning sensor_id, read_at, received_at, value
    )

    insert into raw.meter_readings (sensor_id, read_at, received_at, value)
    select sensor_id, read_at, received_at, value from back
    on conflict (sensor_id, read_at, received_at) do nothing;
    perform energy.repair_sensor_spans(undone.sensor_ids, null);
    call energy.refresh_building_hours();
end;
$$;
comment on procedure energy.restore_readings(bigint) is
$$Undoes a withdrawal: its readings count again, and the hours of their buildings are recomputed. Running it twice
changes nothing. Errors: 42704 no such withdrawal.$$;
revoke all on procedure energy.restore_readings(bigint) from public;

create or replace function energy.repair_sensor_spans(sensor_ids bigint[], withdrawal_id bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Readings dropped by retention still count, except withdrawn ones.
    with spans as (
        select sensor_id, known.first_at, known.last_at, rest.first_at as first_left, rest.last_at as last_left,
            known.first_at < energy.dropped_before('raw.meter_readings') and not exists (
                select from raw.withdrawn_readings as withdrawn
                where withdrawn.sensor_id = known.sensor_id and withdrawn.read_at <= known.first_at
                  and withdrawn.withdrawal_id = repair_sensor_spans.withdrawal_id
            ) as began_before
        from energy.sensor_spans as known
        cross join lateral (
            select min(read_at) as first_at, max(read_at) as last_at from raw.meter_readings
            where meter_readings.sensor_id = known.sensor_id
        ) as rest
        where sensor_id = any (sensor_ids)
    ),

    gone as (
        delete from energy.sensor_spans using spans
        where sensor_spans.sensor_id = spans.sensor_id and first_left is null and not began_before
    )

    update energy.sensor_spans
    set first_at = case when began_before then least(spans.first_at, first_left) else first_left end,
        last_at = coalesce(last_left, spans.first_at)
    from spans
    where sensor_spans.sensor_id = spans.sensor_id and (first_left is not null or began_before);
    -- Sensors that had no readings left and have some again.
    insert into energy.sensor_spans (sensor_id, first_at, last_at)
    select sensor_id, min(read_at), max(read_at) from raw.meter_readings where sensor_id = any (sensor_ids)
    group by sensor_id
    on conflict (sensor_id) do nothing;
    insert into energy.buildings_due (building_id) select distinct building_id from raw.sensors
        where sensor_id = any (sensor_ids);
end;
$$;
comment on function energy.repair_sensor_spans(bigint[], bigint) is
$$Updates energy.sensor_spans after readings were withdrawn (by this withdrawal) or restored, and queues their
buildings.$$;
revoke all on function energy.repair_sensor_spans(bigint[], bigint) from public;
