create or replace function api.my_self_consumption(
    inout building_id text default null, inout period text default 'day', days integer default 28,
    out starts_on date, out generated_kwh double precision, out used_kwh double precision,
    out demand_kwh double precision, out used_share double precision, out solar_share double precision, out hours bigint
) returns setof record
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    own     constant raw.buildings := energy.request_building(my_self_consumption.building_id);
    today   constant date := (energy.clock() at time zone own.time_zone)::date;
    from_at timestamptz;
begin
    if (my_self_consumption.period in ('day', 'week')) is not true then
        raise exception 'period is %: it can be day or week',
            coalesce(quote_literal(left(my_self_consumption.period, 80)), 'null')
            using errcode = 'invalid_parameter_value', hint = 'Ask for period=day or period=week.';
    elsif (my_self_consumption.days between 1 and 731) is not true then
        raise exception 'days is %: 1 to 731 can be asked for', coalesce(my_self_consumption.days::text, 'null')
            using errcode = 'invalid_parameter_value', hint = 'Pass the number of days, such as days=28.';
    end if;
    from_at := energy.local_instant(
        date_trunc(my_self_consumption.period, (today - days + 1)::timestamp), own.time_zone);
    return query
    select own.building_id, my_self_consumption.period, measured.starts_on, measured.generated_kwh, measured.used_kwh,
        measured.demand_kwh, measured.used_kwh / nullif(measured.generated_kwh, 0),
        measured.used_kwh / nullif(measured.demand_kwh, 0), measured.hours
    from (
        select date_trunc(my_self_consumption.period, hour_at at time zone own.time_zone)::date as starts_on,
            sum(solar_kwh) as generated_kwh, sum(least(solar_kwh, consumption_kwh)) as used_kwh,
            sum(consumption_kwh) as demand_kwh, count(*) as hours
        from energy.building_hours as measured
        where measured.building_id = own.building_id and hour_at >= from_at and hour_at < energy.clock()
          and solar_kwh is not null and consumption_kwh is not null
        group by 1
    ) as measured
    order by measured.starts_on;
end;
$$;
comment on function api.my_self_consumption(text, text, integer) is
$$Self-consumption of your building's solar electricity

One row for each local day of the last `days`, or with `period=week` for each week from Monday on: the generation of the
roof, how much of it the building used in the same hour (`used_kwh`, and as `used_share` of the generation, 0 to 1), its
demand and the share of it that the roof covered (`solar_share`). Only hours in which both are known are included;
`hours` counts them. The newest day or week is incomplete.

Example: `GET /rpc/my_self_consumption?building_id=all-homes&period=week&days=28`$$;
revoke all on function api.my_self_consumption(text, text, integer) from public;
grant execute on function api.my_self_consumption(text, text, integer) to resident;
