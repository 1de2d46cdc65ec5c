-- Hours of what apartments measure beside electricity: heat, hot water, room temperatures, whatever the configuration names.
set local role edf_owner;

create table energy.measure_hours (
    building_id  text not null,
    apartment_id text not null,
    room_name    text not null,
    measures     text not null,
    hour_at      timestamptz not null,
    value        double precision,
    quality      energy.quality not null,
    received_at  timestamptz,
    primary key (building_id, apartment_id, room_name, measures, hour_at)
);
comment on table energy.measure_hours is
$$One row per apartment, room, measure and hour: what energy.apartment_hours has no column for. Materialised from
processed.int_measure_hours.$$;
comment on column energy.measure_hours.apartment_id is 'Empty: the building''s own meters.';
comment on column energy.measure_hours.room_name is 'Of gauges; empty of registers, which are summed over rooms.';
comment on column energy.measure_hours.measures is 'As in energy.sensor_types: heating, hot_water, room_temperature, setpoint.';
comment on column energy.measure_hours.hour_at is 'Start of the hour.';
comment on column energy.measure_hours.value is
$$Of registers the amount in the hour, of gauges the mean, in the measure's unit (energy.measures); NULL where it is
missing.$$;
comment on column energy.measure_hours.quality is 'How sure the value is: its worst sensor.';
comment on column energy.measure_hours.received_at is 'When the last reading that the hour rests on was known.';
create index measure_hours_by_hour on energy.measure_hours (building_id, hour_at);

reset role;

-- By month where there is no TimescaleDB, as the other large tables are.
do $$
begin
    if exists (select from pg_extension where extname = 'timescaledb') then
        return;
    end if;
    perform energy.replace_table(
        'energy.measure_hours', 'measure_hours_later', 'partition by range (hour_at)');
    alter table energy.measure_hours
        attach partition energy.measure_hours_later for values from (minvalue) to (maxvalue);
    comment on table energy.measure_hours_later is 'Rows after the months that have a partition.';
end;
$$;
