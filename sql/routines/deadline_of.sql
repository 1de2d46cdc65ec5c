create or replace function energy.deadline_of(deadline text, time_zone text, now_at timestamptz) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted   constant text := btrim(deadline);
    local_at timestamp;
    found_at timestamptz;
begin
    begin
        if wanted ~ '^\d\d:\d\d$' then
            -- The next occurrence in local time.
            local_at := (now_at at time zone time_zone)::date + wanted::time;
            if energy.local_instant(local_at, time_zone) <= now_at then
                local_at := local_at + interval '1 day';
            end if;
        elsif wanted ~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?$' then
            local_at := wanted::timestamp;
        elsif wanted ~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d(:?\d\d)?)$' then
            return wanted::timestamptz;
        end if;
        if local_at is not null then
            found_at := energy.local_instant(local_at, time_zone);
        end if;
    exception when data_exception then
        -- An impossible date or time.
        found_at := null;
    end;
    if found_at is null then
        raise exception 'deadline is %, which is not a time', quote_literal(left(deadline, 80))
            using errcode = 'invalid_parameter_value',
                  hint = 'Write 18:00 or 2026-03-28T18:00 in the building''s local time; append Z or +02:00 (in a '
                         'URL %2B02:00) for another offset.';
    end if;
    return found_at;
end;
$$;
comment on function energy.deadline_of(text, text, timestamptz) is
$$The time that a text stands for: 18:00, its next occurrence in a time zone; 2026-03-28T18:00, in the same time zone,
or with Z or an offset appended. Errors: 22023 it is none of these.$$;
revoke all on function energy.deadline_of(text, text, timestamptz) from public;
