-- Alerts on their way to receivers outside of the database.
set local role edf_owner;

create table energy.alert_deliveries (
    delivery_id  bigint generated always as identity primary key,
    alert_id     bigint not null references energy.alerts on delete cascade,
    receiver     text not null,
    status       text not null check (status in ('firing', 'resolved')),
    created_at   timestamptz not null default clock_timestamp(),
    tries        integer not null default 0,
    next_try_at  timestamptz not null default clock_timestamp(),
    delivered_at timestamptz,
    http_status  integer,
    reason       text,
    unique (alert_id, receiver, status)
);
comment on table energy.alert_deliveries is
    'An alert that opened or was resolved, for each receiver that is told: energy.check_alerts writes them, edf-alerts delivers them. Times are the server''s clock.';
comment on column energy.alert_deliveries.receiver is 'A name of monitoring.receivers in the configuration; its address is known to edf-alerts alone.';
comment on column energy.alert_deliveries.next_try_at is 'Not before: waits grow from try to try.';
comment on column energy.alert_deliveries.http_status is 'Of the last try; NULL where no answer came.';
comment on column energy.alert_deliveries.reason is 'Why the last try failed; NULL once it is delivered.';
create index alert_deliveries_waiting on energy.alert_deliveries (receiver, delivery_id) where delivered_at is null;

reset role;
