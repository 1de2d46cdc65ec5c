-- An alert that stays open is told again, so that one is told more than once.
set local role edf_owner;

alter table energy.alert_deliveries drop constraint alert_deliveries_alert_id_receiver_status_key;
create unique index alert_deliveries_one_waiting on energy.alert_deliveries (alert_id, receiver, status) where delivered_at is null;
create index alert_deliveries_of_alert on energy.alert_deliveries (alert_id, receiver, delivery_id);

reset role;
