-- The clock in a subquery is read once, and not for each row.
create or replace view energy.freshness as
select 'meters' as what, building_id as subject, heard_at as newest_at, (select energy.clock()) - heard_at as age,
    limits.meters_late as late_after
from raw.buildings
left join energy.building_spans using (building_id)
cross join energy.monitoring_limits as limits
union all
select 'demand', building_id, newest.hour_at, (select energy.clock()) - newest.hour_at, limits.demand_late
from raw.buildings
left join lateral (
    select hour_at from energy.building_hours as hours
    where hours.building_id = buildings.building_id and consumption_kwh is not null order by hour_at desc limit 1
) as newest on true
cross join energy.monitoring_limits as limits
union all
-- Excludes places without buildings.
select 'weather', weather_location_id, newest.issued_at, (select energy.clock()) - newest.issued_at, limits.weather_late
from (select distinct weather_location_id from raw.buildings) as places
left join lateral (
    select max(issued_at) as issued_at from raw.weather_forecasts as runs
    where runs.weather_location_id = places.weather_location_id and valid_at >= (select energy.clock())
      and received_at <= (select energy.clock())
) as newest on true
cross join energy.monitoring_limits as limits
union all
select 'forecasts', building_id, newest.issued_at, (select energy.clock()) - newest.issued_at, limits.forecasts_late
from raw.buildings
left join lateral (
    select max(issued_at) as issued_at from energy.forecasts
    where forecasts.building_id = buildings.building_id and valid_at >= (select energy.clock())
) as newest on true
cross join energy.monitoring_limits as limits;
comment on view energy.freshness is
$$Age of the newest data: readings of a building, hours with known demand, weather runs of a place with future hours,
forecasts of future hours of a building. newest_at is NULL if there is none; late_after is from the configuration.$$;
