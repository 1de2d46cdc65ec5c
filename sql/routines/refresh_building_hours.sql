create or replace procedure energy.refresh_building_hours(from_at timestamptz default null, to_at timestamptz default 'infinity')
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into energy.building_hours as kept
    select building_id, hour_at, consumption_kwh, solar_kwh, apartments_reporting, apartments_expected, received_at
    from processed.int_building_hours
    where hour_at >= coalesce(from_at, energy.clock() - interval '3 days') and hour_at < to_at
    on conflict (building_id, hour_at) do update
        set (consumption_kwh, solar_kwh, apartments_reporting, apartments_expected, received_at)
          = (excluded.consumption_kwh, excluded.solar_kwh, excluded.apartments_reporting, excluded.apartments_expected,
             excluded.received_at)
        where (kept.consumption_kwh, kept.solar_kwh, kept.apartments_reporting, kept.apartments_expected, kept.received_at)
            is distinct from
              (excluded.consumption_kwh, excluded.solar_kwh, excluded.apartments_reporting, excluded.apartments_expected,
               excluded.received_at);
end;
$$;
comment on procedure energy.refresh_building_hours(timestamptz, timestamptz) is
    'Brings energy.building_hours up to date from from_at (by default three days ago). Running it twice changes nothing.';
revoke all on procedure energy.refresh_building_hours(timestamptz, timestamptz) from public;
