do $$
begin
    -- PostgREST responds with the media type that the function's return type is named after.
    if to_regtype('api."image/svg+xml"') is null then
        create domain api."image/svg+xml" as text;
    end if;
end;
$$;
comment on domain api."image/svg+xml" is 'A picture in SVG.';

create or replace function energy.request_zone(building_id text) returns text
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select coalesce((
        select time_zone from raw.buildings
        join energy.building_access as access using (building_id)
        where building_id = request_zone.building_id and access.subject = energy.request_subject()), 'UTC')
$$;
comment on function energy.request_zone(text) is
    'The time zone of a building of the request''s token; UTC for any other building.';
revoke all on function energy.request_zone(text) from public;
grant execute on function energy.request_zone(text) to supplier, resident;

-- With the caller's rights: it shows what api.forecasts shows. Names are resolved once, at creation.
create or replace function api.forecast_chart(
    building_id text default null, hours integer default 48, width integer default 800, height integer default 320
) returns api."image/svg+xml"
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    select edf.forecast_chart(
        coalesce(array_agg(valid_at order by valid_at), '{}'), null, array_agg(demand_kwh order by valid_at),
        array_agg(demand_lower_kwh order by valid_at), array_agg(demand_upper_kwh order by valid_at), null,
        coalesce(building_id, ''), energy.request_zone(building_id), width, height)::api."image/svg+xml"
    from (
        select valid_at, demand_kwh, demand_lower_kwh, demand_upper_kwh from api.forecasts
        where forecasts.building_id = forecast_chart.building_id
        order by valid_at
        limit least(greatest(hours, 0), 168)
    ) as ahead;
end;
comment on function api.forecast_chart(text, integer, integer, integer) is
$$Chart of a building's forecast

SVG of the expected demand and its 90 % interval over the next hours (at most 168), in the building's local time, with a
title and a text description. width, height: in pixels, 200 to 4000.

Example: `GET /rpc/forecast_chart?building_id=all-homes&hours=48` with `Accept: image/svg+xml`$$;
revoke all on function api.forecast_chart(text, integer, integer, integer) from public;
grant execute on function api.forecast_chart(text, integer, integer, integer) to supplier, resident;
