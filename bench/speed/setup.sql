-- The database that both sides read from and write to; data.py creates its hours.
create extension edf;

create table hours (
    building_id   text not null,
    number        integer,
    hour_at       timestamptz,
    demand_kwh    double precision,
    temperature_c double precision,
    ghi_w_m2      double precision,
    is_holiday    integer,
    primary key (number, hour_at)
);
\copy hours from pstdin with (format csv)
vacuum analyze hours;

-- Models are trained on a year; the forecasts are issued a week later.
create view clock as
select starts_at, starts_at + interval '8760 hours' as trained_until, starts_at + interval '8928 hours' as issued_at,
    starts_at + interval '9000 hours' as ends_at
from (select min(hour_at) as starts_at from hours where number = 0) as first;

-- The query of a building's hours, as an analyst would write it.
create function hours_of(number integer, since timestamptz, until timestamptz) returns text
return format('select hour_at, demand_kwh, temperature_c, ghi_w_m2, is_holiday from hours where number = %s and '
              'hour_at >= %L and hour_at < %L',
              number, since, until);

create function check_features(issued_at timestamptz) returns table (lead_hours double precision, feature text,
    value double precision)
begin atomic
    select features.lead_hours, features.feature, features.value
    from clock, edf.features(hours_of(0, starts_at, ends_at), issued_at => check_features.issued_at,
        features => '{"time_zone": "Etc/GMT+8"}') as features;
end;

create table edf_forecasts (
    number integer, issued_at timestamptz, valid_at timestamptz, yhat double precision, yhat_lower double precision,
    yhat_upper double precision,
    quantiles double precision[]
);
create table python_forecasts (like edf_forecasts);
create table edf_backtests (
    number integer, issued_at timestamptz, valid_at timestamptz, actual double precision, yhat double precision,
    yhat_lower double precision,
    yhat_upper double precision, quantiles double precision[]
);
create table python_backtests (like edf_backtests);
create table python_models (number integer, model bytea, metrics jsonb);

-- Statistics of this backend from the kernel: processor seconds; own memory in MB, and the maximum held with the shared
-- buffers that it touched.
create function cpu_seconds() returns numeric volatile
return (select sum(part::numeric) / 100
    from unnest((string_to_array(split_part(pg_read_file('/proc/self/stat'), ') ', 2), ' '))[12:13]) as part);
create function memory_mb(field text) returns numeric volatile
return round(substring(pg_read_file('/proc/self/status') from field || ':\s+(\d+)')::numeric / 1024);

create table memory (strategy text, nth integer, own_mb numeric, peak_mb numeric);
