create or replace function energy.check_storage(storage jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    duration record;
    length   interval;
begin
    for duration in
        select format('%s.%s', tables.key, settings.key) as name, settings.value as text
        from jsonb_each(storage -> 'tables') as tables, jsonb_each_text(tables.value) as settings
        union all
        select key, value from jsonb_each_text(storage -> 'logs')
        union all
        select 'building_days.' || key, value from jsonb_each_text(storage -> 'building_days')
    loop
        begin
            length := duration.text::interval;
        exception when invalid_datetime_format or datetime_field_overflow or interval_field_overflow then
            raise exception 'storage: % is not a duration but "%"', duration.name, duration.text
                using errcode = 'invalid_parameter_value', hint = 'Write it as in 90 days, or null.';
        end;
        if length <= interval '0' then
            raise exception 'storage: % is not longer than nothing', duration.name
                using errcode = 'invalid_parameter_value', hint = 'Write it as in 90 days; null keeps rows for ever.';
        end if;
        -- Hours of the last month rest on the readings before them.
        if duration.name = 'raw.meter_readings.keep' and length < interval '40 days' then
            raise exception 'storage: raw.meter_readings are to be kept for % only', duration.text
                using errcode = 'invalid_parameter_value', hint = 'Keep them for 40 days at least: the hours of the last days could not be made anew.';
        end if;
    end loop;
    if (storage ->> 'months_ahead')::numeric between 1 and 24 is not true then
        raise exception 'storage: months_ahead is %, not from 1 to 24', coalesce(storage ->> 'months_ahead', 'missing')
            using errcode = 'invalid_parameter_value', hint = '3 is a good number.';
    end if;
end;
$$;
comment on function energy.check_storage(jsonb) is 'Judges section storage of a configuration. Errors: 22023 a duration that is none or too short, months_ahead.';
revoke all on function energy.check_storage(jsonb) from public;
