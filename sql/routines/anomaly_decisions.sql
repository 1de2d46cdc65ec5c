-- What technicians decide. The alert of a building that is not theirs is answered as one that does not exist.
create or replace function energy.anomaly_alert_of_request(alert_id text) returns energy.anomaly_alerts
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    own    constant text[] := array(
        select access.building_id from energy.building_access as access
        where access.subject = energy.request_subject() and access.subject <> '');
    asked  energy.anomaly_alerts;
    day    energy.anomaly_findings;
    opened text;
begin
    if coalesce(anomaly_alert_of_request.alert_id, '') = '' then
        raise exception 'alert_id is missing'
            using errcode = 'invalid_parameter_value', hint = 'Send {"alert_id": "building/apartment#2026-01-31"}.';
    end if;
    select * into asked from energy.anomaly_alerts as alerts
    where alerts.alert_id = anomaly_alert_of_request.alert_id and alerts.building_id = any (own) for update;
    if found then
        return asked;
    end if;
    -- A day below the threshold becomes an alert when somebody goes there.
    perform pg_advisory_xact_lock(hashtextextended('energy.raise_anomaly_alerts', 0));
    select days.* into day from energy.anomaly_findings as days
    where days.building_id = any (own) and days.alert_id is null
      and energy.anomaly_alert_id(days.building_id, days.apartment_id, days.local_date)
        = anomaly_alert_of_request.alert_id;
    if not found then
        perform energy.refuse('PT404',
            format('there is no alert %s for you', left(anomaly_alert_of_request.alert_id, 300)),
            'GET /anomaly_alerts lists yours.');
    end if;
    opened := energy.open_anomaly_alert(day, day.anomaly_score);
    select * into asked from energy.anomaly_alerts as alerts where alerts.alert_id = opened for update;
    return asked;
end;
$$;
comment on function energy.anomaly_alert_of_request(text) is
$$The alert of this key, locked, where its building is one of the subject of the request. A listed day that raised none
becomes one. Errors: 22023 there is no key; PT404 no such alert, or one of somebody else's building.$$;
revoke all on function energy.anomaly_alert_of_request(text) from public;

create or replace function energy.decide_anomaly_alert(alert_id text, decision text, note text, status text)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    who   constant text := coalesce(energy.person(), nullif(energy.request_subject(), ''), session_user);
    said  constant text := nullif(btrim(note), '');
    was   energy.anomaly_alerts;
    becomes energy.anomaly_alerts;
begin
    if length(said) > 2000 then
        raise exception 'the note has % characters', length(said)
            using errcode = 'invalid_parameter_value', hint = 'Up to 2000 are kept.';
    end if;
    was := energy.anomaly_alert_of_request(decide_anomaly_alert.alert_id);
    becomes := was;
    if decision = 'taken' and was.status like 'Resolved-%' then
        perform energy.refuse('PT409', format('alert %s is resolved: %s', left(was.alert_id, 300), was.status),
            'To say otherwise resolve it again: the newest answer counts, and all are kept.');
    end if;
    becomes.withdrawn_at := case when decision = 'commented' then was.withdrawn_at end;
    becomes.status := coalesce(decide_anomaly_alert.status, was.status);
    becomes.feedback_notes := coalesce(said, was.feedback_notes);
    if decision = 'taken' then
        becomes.taken_at := energy.clock();
        becomes.taken_by := who;
    elsif decision = 'resolved' then
        becomes.resolved_at := energy.clock();
        becomes.resolved_by := who;
    end if;
    update energy.anomaly_alerts as alerts set
        status = becomes.status, feedback_notes = becomes.feedback_notes, taken_at = becomes.taken_at,
        taken_by = becomes.taken_by, resolved_at = becomes.resolved_at, resolved_by = becomes.resolved_by,
        withdrawn_at = becomes.withdrawn_at, updated_at = energy.clock()
    where alerts.alert_id = was.alert_id;
    perform energy.note_anomaly_event(becomes, decision, was.status, said);
    return jsonb_build_object('alert_id', becomes.alert_id, 'status', becomes.status, 'taken_by', becomes.taken_by,
        'resolved_by', becomes.resolved_by, 'feedback_notes', becomes.feedback_notes);
end;
$$;
comment on function energy.decide_anomaly_alert(text, text, text, text) is
$$What api.take_anomaly_alert, api.resolve_anomaly_alert and api.comment_anomaly_alert share: the decision (taken,
resolved, commented), its note and the status that it leads to, kept with who decided. Errors: 22023; PT404; PT409 it is
resolved and cannot be taken.$$;
revoke all on function energy.decide_anomaly_alert(text, text, text, text) from public;
