-- Apartment data for analysts: a pseudonym instead of the id, and no room names. Functions instead of views: readers of
-- a view need the right to execute its functions, and could compute the pseudonym of any id.
create or replace function energy.pseudonyms(building_ids text[] default null)
returns table (building_id text, apartment_id text, apartment text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with secret as materialized (
        select edf.pseudonym_key() as key
    )

    -- Hashed as JSON, so that no two pairs of ids give the same text. 64 bits: no collisions among a million
    -- apartments.
    select apartments.building_id, apartments.apartment_id, 'apt_' || left(encode(energy.hmac_sha256(
        convert_to(jsonb_build_array(apartments.building_id, apartments.apartment_id)::text, 'UTF8'), secret.key),
            'hex'), 16)
    from raw.apartments
    cross join secret
    where pseudonyms.building_ids is null or apartments.building_id = any (pseudonyms.building_ids)
$$;
comment on function energy.pseudonyms(text[]) is
$$The pseudonym of each apartment: HMAC-SHA256 of building and apartment with the server's key. Only the owner may call
it. Errors: 55000 the server has no key.$$;
revoke all on function energy.pseudonyms(text[]) from public;

create or replace function energy.pseudonymous_days(
    from_date date default null, to_date date default null, building_ids text[] default null
)
returns table (
    building_id text, apartment text, local_date date, consumption_kwh double precision,
    room_temperature_c double precision, setpoint_c double precision, setpoint_difference_c double precision,
    coverage_share double precision, quality energy.quality, received_at timestamptz
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select days.building_id, names.apartment, days.local_date, days.consumption_kwh, days.room_temperature_c,
        days.setpoint_c, days.setpoint_difference_c, days.coverage_share, days.quality, days.received_at
    from energy.apartment_days as days
    join energy.pseudonyms(pseudonymous_days.building_ids) as names
        on names.building_id = days.building_id and names.apartment_id = days.apartment_id
    where (days.local_date >= pseudonymous_days.from_date) is not false
      and (days.local_date <= pseudonymous_days.to_date) is not false
$$;
comment on function energy.pseudonymous_days(date, date, text[]) is
$$energy.apartment_days for analysts: apartments by pseudonym, temperatures as means over rooms. NULL: unbounded, or all
buildings. Errors: 55000 the server has no key for pseudonyms.$$;
revoke all on function energy.pseudonymous_days(date, date, text[]) from public;

create or replace function energy.pseudonymous_hours(
    from_at timestamptz, to_at timestamptz, building_ids text[] default null
)
returns table (
    building_id text, apartment text, hour_at timestamptz, consumption_kwh double precision, solar_kwh double precision,
    quality energy.quality, received_at timestamptz
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select hours.building_id, names.apartment, hours.hour_at, hours.consumption_kwh, hours.solar_kwh, hours.quality,
        hours.received_at
    from energy.apartment_hours as hours
    join energy.pseudonyms(pseudonymous_hours.building_ids) as names
        on names.building_id = hours.building_id and names.apartment_id = hours.apartment_id
    where hours.hour_at >= pseudonymous_hours.from_at and hours.hour_at < pseudonymous_hours.to_at
$$;
comment on function energy.pseudonymous_hours(timestamptz, timestamptz, text[]) is
$$energy.apartment_hours from from_at up to but excluding to_at, for analysts: apartments by pseudonym. building_ids:
NULL: all. Errors: 55000 the server has no key for pseudonyms.$$;
revoke all on function energy.pseudonymous_hours(timestamptz, timestamptz, text[]) from public;

create or replace function energy.pseudonymous_measure_hours(
    from_at timestamptz, to_at timestamptz, building_ids text[] default null
)
returns table (
    building_id text, apartment text, measures text, hour_at timestamptz, value double precision,
    quality energy.quality, received_at timestamptz
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    -- Registers are of the whole apartment already; gauges stand in rooms.
    select hours.building_id, names.apartment, hours.measures, hours.hour_at, avg(hours.value), max(hours.quality),
        max(hours.received_at)
    from energy.measure_hours as hours
    join energy.pseudonyms(pseudonymous_measure_hours.building_ids) as names
        on names.building_id = hours.building_id and names.apartment_id = hours.apartment_id
    where hours.hour_at >= pseudonymous_measure_hours.from_at and hours.hour_at < pseudonymous_measure_hours.to_at
    group by hours.building_id, names.apartment, hours.measures, hours.hour_at
$$;
comment on function energy.pseudonymous_measure_hours(timestamptz, timestamptz, text[]) is
$$energy.measure_hours from from_at up to to_at, which is not included, for analysts: apartments by pseudonym, what rooms
measure as the mean over rooms. building_ids: NULL: all. Errors: 55000 the server has no key for pseudonyms.$$;
revoke all on function energy.pseudonymous_measure_hours(timestamptz, timestamptz, text[]) from public;

create or replace function energy.pseudonymous_anomaly_scores(
    from_date date, to_date date, building_ids text[] default null
)
returns table (
    building_id text, apartment text, local_date date, detector text, score double precision, is_alarm boolean,
    hours double precision, model_id bigint, status text
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select scores.building_id, names.apartment, scores.local_date, scores.detector, scores.score, scores.is_alarm,
        scores.hours, scores.model_id, alerts.status
    from energy.anomaly_scores as scores
    join energy.pseudonyms(pseudonymous_anomaly_scores.building_ids) as names
        on names.building_id = scores.building_id and names.apartment_id = scores.apartment_id
    left join energy.anomaly_findings as days
        on days.building_id = scores.building_id and days.apartment_id = scores.apartment_id
        and days.local_date = scores.local_date
    left join energy.anomaly_alerts as alerts on alerts.alert_id = days.alert_id
    where scores.local_date between pseudonymous_anomaly_scores.from_date and pseudonymous_anomaly_scores.to_date
$$;
comment on function energy.pseudonymous_anomaly_scores(date, date, text[]) is
$$energy.anomaly_scores for analysts: apartments by pseudonym, with the status of the alert that a day belongs to, and
without evidence, which names rooms. building_ids: NULL: all. Errors: 55000 the server has no key for pseudonyms.$$;
revoke all on function energy.pseudonymous_anomaly_scores(date, date, text[]) from public;

create or replace function energy.pseudonymous_features(
    from_date date, to_date date, building_ids text[] default null
) returns setof jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select to_jsonb(days) - 'apartment_id' || jsonb_build_object('apartment', names.apartment)
    from features.fct_apartment_days as days
    join energy.pseudonyms(pseudonymous_features.building_ids) as names
        on names.building_id = days.building_id and names.apartment_id = days.apartment_id
    where days.local_date between pseudonymous_features.from_date and pseudonymous_features.to_date;
end;
$$;
comment on function energy.pseudonymous_features(date, date, text[]) is
$$features.fct_apartment_days for analysts, one JSON object per day: convert it to columns with jsonb_populate_record.
building_ids: NULL: all. Errors: 55000 the server has no key for pseudonyms.$$;
revoke all on function energy.pseudonymous_features(date, date, text[]) from public;

create or replace view energy.rejections as
select rejected_id, received_at, source, reason_code, case when source = 'weather' then reason end as reason, issued_at,
    weather_location_id, replayed_at, replayed_by, overruled,
    case when source = 'weather' then message end as message,
    case when source = 'weather' then fixed_message end as fixed_message
from raw.rejected_messages;
comment on view energy.rejections is
$$raw.rejected_messages without the content of meter messages: which messages wait, and why. Messages and reasons name
apartments, so they are shown for weather only.$$;
