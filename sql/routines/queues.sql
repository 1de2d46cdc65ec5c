create or replace view energy.queues as
select 'readings' as queue, count(*) as waiting, min(received_at) as oldest_at, now() - min(received_at) as age
from raw.meter_inbox
union all
select 'hours', count(*), min(received_at), energy.clock() - min(received_at) from energy.hours_due
union all
select 'forecasts', count(*), min(slot_at), energy.clock() - min(slot_at) from energy.forecast_slots
where status <> 'issued'
union all
select 'trainings', count(*), min(requested_at), now() - min(requested_at) from energy.training_runs
where state in ('queued', 'running')
union all
select 'alerts', count(*), min(created_at), now() - min(created_at) from energy.alert_deliveries
where delivered_at is null;
comment on view energy.queues is
$$Lengths of all queues: readings in the COPY inbox, hours affected by readings, due forecasts, trainings, undelivered
alerts. oldest_at and age are those of the oldest entry.$$;
