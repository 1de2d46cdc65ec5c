-- Changes to a building, reported by the installer of its meters. Sensors are named as in meter messages.
create or replace view api.sensors with (security_barrier = true) as
select
    sensors.building_id,
    sensors.apartment_id,
    sensors.sensor_type,
    sensors.room_name,
    spans.first_at as first_read_at,
    spans.last_at as last_read_at,
    sensors.valid_from,
    sensors.valid_to,
    sensors.replaced_at,
    register.apartment_id as continues_apartment_id,
    register.room_name as continues_room_name
from raw.sensors
join energy.building_access as access
    on access.building_id = sensors.building_id
    and access.subject = (select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
left join energy.sensor_spans as spans using (sensor_id)
left join raw.sensors as register on register.sensor_id = sensors.register_id;
comment on view api.sensors is $$Sensors of the gateway's buildings

One row per sensor that has sent a reading. Sums include it from `valid_from` up to `valid_to`; null means from its
first reading, and until it is silent long enough to count as removed.$$;
comment on column api.sensors.apartment_id is 'Empty: the building''s own meter.';
comment on column api.sensors.room_name is 'Empty: the sensor names no room.';
comment on column api.sensors.last_read_at is 'Time of its newest reading, as of the last refresh of the hours.';
comment on column api.sensors.replaced_at is 'When the meter was replaced by one that starts at zero.';
comment on column api.sensors.continues_room_name is
$$Room of the sensor, of the same type and building, whose series this sensor continues; its apartment is in
continues_apartment_id.$$;
grant select on api.sensors to gateway;

create or replace function api.set_apartment_validity(
    building_id text default null, apartment_id text default null, valid_from timestamptz default null,
    valid_to timestamptz default null
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform energy.check_is_own(building_id);
    if coalesce(apartment_id, '') = '' then
        raise exception 'apartment_id is missing' using errcode = 'invalid_parameter_value',
            hint = 'Send {"building_id": "...", "apartment_id": "...", ...}.';
    end if;
    call energy.set_apartment_validity(building_id, apartment_id, valid_from, valid_to);
end;
$$;
comment on function api.set_apartment_validity(text, text, timestamptz, timestamptz) is
$$Sets when an apartment is part of its building

From `valid_from` up to but excluding `valid_to`; null: unbounded. A new apartment is added. The next refresh recomputes
the demand of the building.$$;
revoke all on function api.set_apartment_validity(text, text, timestamptz, timestamptz) from public;
grant execute on function api.set_apartment_validity(text, text, timestamptz, timestamptz) to gateway;

create or replace function api.set_sensor_validity(
    building_id text default null, sensor_type text default null, apartment_id text default '',
    room_name text default '',
    valid_from timestamptz default null, valid_to timestamptz default null
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform energy.check_is_own(building_id);
    call energy.set_sensor_validity(energy.sensor_named(building_id, apartment_id, sensor_type, room_name), valid_from,
        valid_to);
end;
$$;
comment on function api.set_sensor_validity(text, text, text, text, timestamptz, timestamptz) is
$$Sets when a sensor counts

From `valid_from` up to but excluding `valid_to`; null: from its first reading, and until it is silent long enough to
count as removed.$$;
revoke all on function api.set_sensor_validity(text, text, text, text, timestamptz, timestamptz) from public;
grant execute on function api.set_sensor_validity(text, text, text, text, timestamptz, timestamptz) to gateway;

create or replace function api.continue_sensor(
    building_id text default null, sensor_type text default null, apartment_id text default '',
    room_name text default '',
    later_apartment_id text default null, later_room_name text default null, replaced_at timestamptz default null
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform energy.check_is_own(building_id);
    call energy.continue_sensor(
        energy.sensor_named(building_id, apartment_id, sensor_type, room_name),
        energy.sensor_named(building_id, coalesce(later_apartment_id, apartment_id), sensor_type,
            coalesce(later_room_name, room_name)), replaced_at);
end;
$$;
comment on function api.continue_sensor(text, text, text, text, text, text, timestamptz) is
$$Continues a sensor under another name

The sensor in `later_apartment_id` and `later_room_name` (by default unchanged) continues the one in `apartment_id` and
`room_name`: their readings become one series. `replaced_at`: when the meter was replaced by one that starts at zero;
null: it is the same meter.$$;
revoke all on function api.continue_sensor(text, text, text, text, text, text, timestamptz) from public;
grant execute on function api.continue_sensor(text, text, text, text, text, text, timestamptz) to gateway;
