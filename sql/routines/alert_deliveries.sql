create or replace view energy.alert_receivers as
select
    receiver,
    coalesce(settings ->> 'min_severity', 'warning') as min_severity,
    (case when settings ? 'repeat_every' then settings ->> 'repeat_every' else '1 day' end)::interval as repeat_every
from energy.current_config() as config
cross join lateral jsonb_each(config #> '{monitoring,receivers}') as receivers (receiver, settings);
comment on view energy.alert_receivers is
$$Receivers of alerts: the lowest severity they receive, and how often unacknowledged alerts are repeated (NULL:
never): monitoring.receivers of the configuration.$$;

create or replace function energy.queue_alert_deliveries(alert energy.alerts, status text) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    -- A resolution is sent to the receivers that were notified of the alert.
    insert into energy.alert_deliveries (alert_id, receiver, status)
    select alert.alert_id, receiver, queue_alert_deliveries.status
    from (
        select receiver from energy.alert_receivers
        where queue_alert_deliveries.status = 'firing'
          and array_position('{info,warning,critical}', alert.severity) >= array_position('{info,warning,critical}',
              min_severity)
        union all
        select distinct receiver from energy.alert_deliveries as began
        where queue_alert_deliveries.status = 'resolved' and began.alert_id = alert.alert_id and began.status = 'firing'
    ) as told
    order by receiver
    on conflict do nothing
$$;
comment on function energy.queue_alert_deliveries(energy.alerts, text) is
    'Queues the delivery of a firing or resolved alert to each receiver concerned; energy.check_alerts calls it.';
revoke all on function energy.queue_alert_deliveries(energy.alerts, text) from public;

create or replace function energy.repeat_alert_deliveries() returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    repeated bigint;
begin
    insert into energy.alert_deliveries (alert_id, receiver, status)
    select alert_id, receiver, 'firing'
    from energy.alerts
    cross join energy.alert_receivers
    cross join lateral (
        select told.delivered_at from energy.alert_deliveries as told
        where told.alert_id = alerts.alert_id and told.receiver = alert_receivers.receiver
        order by delivery_id desc limit 1
    ) as newest
    where resolved_at is null and acknowledged_at is null and newest.delivered_at <= clock_timestamp() - repeat_every
    order by alert_id, receiver
    on conflict do nothing;
    get diagnostics repeated = row_count;
    if repeated > 0 then
        perform pg_notify('edf_alerts', json_build_object('event', 'repeated', 'alerts', repeated)::text);
    end if;
    return repeated;
end;
$$;
comment on function energy.repeat_alert_deliveries() is
$$Queues firing, unacknowledged alerts again for each receiver whose last delivery is repeat_every ago. Returns the
number of deliveries queued; energy.check_alerts calls it.$$;
revoke all on function energy.repeat_alert_deliveries() from public;

create or replace function energy.alert_message(delivery_ids bigint[], external_url text) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with told as (
        select delivery_id, receiver, deliveries.status, alerts.rule,
            jsonb_build_object('alertname', alerts.rule, 'severity', alerts.severity, 'subject', subject, 'service',
                'edf') as labels,
            jsonb_build_object('summary', message, 'description', concat_ws(' ', meaning, advice)) as annotations,
            to_char(opened_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as starts_at,
            -- Alertmanager uses year 1 for the end of a firing alert.
            case deliveries.status when 'firing' then '0001-01-01T00:00:00Z'
                 else to_char(resolved_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') end as ends_at,
            -- Stable for the same rule and subject.
            left(md5(alerts.rule || chr(31) || subject), 16) as fingerprint
        from energy.alert_deliveries as deliveries
        join energy.alerts using (alert_id)
        left join energy.alert_rules using (rule)
        where delivery_id = any (delivery_ids)
    )

    select jsonb_build_object(
        'version', '4',
        'groupKey', format('{}:{alertname="%s"}', min(rule)),
        'truncatedAlerts', 0,
        'status', case when bool_or(status = 'firing') then 'firing' else 'resolved' end,
        'receiver', min(receiver),
        'groupLabels', jsonb_build_object('alertname', min(rule)),
        'commonLabels', (
            select coalesce(jsonb_object_agg(key, value), '{}')
            from (select key, min(value) as value from told cross join jsonb_each_text(labels) group by key
                having min(value) = max(value)) as common),
        'commonAnnotations', (
            select coalesce(jsonb_object_agg(key, value), '{}')
            from (select key, min(value) as value from told cross join jsonb_each_text(annotations) group by key
                having min(value) = max(value)) as common),
        'externalURL', external_url,
        'alerts', jsonb_agg(jsonb_build_object(
            'status', status, 'labels', labels, 'annotations', annotations, 'startsAt', starts_at, 'endsAt', ends_at,
            'generatorURL', external_url, 'fingerprint', fingerprint) order by delivery_id))
    from told
    having count(*) > 0
$$;
comment on function energy.alert_message(bigint[], text) is
$$The payload for deliveries of one receiver and rule: Alertmanager's webhook message, version 4. Labels are alertname
(the rule), severity, subject and service; summary is the message of the alert, description the meaning of the rule and
the recommended action. external_url is used for externalURL and generatorURL.$$;
revoke all on function energy.alert_message(bigint[], text) from public;

create or replace function energy.is_next_delivery(delivery energy.alert_deliveries) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select delivery.delivered_at is null and not exists (
        select from energy.alert_deliveries as earlier
        where earlier.alert_id = delivery.alert_id and earlier.receiver = delivery.receiver
          and earlier.delivered_at is null
          and earlier.delivery_id < delivery.delivery_id)
$$;
comment on function energy.is_next_delivery(energy.alert_deliveries) is
$$Whether this is the oldest undelivered delivery of its alert to a receiver: a resolution is sent only after the
alert itself.$$;
revoke all on function energy.is_next_delivery(energy.alert_deliveries) from public;

create or replace function energy.claim_alerts(
    receiver text, external_url text default '', due_at timestamptz default clock_timestamp(), most integer default 100,
    out delivery_ids bigint[], out tries integer, out message jsonb
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    first_rule text;
begin
    -- Skips rows locked by other sessions.
    select alerts.rule into first_rule
    from energy.alert_deliveries as waiting
    join energy.alerts using (alert_id)
    where waiting.receiver = claim_alerts.receiver and delivered_at is null and next_try_at <= due_at
      and energy.is_next_delivery(waiting)
    order by delivery_id
    limit 1
    for update of waiting skip locked;
    with claimed as (
        select delivery_id, waiting.tries
        from energy.alert_deliveries as waiting
        join energy.alerts using (alert_id)
        where waiting.receiver = claim_alerts.receiver and delivered_at is null and next_try_at <= due_at
          and alerts.rule = first_rule
          and energy.is_next_delivery(waiting)
        order by delivery_id
        limit most
        for update of waiting skip locked
    )

    select array_agg(delivery_id), max(claimed.tries) into delivery_ids, claim_alerts.tries from claimed;
    message := energy.alert_message(delivery_ids, external_url);
end;
$$;
comment on function energy.claim_alerts(text, text, timestamptz, integer) is
$$Claims the next deliveries to a receiver: deliveries of one rule that are due at due_at, up to a limit, with the
message to send. All NULL: nothing is due. The rows stay locked until the end of the transaction: send, call
energy.record_alerts, commit. tries: the highest number of failed attempts among them.$$;
revoke all on function energy.claim_alerts(text, text, timestamptz, integer) from public;

create or replace function energy.record_alerts(
    delivery_ids bigint[], http_status integer default null, reason text default null,
    wait interval default interval '0'
) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    update energy.alert_deliveries as sent
    set tries = tries + 1, http_status = record_alerts.http_status, reason = left(record_alerts.reason, 500),
        delivered_at = case when record_alerts.reason is null then clock_timestamp() end,
        next_try_at = case when record_alerts.reason is null then next_try_at else clock_timestamp() + wait end
    where delivery_id = any (delivery_ids) and delivered_at is null
$$;
comment on function energy.record_alerts(bigint[], integer, text, interval) is
$$Records a delivery attempt: delivered if reason is NULL, else the reason and how long to wait before the next
attempt.$$;
revoke all on function energy.record_alerts(bigint[], integer, text, interval) from public;

create or replace function energy.next_alert_at(receiver text) returns timestamptz
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select min(next_try_at) from energy.alert_deliveries as waiting
    where waiting.receiver = next_alert_at.receiver and energy.is_next_delivery(waiting)
$$;
comment on function energy.next_alert_at(text) is
    'When the next delivery to a receiver is due, by the server''s clock; NULL: none is queued.';
revoke all on function energy.next_alert_at(text) from public;
