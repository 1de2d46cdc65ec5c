create or replace function energy.keep_anomaly_alert_events() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'events of alerts cannot be changed or deleted'
        using errcode = 'object_not_in_prerequisite_state',
              hint = 'Correct a decision by another one, which adds an event.';
end;
$$;
comment on function energy.keep_anomaly_alert_events() is
    'Keeps energy.anomaly_alert_events append-only, for its owner too. Errors: 55000.';
revoke all on function energy.keep_anomaly_alert_events() from public;
create or replace trigger keep_events before update or delete on energy.anomaly_alert_events
for each row execute function energy.keep_anomaly_alert_events();
create or replace trigger keep_events_whole before truncate on energy.anomaly_alert_events
for each statement execute function energy.keep_anomaly_alert_events();
-- Also in a session that turns triggers off.
alter table energy.anomaly_alert_events
    enable always trigger keep_events, enable always trigger keep_events_whole;

create or replace function energy.note_anomaly_event(
    alert energy.anomaly_alerts, event text, from_status text default null, notes text default null
) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    insert into energy.anomaly_alert_events
        (alert_id, building_id, at, event, from_status, to_status, anomaly_score, last_date, notes, made_by, role)
    values (alert.alert_id, alert.building_id, energy.clock(), event, from_status, alert.status, alert.anomaly_score,
        alert.last_date, notes, coalesce(energy.person(), session_user), edf.acting_role())
$$;
comment on function energy.note_anomaly_event(energy.anomaly_alerts, text, text, text) is
    'Adds an event to the history of an alert, as it is now.';
revoke all on function energy.note_anomaly_event(energy.anomaly_alerts, text, text, text) from public;
