-- Days of apartments now rest on hours of gauges that are kept: those of buildings that have gauges are made once.
set local role edf_owner;

insert into energy.buildings_due (building_id)
select distinct sensors.building_id
from raw.sensors
join (
    select meters.key as sensor_type
    from (select config from energy.configs order by config_id desc limit 1) as newest
    cross join lateral jsonb_each(newest.config -> 'meters') as meters
    where meters.value ->> 'kind' = 'gauge' and meters.value ? 'measures'
) as gauges using (sensor_type);

comment on column energy.days_due.sensor_id is 'No longer written; what gauges say makes hours anew, as what registers say does.';

reset role;
