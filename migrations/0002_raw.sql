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

create table raw.sensors (
    sensor_id    bigint generated always as identity primary key,
    building_id  text not null references raw.buildings,
    apartment_id text not null default '',
    sensor_type  text not null,
    room_name    text not null default '',
    settings     jsonb not null default '{}',
    replaced_at  timestamptz[] not null default '{}',
    unique (building_id, apartment_id, sensor_type, room_name)
);
comment on table raw.sensors is 'Everything that has sent a reading, noted when it first did.';
comment on column raw.sensors.apartment_id is 'Empty: the building''s own meter.';
comment on column raw.sensors.sensor_type is 'As in section meters of the configuration; unknown types are kept.';
comment on column raw.sensors.room_name is 'Empty: the sensor names no room.';
comment on column raw.sensors.settings is 'Settings of this one over those of its type; see edf.register_hours.';
comment on column raw.sensors.replaced_at is 'When the meter was replaced by one that starts at zero.';

create table raw.meter_readings (
    sensor_id   bigint not null,
    read_at     timestamptz not null,
    received_at timestamptz not null,
    value       double precision not null,
    primary key (sensor_id, read_at, received_at)
);
comment on table raw.meter_readings is
    'Readings as received. A correction is a new row; the newest received_at counts.';
comment on column raw.meter_readings.sensor_id is
    'The row of raw.sensors; no foreign key, whose check would cost as much as the row.';
comment on column raw.meter_readings.received_at is 'When this database first knew it.';

create table raw.ingestions (
    ingestion_id      bigint generated always as identity primary key,
    received_at       timestamptz not null,
    messages          bigint not null,
    readings_taken    bigint not null,
    messages_rejected bigint not null
);
comment on table raw.ingestions is 'One row per batch of meter messages: what was sent, taken as new, and rejected.';
create index ingestions_by_time on raw.ingestions (received_at);

create table raw.meter_inbox (
    inbox_id    bigint generated always as identity primary key,
    message     text not null,
    encoding    text not null default pg_client_encoding(),
    received_at timestamptz not null default now()
);
comment on table raw.meter_inbox is
    'Where COPY puts lines of JSON, until energy.ingest_meter_inbox() takes them. Under client_encoding LATIN1 any bytes can be copied.';
comment on column raw.meter_inbox.received_at is 'One time for all lines of a COPY, so that they are taken in large batches.';
comment on column raw.meter_inbox.encoding is 'The client''s encoding: a line copied as LATIN1 holds the bytes of its UTF-8.';

create table raw.rejected_messages (
    rejected_id bigint generated always as identity primary key,
    source      text not null check (source in ('meter', 'weather')),
    received_at timestamptz not null,
    reason_code text not null,
    reason      text not null,
    message     text not null,
    replayed_at timestamptz
);
comment on table raw.rejected_messages is
    'What could not be used, kept with its reason, until energy.replay_rejected() has taken it. Of a message beyond 1 MiB only the start is kept.';
comment on column raw.rejected_messages.replayed_at is 'When it was taken after all.';
create unique index rejected_messages_once on raw.rejected_messages (source, reason_code, md5(message)) where replayed_at is null;

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
