create or replace view api.measured_demand with (security_barrier = true) as
select
    own.building_id,
    hours.hour_at as valid_at,
    hours.consumption_kwh as demand_kwh,
    hours.quality::text as quality
from energy.request_buildings as own
cross join lateral (
    select hour_at, consumption_kwh, quality from energy.building_hours as measured
    where measured.building_id = own.lookup_id
) as hours
order by own.lookup_id, hours.hour_at;
comment on view api.measured_demand is $$Measured demand of buildings

One row per building and hour, ordered by building_id, valid_at. Filter by building and time range: the table is large.

Example: `GET /measured_demand?building_id=eq.all-homes&valid_at=gte.2017-07-28T00:00:00Z`$$;
comment on column api.measured_demand.building_id is 'The building. Example: all-homes';
comment on column api.measured_demand.valid_at is 'Start of the hour. Example: 2017-07-28T12:00:00+00:00';
comment on column api.measured_demand.demand_kwh is
    'Demand of all apartments, in kWh per hour; NULL: too few apartments are known. Example: 20.9';
comment on column api.measured_demand.quality is 'Quality of demand_kwh: that of its worst part. Example: measured';
grant select on api.measured_demand to operator, resident;
