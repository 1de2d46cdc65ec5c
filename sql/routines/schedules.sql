-- In PL/pgSQL, whose plans are cached per session: the operator's page calls this for each job.
create or replace function energy.schedule_field(field text, lowest integer, highest integer) returns integer[]
language plpgsql immutable strict
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select array_agg(distinct value order by value)
        from unnest(string_to_array(field, ',')) as entry
        cross join lateral regexp_match(entry, '^(?:(\d+)|(?:\*|(\d+)-(\d+))(?:/(\d+))?)$') as parts
        cross join lateral generate_series(
            coalesce(parts[1], parts[2], lowest::text)::integer, coalesce(parts[1], parts[3], highest::text)::integer,
            coalesce(parts[4], '1')::integer) as value);
end;
$$;
comment on function energy.schedule_field(text, integer, integer) is
    'The values of one field of a schedule, such as 0, 15, 30 and 45 for */15; energy.schedule_error validates it.';
revoke all on function energy.schedule_field(text, integer, integer) from public;

create or replace function energy.scheduled_near(schedule text, at timestamptz, is_after boolean) returns timestamptz
language plpgsql immutable strict
set search_path = pg_catalog, pg_temp
as $$
declare
    field     constant text[] := string_to_array(schedule, ' ');
    minutes   constant integer[] := energy.schedule_field(field[1], 0, 59);
    hours     constant integer[] := energy.schedule_field(field[2], 0, 23);
    days      constant integer[] := energy.schedule_field(field[3], 1, 31);
    months    constant integer[] := energy.schedule_field(field[4], 1, 12);
    week_days constant integer[] := energy.schedule_field(field[5], 0, 7);
    -- As in cron: if both the day of the month and of the week are restricted, either may match.
    is_both   constant boolean := field[3] like '*%' or field[5] like '*%';
    direction constant integer := case when is_after then 1 else -1 end;
    day       date := (at at time zone 'UTC')::date;
    of_month  boolean;
    of_week   boolean;
    found     timestamptz;
begin
    -- The 29th of February recurs after eight years at the latest.
    for n in 0..3000 loop
        of_month := extract(day from day)::integer = any (days);
        -- Sunday is 0 and 7.
        of_week := extract(dow from day)::integer = any (week_days)
            or extract(isodow from day)::integer = any (week_days);
        if extract(month from day)::integer = any (months)
           and (of_month and of_week or not is_both and (of_month or of_week)) then
            select case when is_after then min(time) filter (where time > at)
                else max(time) filter (where time <= at) end
            into found
            from unnest(hours) as hour
            cross join unnest(minutes) as minute
            cross join lateral (
                select (day + make_interval(hours => hour, mins => minute)) at time zone 'UTC' as time) as times;
            -- The first day may have no matching time left.
            exit when found is not null;
        end if;
        day := day + direction;
    end loop;
    return found;
end;
$$;
comment on function energy.scheduled_near(text, timestamptz, boolean) is
$$The first time of a schedule (in UTC) after a time or, with is_after false, the last one up to it. NULL if it has
none, such as on the 30th of February.$$;
revoke all on function energy.scheduled_near(text, timestamptz, boolean) from public;
