-- It commits after each building, so it cannot have a SET clause; every name is qualified instead.
create or replace procedure energy.rebuild_building_hours(building_ids text[] default null)
language plpgsql
as $$
declare
    span       record;
    started_at timestamptz;
    state      text;
    message    text;
    advice     text;
begin
    perform energy.check_timescaledb();
    for span in
        select spans.building_id, greatest(spans.first_at, energy.hours_floor()) as since, spans.heard_at as until
        from energy.building_spans as spans
        where building_ids is null or spans.building_id = any (building_ids)
        order by spans.building_id
    loop
        started_at := pg_catalog.clock_timestamp();
        begin
            -- Refreshes, and so forecasts, wait for at most one building.
            perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('energy.refresh_building_hours', 0));
            perform energy.remove_unheard_hours(array[span.building_id]);
            perform energy.write_hours(
                pg_catalog.array_agg(span.building_id), pg_catalog.array_agg(day_at))
            from pg_catalog.generate_series(pg_catalog.date_trunc('day', span.since, 'UTC'), span.until,
                interval '24 hours') as day_at;
        exception when others then
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            perform energy.record_job_run('rebuild_building_hours', span.building_id, energy.clock(), started_at,
                'failed', 0, state, message, advice);
            raise warning 'the hours of % were not recomputed: %', span.building_id, message;
        end;
        commit;
    end loop;
end;
$$;
comment on procedure energy.rebuild_building_hours(text[]) is
$$Recomputes all hours of these buildings (by default all) from their readings, required after a change of meter
settings: one transaction per building, so that forecasts continue meanwhile.

A building that fails is recorded in energy.job_runs; the others continue. The result equals that of
energy.refresh_building_hours('-infinity') in one transaction.$$;
revoke all on procedure energy.rebuild_building_hours(text[]) from public;
