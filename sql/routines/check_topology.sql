-- Buildings and meters are validated when they are written, by the code that reads them. Triggers instead of
-- constraints, since validity depends on the server and the release, and a dump from another one must still be
-- restored.
create or replace function energy.check_time_zones() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    wrong record;
    state text;
    said  text;
begin
    -- The server's list is read once for all rows, and only for new zones.
    select written.building_id, written.time_zone, known.name, abbreviations.abbrev,
        (select min(alike.name) from pg_timezone_names as alike
            where lower(alike.name) = lower(written.time_zone)) as alike
    into wrong
    from written
    left join pg_timezone_names as known on known.name = written.time_zone
    -- PostgreSQL reads CET and other abbreviations as fixed offsets.
    left join pg_timezone_abbrevs as abbreviations on abbreviations.abbrev = upper(written.time_zone)
        and written.time_zone not in ('UTC', 'GMT')
    where known.name is null or abbreviations.abbrev is not null
    limit 1;
    if found then
        raise exception 'building "%": % is not a valid time zone', wrong.building_id, quote_literal(wrong.time_zone)
            using errcode = 'invalid_parameter_value',
                  detail = case when wrong.abbrev is not null
                      then 'It is an abbreviation, which stands for a fixed offset.'
                                else 'It is not in pg_timezone_names, whose names are case-sensitive.' end,
                  hint = case when wrong.name is null and wrong.alike is not null then format('Write %L.', wrong.alike)
                              else 'Use a name like Europe/Zurich: select name from pg_timezone_names.' end;
    end if;
    -- The extension has its own list.
    for wrong in select distinct on (time_zone) building_id, time_zone from written loop
        begin
            perform edf.read_features(jsonb_build_object('time_zone', wrong.time_zone));
        exception when invalid_parameter_value then
            get stacked diagnostics state = returned_sqlstate, said = message_text;
            raise exception 'building "%": %', wrong.building_id, said
                using errcode = state, hint = 'Use a name like Europe/Zurich that both PostgreSQL and edf know.';
        end;
    end loop;
    return null;
end;
$$;
comment on function energy.check_time_zones() is
$$Rejects buildings whose time zone is unknown to the server or to edf (names are case-sensitive), or is an
abbreviation. Errors: 22023.$$;
revoke all on function energy.check_time_zones() from public;
create or replace trigger check_time_zones_of_new after insert on raw.buildings
    referencing new table as written for each statement execute function energy.check_time_zones();
create or replace trigger check_time_zones after update on raw.buildings
    referencing new table as written for each statement execute function energy.check_time_zones();

create or replace function energy.check_sensor() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    state  text;
    said   text;
    advice text;
begin
    begin
        perform edf.read_meter_settings(new.settings);
    exception when invalid_parameter_value then
        get stacked diagnostics state = returned_sqlstate, said = message_text, advice = pg_exception_hint;
        raise exception 'sensor % of building "%": %', new.sensor_id, new.building_id, said using errcode = state,
            hint = advice;
    end;
    if coalesce(array_ndims(new.replaced_at), 1) <> 1
       or exists (select from unnest(new.replaced_at) as at
           where (at between '1970-01-01 00:00Z' and '2200-01-01 00:00Z') is not true) then
        raise exception 'sensor % of building "%": replaced_at contains an invalid time', new.sensor_id, new.building_id
            using errcode = 'invalid_parameter_value',
                  hint = 'Write a list of times from 1970 to 2200, such as {2026-03-28 14:00+01}.';
    end if;
    return new;
end;
$$;
comment on function energy.check_sensor() is
$$Rejects meter settings that edf.register_hours or edf.gauge_hours would not accept, and invalid times of
replacement. Errors: 22023.$$;
revoke all on function energy.check_sensor() from public;
create or replace trigger check_sensor before insert or update of settings, replaced_at on raw.sensors
    for each row when (new.settings <> '{}' or new.replaced_at <> '{}') execute function energy.check_sensor();
