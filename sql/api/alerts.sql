create or replace view api.alerts with (security_barrier = true) as
select
    alert_id,
    alerts.rule,
    alerts.severity,
    subject,
    message,
    meaning,
    advice,
    opened_at,
    seen_at,
    acknowledged_at,
    acknowledged_by,
    note,
    resolved_at
from energy.alerts
left join energy.alert_rules using (rule)
where resolved_at is null or resolved_at > energy.clock() - interval '30 days';
comment on view api.alerts is $$Open and recent alerts

One row per alert that is open or was resolved in the last 30 days. `GET /alerts?resolved_at=is.null&order=opened_at`
lists the open ones.$$;
comment on column api.alerts.subject is 'The building, place or job that the alert is about.';
comment on column api.alerts.message is 'The problem as last observed, at `seen_at`.';
comment on column api.alerts.meaning is 'What the rule detects.';
comment on column api.alerts.advice is 'What to do.';
comment on column api.alerts.acknowledged_by is 'Who acknowledged it: the subject of a token, or a role.';
comment on column api.alerts.resolved_at is 'When it was resolved; null: it is open.';
grant select on api.alerts to operator;

create or replace function api.acknowledge_alert(alert_id bigint default null, note text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    said   text;
    advice text;
begin
    if alert_id is null then
        raise exception 'alert_id is missing'
            using errcode = 'invalid_parameter_value', hint = 'Send {"alert_id": 1, "note": "..."}.';
    end if;
    begin
        call energy.acknowledge_alert(alert_id, note);
    exception
        when undefined_object then
            perform energy.refuse('PT404', format('there is no alert %s', alert_id), 'GET /alerts lists them.');
        when object_not_in_prerequisite_state then
            get stacked diagnostics said = message_text, advice = pg_exception_hint;
            perform energy.refuse('PT409', said, advice);
    end;
end;
$$;
comment on function api.acknowledge_alert(bigint, text) is
$$Acknowledges an alert

With an optional note. It sends no further notifications and stays open until the problem is resolved.$$;
revoke all on function api.acknowledge_alert(bigint, text) from public;
grant execute on function api.acknowledge_alert(bigint, text) to operator;
