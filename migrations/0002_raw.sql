set local role edf_owner;

create table raw.weather_locations (
    weather_location_id text primary key,
    latitude            double precision not null check (latitude between -90 and 90),
    longitude           double precision not null check (longitude between -180 and 180)
);
comment on table raw.weather_locations is 'Places that weather is asked for, in degrees.';

create table raw.buildings (
    building_id         text primary key,
    name                text not null,
    time_zone           text not null,
    region              text not null,
    latitude            double precision not null check (latitude between -90 and 90),
    longitude           double precision not null check (longitude between -180 and 180),
    weather_location_id text not null references raw.weather_locations
);
comment on table raw.buildings is 'Topology: the buildings.';
comment on column raw.buildings.time_zone is 'IANA name; calendar features are local.';
comment on column raw.buildings.region is 'Whose holidays count, as in raw.holidays.';

create table raw.apartments (
    building_id  text not null references raw.buildings,
    apartment_id text not null check (apartment_id <> ''),
    primary key (building_id, apartment_id)
);
comment on table raw.apartments is 'Topology: the apartments whose meters make up a building''s demand.';

create table raw.holidays (
    region       text not null,
    holiday_date date not null,
    name         text not null,
    primary key (region, holiday_date)
);
comment on table raw.holidays is 'Public holidays by region, local dates.';

create table raw.meter_readings (
    building_id  text not null,
    apartment_id text not null default '',
    sensor_type  text not null,
    room_name    text not null default '',
    read_at      timestamptz not null,
    value        double precision not null,
    received_at  timestamptz not null,
    primary key (building_id, apartment_id, sensor_type, room_name, read_at, received_at)
);
comment on table raw.meter_readings is
    'Readings as received. A correction is a new row; the newest received_at counts.';
comment on column raw.meter_readings.apartment_id is 'Empty: the building''s own meter.';
comment on column raw.meter_readings.sensor_type is
    'electricity_kwh_total and solar_kwh_total are cumulative registers in kWh; unknown types are kept.';
comment on column raw.meter_readings.room_name is 'Empty: the sensor names no room.';
comment on column raw.meter_readings.received_at is 'When this database first knew it.';
create index meter_readings_by_time on raw.meter_readings (read_at);

create table raw.rejected_messages (
    rejected_id bigint generated always as identity primary key,
    source      text not null check (source in ('meter', 'weather')),
    received_at timestamptz not null,
    reason_code text not null,
    reason      text not null,
    message     text not null
);
comment on table raw.rejected_messages is 'What could not be used, kept with its reason.';

create table raw.weather_forecasts (
    weather_location_id text not null references raw.weather_locations,
    issued_at           timestamptz not null,
    valid_at            timestamptz not null,
    received_at         timestamptz not null,
    temperature_c       double precision,
    cloud_cover_pct     double precision,
    ghi_w_m2            double precision,
    primary key (weather_location_id, issued_at, valid_at)
);
comment on table raw.weather_forecasts is 'Weather forecasts, one row per run (issued_at) and hour (valid_at).';
comment on column raw.weather_forecasts.received_at is 'When this database first knew it: hours after the run was issued.';
comment on column raw.weather_forecasts.ghi_w_m2 is 'Global horizontal irradiance.';

create table raw.weather_observations (
    weather_location_id text not null references raw.weather_locations,
    valid_at            timestamptz not null,
    received_at         timestamptz not null,
    temperature_c       double precision,
    cloud_cover_pct     double precision,
    ghi_w_m2            double precision,
    primary key (weather_location_id, valid_at)
);
comment on table raw.weather_observations is 'Weather as it was, by hour.';
comment on column raw.weather_observations.ghi_w_m2 is 'Global horizontal irradiance.';

reset role;
