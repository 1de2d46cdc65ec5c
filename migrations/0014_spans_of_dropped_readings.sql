-- A building that was heard before the oldest reading that is left: so were its sensors, as far as anybody knows.
set local role edf_owner;

with dropped as (
    select building_id, spans.first_at
    from energy.building_spans as spans
    join raw.sensors using (building_id)
    join energy.sensor_spans using (sensor_id)
    group by building_id, spans.first_at
    having min(sensor_spans.first_at) > spans.first_at
)

update energy.sensor_spans
set first_at = dropped.first_at
from raw.sensors join dropped using (building_id)
where sensors.sensor_id = sensor_spans.sensor_id;

reset role;
