#!/usr/bin/env bash
# Rebuild of all hours: rebuild.sh [BUILDINGS [DAYS]], by default 12 buildings of 25 apartments over 365 days. Prints a
# table, extrapolated to 120 buildings and a year. Uses a private cluster, which is removed at the end.
set -euo pipefail
. "$(dirname "$0")/setup.sh"
BUILDINGS=${1:-12} DAYS=${2:-365}

# Readings of change-only sensors, inserted in order of time; the values list has how often each kind changes.
readings() {
    query -v buildings="$BUILDINGS" -v days="$DAYS" <<'SQL'
insert into raw.sensors (building_id, apartment_id, sensor_type, room_name)
select building_id, apartment_id, sensor_type, room_name
from raw.apartments
cross join (values ('electricity_kwh_total', ''), ('water_l_total', ''), ('room_temperature_c', 'living'),
    ('room_temperature_c', 'bed'), ('room_temperature_c', 'kitchen'), ('setpoint_c', 'living'), ('setpoint_c', 'bed'),
    ('setpoint_c', 'kitchen')) as kinds (sensor_type, room_name)
where substr(building_id, 2)::int <= :buildings;
insert into raw.meter_readings (sensor_id, read_at, received_at, value)
select sensor_id, read_at, read_at + interval '1 minute',
    case sensor_type when 'electricity_kwh_total' then 1000 + sample * 0.1 when 'water_l_total' then sample else 20 + chance end
from generate_series(0, :days * 96 - 1) as sample
cross join lateral (select timestamptz '2025-03-01 00:00Z' + sample * interval '15 minutes') as times (read_at)
cross join raw.sensors
join (values ('electricity_kwh_total', 0.9), ('water_l_total', 0.4), ('room_temperature_c', 0.3), ('setpoint_c', 0.02))
    as shares (sensor_type, share)
    using (sensor_type)
cross join lateral (select abs(hashint8(sensor_id * 1000003 + sample) % 1000) / 1000.0) as chances (chance)
where chance < share;
SQL
    query -c 'vacuum analyze raw.meter_readings, raw.sensors'
}

rebuild() { query -U pipeline -c "call energy.refresh_building_hours('-infinity')"; }

prepare
query -c "alter database edf set energy.clock = '2026-03-03 00:00Z'"
fleet topology | query
step "readings of $BUILDINGS buildings over $DAYS days" 'Required for the measurements.' readings
rows=$(query -c 'select count(*) from raw.meter_readings')
first=$(seconds rebuild)
hours=$(query -c 'select count(*) from energy.apartment_hours')
second=$(seconds rebuild)
# Partitions and chunks both inherit from the table.
parts="from (select 'raw.meter_readings'::regclass as part
             union all
             select inhrelid from pg_inherits where inhparent = 'raw.meter_readings'::regclass) as parts"
heap=$(query -c "select sum(pg_table_size(part)) $parts") index=$(query -c "select sum(pg_indexes_size(part)) $parts")

awk -v b="$BUILDINGS" -v d="$DAYS" -v n="$rows" -v h="$hours" -v first="$first" -v second="$second" \
    -v heap="$heap" -v idx="$index" 'BEGIN {
    year = 120 / b * 365 / d
    print "\n| what | measured | times " sprintf("%.1f", year) ": 120 buildings, a year |\n|---|---|---|"
    printf "| buildings, days | %d, %d | 120, 365 (extrapolated) |\n", b, d
    printf "| readings | %d | %.0f million |\n", n, n * year / 1e6
    printf "| hours of apartments | %d | %.1f million |\n", h, h * year / 1e6
    printf "| rebuild into empty tables | %.1f s: %.0f hours/s | %.0f min |\n", first, h / first, first * year / 60
    printf "| rebuild that changes nothing | %.1f s, %.2f times the first | %.0f min |\n", second, second / first, second * year / 60
    printf "| bytes a reading on disk | %.0f and %.0f of index | %.0f GB |\n", heap / n, idx / n, (heap + idx) * year / 1e9
}'
