create or replace view api.anomaly_alerts with (security_barrier = true) as
select
    row_number() over (
        order by list.is_alert desc, list.status in ('Unseen', 'Investigating') desc, list.anomaly_score desc,
            list.alert_id) as rank,
    list.alert_id,
    list.building_id,
    list.apartment_id,
    list.status,
    list.is_alert,
    list.standing,
    list.anomaly_score,
    list.threshold,
    list.severity,
    list.first_date,
    list.last_date,
    list.days,
    list.detectors,
    list.evidence,
    list.model_version,
    list.feedback_notes,
    list.opened_at,
    list.taken_at,
    list.taken_by,
    list.resolved_at,
    list.resolved_by
from energy.anomaly_list as list
join energy.building_access as access on access.building_id = list.building_id
where access.subject = (select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
  and access.subject <> '';
comment on view api.anomaly_alerts is $$Alerts about apartments, the most probable faults first

One row per alert of your buildings, and of each apartment without one the strongest of the newest days. Sorted by rank:
what is open comes first, then what is resolved, then what raised no alert (`is_alert` false), each by its score. Pages
go by `rank`.

Example: `GET /anomaly_alerts?is_alert=is.true&status=eq.Unseen&order=rank`$$;
comment on column api.anomaly_alerts.rank is 'Place in the list of all your buildings, from 1.';
comment on column api.anomaly_alerts.alert_id is
$$building/apartment#first date, for the functions below /rpc. In an address # is written %23, / %2F and % %25. To read the
parts, take the columns.$$;
comment on column api.anomaly_alerts.apartment_id is 'Empty: the building as a whole.';
comment on column api.anomaly_alerts.status is
    'Unseen, Investigating, Resolved-True Positive or Resolved-False Positive.';
comment on column api.anomaly_alerts.is_alert is 'Whether it is an alert, or only listed.';
comment on column api.anomaly_alerts.standing is
$$alert; withdrawn: data that came late took its reason away; below_threshold: there are stronger ones than the budget
allows; settling: the building is new.$$;
comment on column api.anomaly_alerts.anomaly_score is 'The probability of a fault, of its worst day: 0 to 1.';
comment on column api.anomaly_alerts.threshold is 'The score from which on alerts were raised when it was opened.';
comment on column api.anomaly_alerts.severity is 'Of what was found on the newest day: critical, warning or info.';
comment on column api.anomaly_alerts.days is 'Anomalous days from first_date to last_date.';
comment on column api.anomaly_alerts.detectors is 'What raised the alarm on the newest day, the strongest first.';
comment on column api.anomaly_alerts.evidence is 'What each of them saw on the newest day.';
comment on column api.anomaly_alerts.feedback_notes is 'The newest note.';
comment on column api.anomaly_alerts.taken_by is 'Who investigates it.';
grant select on api.anomaly_alerts to technician;

create or replace view api.anomaly_alert_events with (security_barrier = true) as
select events.event_id, events.alert_id, events.building_id, events.at, events.event, events.from_status,
    events.to_status, events.anomaly_score, events.last_date, events.notes, events.made_by
from energy.anomaly_alert_events as events
join energy.building_access as access on access.building_id = events.building_id
where access.subject = (select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
  and access.subject <> '';
comment on view api.anomaly_alert_events is $$What happened to alerts about apartments

One row per change of an alert of your buildings, in the order of event_id: what scores changed, and each decision, also
where several contradict each other.

Example: `GET /anomaly_alert_events?alert_id=eq.b1%2Fflat-1%232026-01-31&order=event_id`$$;
comment on column api.anomaly_alert_events.event is
    'opened, extended, rescored, withdrawn, returned, taken, resolved or commented.';
comment on column api.anomaly_alert_events.made_by is 'Who decided, or the role of the job.';
grant select on api.anomaly_alert_events to technician;

create or replace function api.take_anomaly_alert(alert_id text default null, note text default null) returns jsonb
language sql security definer
set search_path = pg_catalog, pg_temp
as $$ select energy.decide_anomaly_alert(alert_id, 'taken', note, 'Investigating') $$;
comment on function api.take_anomaly_alert(text, text) is
$$Says that you look into an alert

Its status becomes Investigating, with your name; a note, if you like. One that a colleague has taken is then yours. 404:
there is no such alert for you; 409: it is resolved.$$;
revoke all on function api.take_anomaly_alert(text, text) from public;
grant execute on function api.take_anomaly_alert(text, text) to technician;

create or replace function api.resolve_anomaly_alert(
    alert_id text default null, outcome text default null, note text default null
) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    status constant text := case outcome when 'true_positive' then 'Resolved-True Positive'
                                         when 'false_positive' then 'Resolved-False Positive' end;
begin
    if status is null then
        raise exception 'outcome is %: it can be true_positive or false_positive',
            coalesce(left(outcome, 80), 'missing')
            using errcode = 'invalid_parameter_value',
                  hint = 'Send {"alert_id": "...", "outcome": "true_positive", "note": "..."}: was there a fault?';
    end if;
    return energy.decide_anomaly_alert(alert_id, 'resolved', note, status);
end;
$$;
comment on function api.resolve_anomaly_alert(text, text, text) is
$$Says whether there was a fault

`outcome` is true_positive or false_positive; a note, if you like. Days that go on in the same way open no other alert.
Said again otherwise, the newest answer counts and each is kept. 404: there is no such alert for you.$$;
revoke all on function api.resolve_anomaly_alert(text, text, text) from public;
grant execute on function api.resolve_anomaly_alert(text, text, text) to technician;

create or replace function api.comment_anomaly_alert(alert_id text default null, note text default null) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(btrim(note), '') = '' then
        raise exception 'note is missing'
            using errcode = 'invalid_parameter_value', hint = 'Send {"alert_id": "...", "note": "..."}.';
    end if;
    return energy.decide_anomaly_alert(alert_id, 'commented', note, null);
end;
$$;
comment on function api.comment_anomaly_alert(text, text) is
$$Adds a note to an alert

Its status stays. 404: there is no such alert for you.$$;
revoke all on function api.comment_anomaly_alert(text, text) from public;
grant execute on function api.comment_anomaly_alert(text, text) to technician;
