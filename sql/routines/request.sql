create or replace function energy.request_subject() returns text
language sql stable
set search_path = pg_catalog, pg_temp
-- A reset setting reads as '', not null, and '' is not json.
return coalesce(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', '');
comment on function energy.request_subject() is
$$The subject of the API request's token. Empty without a token, which has no buildings; NULL would be the pipeline.$$;
revoke all on function energy.request_subject() from public;

create or replace function energy.refuse(status text, message text, hint text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- PostgREST puts the message into the HTTP status line, where a line break would start a header.
    raise exception using
        errcode = status, hint = hint, message = regexp_replace(left(message, 1000), '[[:cntrl:]]', ' ', 'g');
end;
$$;
comment on function energy.refuse(text, text, text) is
$$Raises an error of the API: PT404 responds with 404. The message may quote the request. Errors: the given one.$$;
revoke all on function energy.refuse(text, text, text) from public;

create or replace function energy.check_is_own(building_id text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (
        select from energy.building_access as access
        where (access.subject, access.building_id) = (energy.request_subject(), check_is_own.building_id)
          and access.subject <> ''
    ) then
        perform energy.refuse(
            'PT403', format('building %s is not yours', coalesce(left(check_is_own.building_id, 80), 'null')),
            'Name a building that energy.building_access grants to the subject of the token.');
    end if;
end;
$$;
comment on function energy.check_is_own(text) is
    'Errors: PT403 (HTTP 403) the building is not one of the request''s subject, whether it exists or not.';
revoke all on function energy.check_is_own(text) from public;

create or replace function energy.sensor_named(building_id text, apartment_id text, sensor_type text,
    room_name text) returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    found_id bigint;
begin
    select sensor_id into found_id from raw.sensors
    where (building_id, apartment_id, sensor_type, room_name)
        = (sensor_named.building_id, coalesce(sensor_named.apartment_id, ''), sensor_named.sensor_type,
            coalesce(sensor_named.room_name, ''));
    if found_id is null then
        perform energy.refuse('PT404',
            format('there is no sensor %s in apartment %L, room %L of building %s',
                   coalesce(left(sensor_named.sensor_type, 80), 'null'),
                   left(coalesce(sensor_named.apartment_id, ''), 80), left(coalesce(sensor_named.room_name, ''), 80),
                   sensor_named.building_id),
            'GET /sensors lists those that have sent a reading.');
    end if;
    return found_id;
end;
$$;
comment on function energy.sensor_named(text, text, text, text) is
    'The sensor with this name. Errors: PT404 (HTTP 404) there is none.';
revoke all on function energy.sensor_named(text, text, text, text) from public;
