-- Changes of topology take effect at the next refresh, so that a refresh equals a rebuild.
create or replace function energy.note_topology() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'UPDATE' and new is not distinct from old then
        return null;
    end if;
    if tg_op <> 'INSERT' then
        insert into energy.buildings_due (building_id) values (old.building_id);
    end if;
    if tg_op <> 'DELETE' then
        insert into energy.buildings_due (building_id) values (new.building_id);
    end if;
    return null;
end;
$$;
comment on function energy.note_topology() is 'Queues the hours of a building when its apartments or sensors change.';
revoke all on function energy.note_topology() from public;

create or replace function energy.note_added() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    select coalesce(new.added_at, energy.clock()) into new.added_at
    from energy.building_spans where building_spans.building_id = new.building_id;
    return new;
end;
$$;
comment on function energy.note_added() is
    'Records when an apartment was added to a building that already had readings.';
revoke all on function energy.note_added() from public;

create or replace trigger note_added before insert on raw.apartments for each row execute function energy.note_added();
create or replace trigger note_topology after insert or update or delete on raw.apartments
for each row execute function energy.note_topology();
-- Not on insert: a sensor without readings has no effect.
create or replace trigger note_topology after update or delete on raw.sensors
for each row execute function energy.note_topology();

create or replace function energy.known_sensor(sensor_id bigint) returns raw.sensors
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    sensor raw.sensors;
begin
    select * into sensor from raw.sensors where sensors.sensor_id = known_sensor.sensor_id;
    if not found then
        raise exception 'there is no sensor %', coalesce(known_sensor.sensor_id::text, 'null')
            using errcode = 'undefined_object', hint = 'raw.sensors lists them.';
    end if;
    return sensor;
end;
$$;
comment on function energy.known_sensor(bigint) is 'A sensor. Errors: 42704 no such sensor.';
revoke all on function energy.known_sensor(bigint) from public;

create or replace procedure energy.continue_sensor(earlier_id bigint, later_id bigint,
    replaced_at timestamptz default null)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    earlier raw.sensors := energy.known_sensor(earlier_id);
    later   constant raw.sensors := energy.known_sensor(later_id);
begin
    if earlier.register_id is not null then
        earlier := energy.known_sensor(earlier.register_id);
    end if;
    if earlier.sensor_id = coalesce(later.register_id, later.sensor_id) and replaced_at is null then
        return;
    end if;
    if (earlier.building_id, earlier.sensor_type) is distinct from (later.building_id, later.sensor_type)
        or earlier.sensor_id = later.sensor_id
       or coalesce(later.register_id, earlier.sensor_id) <> earlier.sensor_id then
        raise exception 'sensor % cannot continue sensor %', later_id, earlier_id
            using errcode = 'invalid_parameter_value',
                  detail = format('%s of building %s, and %s of building %s.', later.sensor_type, later.building_id,
                      earlier.sensor_type, earlier.building_id),
                  hint = 'A sensor can continue one other sensor of the same type in the same building.';
    end if;
    update raw.sensors set register_id = earlier.sensor_id
    where later.sensor_id in (sensors.sensor_id, sensors.register_id);
    if continue_sensor.replaced_at is not null then
        update raw.sensors
        set replaced_at = array(select distinct at from unnest(sensors.replaced_at || continue_sensor.replaced_at) as at
            order by at)
        where sensors.sensor_id = earlier.sensor_id;
    end if;
end;
$$;
comment on procedure energy.continue_sensor(bigint, bigint, timestamptz) is
$$Records that a sensor continues another one under a new name, such as another room_name: their readings become one
series.

replaced_at: when the meter was replaced by one that starts at zero; by default it is the same meter. The next
energy.refresh_building_hours() recomputes the hours of the building. Errors: 42704 no such sensor; 22023 of another
type or building, or it already continues another one.$$;
revoke all on procedure energy.continue_sensor(bigint, bigint, timestamptz) from public;

create or replace procedure energy.set_sensor_validity(sensor_id bigint, valid_from timestamptz, valid_to timestamptz)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    sensor constant raw.sensors := energy.known_sensor(set_sensor_validity.sensor_id);
begin
    if sensor.register_id is not null then
        raise exception 'sensor % continues sensor %', sensor.sensor_id, sensor.register_id
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Set the validity of the sensor that it continues.';
    end if;
    perform energy.check_validity(set_sensor_validity.valid_from, set_sensor_validity.valid_to);
    update raw.sensors set valid_from = set_sensor_validity.valid_from, valid_to = set_sensor_validity.valid_to
    where sensors.sensor_id = set_sensor_validity.sensor_id;
end;
$$;
comment on procedure energy.set_sensor_validity(bigint, timestamptz, timestamptz) is
$$Sets from when until when sums include a sensor; NULL: from its first reading, and until it is silent for longer than
quality.retired_after.

The next energy.refresh_building_hours() recomputes the hours of the building. Errors: 42704 no such sensor; 22023
valid_from is not before valid_to; 55000 it continues another one.$$;
revoke all on procedure energy.set_sensor_validity(bigint, timestamptz, timestamptz) from public;

create or replace function energy.check_validity(valid_from timestamptz, valid_to timestamptz) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if valid_from >= valid_to then
        raise exception 'valid_from % is not before valid_to %', valid_from, valid_to
            using errcode = 'invalid_parameter_value', hint = 'valid_to is exclusive.';
    end if;
end;
$$;
comment on function energy.check_validity(timestamptz, timestamptz) is
    'Errors: 22023 valid_from is not before valid_to.';
revoke all on function energy.check_validity(timestamptz, timestamptz) from public;

create or replace procedure energy.set_apartment_validity(building_id text, apartment_id text, valid_from timestamptz,
    valid_to timestamptz)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from raw.buildings where buildings.building_id = set_apartment_validity.building_id) then
        raise exception 'there is no building %', coalesce(set_apartment_validity.building_id, 'null')
            using errcode = 'undefined_object', hint = 'raw.buildings lists them.';
    end if;
    perform energy.check_validity(set_apartment_validity.valid_from, set_apartment_validity.valid_to);
    insert into raw.apartments as known (building_id, apartment_id, valid_from, valid_to)
    values (set_apartment_validity.building_id, set_apartment_validity.apartment_id, set_apartment_validity.valid_from,
        set_apartment_validity.valid_to)
    on conflict on constraint apartments_pkey do update set valid_from = excluded.valid_from,
    valid_to = excluded.valid_to;
end;
$$;
comment on procedure energy.set_apartment_validity(text, text, timestamptz, timestamptz) is
$$Sets from when until when an apartment is part of its building's demand, and adds the apartment if it does not exist.

For apartments that are added, let, merged into another or abandoned. NULL: unbounded. The next
energy.refresh_building_hours() recomputes the hours of the building. Errors: 42704 no such building; 22023 valid_from
is not before valid_to; 23514 its name is empty.$$;
revoke all on procedure energy.set_apartment_validity(text, text, timestamptz, timestamptz) from public;
