#!/usr/bin/env bash
# Ingestion of a day of 2.3 million readings compared with a raw COPY of the same bytes; refresh of the hours; bytes on
# disk. Prints a table. Uses a private cluster, which is removed at the end. Three runs; ratios are of medians.
set -euo pipefail
. "$(dirname "$0")/setup.sh"
RUNS=3
LINES="with (format csv, delimiter e'\\x01', quote e'\\x02')"

raw_copy() {
    query -c 'truncate bench_copy' -c "\\copy bench_copy from '$STATE/day.jsonl' $LINES"
}

ingest() {
    query -U pipeline -c "\\copy raw.meter_inbox (message) from '$1' $LINES" -c 'call energy.ingest_meter_inbox()'
}

refresh() { query -U pipeline -c 'call energy.refresh_building_hours()'; }

empty() {
    query -c 'truncate raw.meter_readings, raw.meter_inbox, raw.ingestions, energy.hours_due, energy.building_spans,
              energy.building_heard, energy.sensor_spans, energy.apartment_hours, energy.measure_hours,
              energy.building_hours, energy.days_due, energy.apartment_days'
}

# Partitions and chunks both inherit from the table.
bytes_a_reading() {
    query -c "select sum(pg_total_relation_size(inhrelid)) / (select count(*) from raw.meter_readings)
              from pg_inherits where inhparent = 'raw.meter_readings'::regclass"
}

compressed_bytes_a_reading() {
    query -c "do \$\$ declare chunk regclass; begin
                  for chunk in select public.show_chunks('raw.meter_readings') loop
                      call public.convert_to_columnstore(chunk);
                  end loop; end \$\$"
    query -c "select public.hypertable_size('raw.meter_readings') / count(*) from raw.meter_readings"
}

prepare
query -c "alter database edf set energy.clock = '2026-03-03 00:00Z'" \
    -c 'create unlogged table bench_copy (message jsonb)'
step 'storage' 'Required for the measurements.' deploy storage
fleet topology | query
fleet messages 0 92 >"$STATE/day.jsonl"
fleet messages 92 93 >"$STATE/quarter.jsonl"

for _ in $(seq "$RUNS"); do
    empty
    seconds raw_copy >>"$STATE/copy"
    seconds ingest "$STATE/day.jsonl" >>"$STATE/ingest"
    seconds refresh >>"$STATE/day"
    query -c 'analyze'
    ingest "$STATE/quarter.jsonl" >/dev/null
    seconds refresh >>"$STATE/quarter"
done

readings=$(query -c "select count(*) from raw.meter_readings where read_at < '2026-03-02 23:00Z'")
bytes=$(bytes_a_reading)
has_timescaledb=$(query -c "select count(*) from pg_extension where extname = 'timescaledb'")
copy=$(median <"$STATE/copy") ingest=$(median <"$STATE/ingest")
echo
echo '| what | median of '"$RUNS"' runs |'
echo '|---|---|'
awk -v n="$readings" -v size="$(stat -c %s "$STATE/day.jsonl")" \
    'BEGIN { printf "| the input | %d readings, %.0f MB of JSON Lines |\n", n, size / 1e6 }'
awk -v s="$copy" 'BEGIN { printf "| COPY into an unlogged jsonb table | %.1f s |\n", s }'
awk -v s="$ingest" -v c="$copy" -v n="$readings" \
    'BEGIN { printf "| COPY into the inbox and ingestion | %.1f s: %.0f readings/s, %.1f times the raw COPY |\n", s, n / s, s / c }'
printf '| refresh after the day | %.1f s |\n' "$(median <"$STATE/day")"
printf '| refresh after 15 more minutes | %.1f s |\n' "$(median <"$STATE/quarter")"
printf '| bytes a reading on disk, with its index | %s |\n' "$bytes"
if [ "$has_timescaledb" = 1 ]; then
    printf '| the same in the columnstore of TimescaleDB | %s |\n' "$(compressed_bytes_a_reading)"
fi
