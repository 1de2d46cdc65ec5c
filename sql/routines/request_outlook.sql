-- The coming hours for residents. Residents see their building however small it is, so only they may execute the
-- callers of these functions.
create or replace function energy.request_building(building_id text) returns raw.buildings
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    own   constant text[] := array(
        select access.building_id from energy.building_access as access
        where access.subject = energy.request_subject() and access.subject <> '' order by 1);
    asked raw.buildings;
begin
    if request_building.building_id is not null then
        perform energy.check_is_own(request_building.building_id);
    elsif cardinality(own) > 1 then
        raise exception 'you have % buildings: select one', cardinality(own)
            using errcode = 'invalid_parameter_value',
                  hint = format('Add building_id, such as building_id=%s.', own[1]);
    end if;
    select * into asked from raw.buildings
    where buildings.building_id = coalesce(request_building.building_id, own[1]);
    if not found then
        perform energy.refuse(
            'PT404', 'you have no buildings yet', 'Ask the operator of this service for access.');
    end if;
    return asked;
end;
$$;
comment on function energy.request_building(text) is
$$The building that a request of the API is about: this one or, by default, the only one of the request's subject.

Errors: PT403 (HTTP 403) it is not the subject's, whether it exists or not; PT404 the subject has none; 22023 it has
several and none is named.$$;
revoke all on function energy.request_building(text) from public;

create or replace function energy.request_outlook(building_id text)
returns table (
    valid_at timestamptz, issued_at timestamptz, refreshed_at timestamptz, demand double precision[],
    solar_issued_at timestamptz, solar_lead_hours integer, solar double precision[],
    expected_surplus double precision, currency text,
    price_per_kwh double precision, feed_in_price_per_kwh double precision, co2_g_per_kwh double precision
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
-- Planning takes longer than the query; a cached plan excludes partitions when it is executed.
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    from_at constant timestamptz := date_trunc('hour', energy.clock(), 'UTC');
    to_at   constant timestamptz := from_at + interval '48 hours';
begin
    return query
    select grid.valid_at, own.issued_at, own.refreshed_at,
        case when own.yhat is not null then array[own.yhat_lower, own.yhat, own.yhat_upper] end,
        roof.issued_at, roof.lead_hours,
        case when roof.yhat is not null then array[roof.yhat_lower, roof.yhat, roof.yhat_upper] end,
        case when roof.yhat is not null and own.yhat is not null then greatest(roof.yhat - own.yhat, 0) end,
        grid.currency, grid.price_per_kwh, grid.feed_in_price_per_kwh, grid.co2_g_per_kwh
    from energy.grid_hours(request_outlook.building_id, from_at, to_at) as grid
    left join energy.request_forecasts as own
        on own.lookup_id = request_outlook.building_id and own.valid_at = grid.valid_at
    left join (
        select distinct on (valid_at) valid_at, issued_at, lead_hours, yhat, yhat_lower, yhat_upper
        from energy.solar_forecasts as roofs
        where roofs.building_id = request_outlook.building_id and valid_at >= from_at and valid_at < to_at
        order by valid_at, issued_at desc
    ) as roof on roof.valid_at = grid.valid_at
    order by grid.valid_at;
end;
$$;
comment on function energy.request_outlook(text) is
$$The next 48 hours of a building of the request's subject: the newest forecasts of demand and solar generation with
their quantiles at 5, 50 and 95 %, the expected surplus, price and CO2. NULL if not known.$$;
revoke all on function energy.request_outlook(text) from public;
