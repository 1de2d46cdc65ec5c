-- The weather that is known, by day, so that a forecast of weather unlike any of it is told.
set local role edf_owner;

create table energy.weather_days (
    weather_location_id text not null references raw.weather_locations,
    day_at              timestamptz not null,
    temperature_c       double precision not null,
    ghi_w_m2            double precision not null,
    nearest             double precision,
    primary key (weather_location_id, day_at)
);
comment on table energy.weather_days is 'Means of the weather of a place by UTC day, as it was observed or else forecast last: see energy.learn_weather_days.';
comment on column energy.weather_days.nearest is 'Distance to the most similar other day; NULL of a day alone.';

reset role;
