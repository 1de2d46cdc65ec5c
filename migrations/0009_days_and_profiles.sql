-- Days of apartments, what of them is due, and how long gaps of registers are spread.
set local role edf_owner;

create table energy.days_due (
    building_id text not null,
    sensor_id   bigint,
    first_at    timestamptz not null,
    last_at     timestamptz not null
);
comment on table energy.days_due is
    'What bears on the days of apartments since energy.refresh_apartment_days() last made them: hours that were made anew, and readings of gauges.';
comment on column energy.days_due.sensor_id is 'The gauge that was read from first_at to last_at; NULL where hours of the building were made anew.';

create table energy.apartment_days (
    building_id           text not null,
    apartment_id          text not null,
    local_date            date not null,
    hours_in_day          integer not null,
    consumption_hours     integer not null,
    comfort_hours         integer not null,
    consumption_kwh       double precision,
    room_temperature_c    double precision,
    setpoint_c            double precision,
    setpoint_difference_c double precision,
    coverage_share        double precision not null,
    quality               energy.quality not null,
    received_at           timestamptz,
    primary key (building_id, apartment_id, local_date)
);
comment on table energy.apartment_days is 'One row per apartment and local day, materialised from processed.int_apartment_days.';
comment on column energy.apartment_days.local_date is 'In the building''s time zone.';
comment on column energy.apartment_days.hours_in_day is '24; 23 and 25 where clocks change.';
comment on column energy.apartment_days.consumption_hours is 'Hours whose consumption is known.';
comment on column energy.apartment_days.comfort_hours is 'Hours whose room temperature and setpoint are known.';
comment on column energy.apartment_days.consumption_kwh is
    'Consumption of the day: where few hours are missing, scaled up from the others and estimated; NULL below the configured share.';
comment on column energy.apartment_days.room_temperature_c is 'Mean over rooms and hours; NULL where no sensor says.';
comment on column energy.apartment_days.setpoint_c is 'Mean over rooms and hours; NULL where no sensor says.';
comment on column energy.apartment_days.setpoint_difference_c is
    'Room temperature less setpoint, mean of the hours that have both; below zero the rooms are colder than is asked for.';
comment on column energy.apartment_days.coverage_share is 'consumption_hours of hours_in_day.';
comment on column energy.apartment_days.quality is 'How sure consumption_kwh is: its worst part.';
comment on column energy.apartment_days.received_at is 'When the last reading that the day rests on was known.';
create index apartment_days_by_date on energy.apartment_days (local_date);

create table energy.gap_profiles (
    building_id text not null,
    measures    text not null,
    received_at timestamptz not null,
    weights     double precision[] not null check (cardinality(weights) = 24 and 0 <= all (weights)),
    primary key (building_id, measures, received_at)
);
comment on table energy.gap_profiles is
    'How the energy of a long gap is spread over the local hours of the day, as energy.learn_gap_profiles() learnt it. The newest row counts, for gaps of any time.';
comment on column energy.gap_profiles.measures is 'As in energy.sensor_types: consumption, solar.';
comment on column energy.gap_profiles.received_at is 'When it was learnt: what is spread by it counts as known no earlier.';
comment on column energy.gap_profiles.weights is 'Of local hours 0 to 23; 1 is the mean hour.';

-- A forecast reads the runs of a window of hours.
create index weather_forecasts_by_hour on raw.weather_forecasts (weather_location_id, valid_at);

-- dbt leaves behind what it no longer makes: forecasts read processed.int_weather_hours.
drop view if exists features.fct_forecast_inputs;

reset role;
