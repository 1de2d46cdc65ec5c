-- Ids of buildings and apartments may hold any character, also those between the parts of a key: these are written as
-- in an address, so that no two alerts have one key.
create or replace function energy.anomaly_alert_id(building_id text, apartment_id text, first_date date) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
return format('%s/%s#%s',
    replace(replace(replace(building_id, '%', '%25'), '/', '%2F'), '#', '%23'),
    replace(replace(replace(apartment_id, '%', '%25'), '/', '%2F'), '#', '%23'), to_char(first_date, 'YYYY-MM-DD'));
comment on function energy.anomaly_alert_id(text, text, date) is
$$The key of an alert: building/apartment#date. %, / and # in an id are written %25, %2F and %23, so that the key is that
of one alert only.$$;
revoke all on function energy.anomaly_alert_id(text, text, date) from public;
