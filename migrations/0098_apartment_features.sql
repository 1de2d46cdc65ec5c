-- Daily features of apartments, kept: models learn from months of them.
set local role edf_owner;

create table energy.apartment_features (
    building_id              text not null,
    apartment_id             text not null,
    local_date               date not null,
    hours_in_day             integer not null,
    consumption_kwh          double precision,
    consumption_kwh_lag_1d   double precision,
    consumption_kwh_lag_7d   double precision,
    room_temperature_c       double precision,
    setpoint_c               double precision,
    setpoint_difference_c    double precision,
    outdoor_temperature_c    double precision,
    heating_degree_days      double precision,
    cooling_degree_days      double precision,
    coverage_share           double precision not null,
    comfort_hours            integer not null,
    quality                  energy.quality not null,
    received_at              timestamptz,
    weather_received_at      timestamptz,
    is_day_off               boolean not null,
    energy_measures          text not null,
    daily_energy_kwh         double precision,
    energy_lag_1d            double precision,
    energy_lag_7d            double precision,
    energy_diff_1d           double precision,
    energy_ratio_1d          double precision,
    energy_diff_7d           double precision,
    energy_ratio_7d          double precision,
    energy_roll_avg_7d       double precision,
    avg_temp_diff            double precision,
    temp_diff_roll_std_3d    double precision,
    gap_hours                integer,
    room_min_c               double precision,
    room_max_c               double precision,
    steepest_fall_c          double precision,
    most_over_c              double precision,
    most_under_c             double precision,
    hot_water_l              double precision,
    hot_water_night_min_l    double precision,
    hot_water_diff_1d        double precision,
    hot_water_ratio_1d       double precision,
    hot_water_diff_7d        double precision,
    hot_water_ratio_7d       double precision,
    hdd                      double precision,
    hdd_inertia              double precision,
    sun_kwh_m2               double precision,
    energy_kwh_m2            double precision,
    neighbours_known         integer,
    neighbour_energy_kwh     double precision,
    energy_to_neighbours     double precision,
    room_to_neighbours_c     double precision,
    like_days_known          integer not null,
    like_days_energy_kwh     double precision,
    energy_to_like_days      double precision,
    weather_in_range         boolean,
    heating_coverage_share   double precision,
    hot_water_coverage_share double precision,
    room_coverage_share      double precision,
    energy_quality           energy.quality,
    hot_water_quality        energy.quality,
    primary key (building_id, local_date, apartment_id)
);
comment on table energy.apartment_features is
$$What tells whether an apartment's day is unusual, of days that are over: kept from processed.int_apartment_features,
which describes the columns. energy.keep_features() writes it when days are scored. One row per building, local date and
apartment.$$;
create index apartment_features_by_apartment on energy.apartment_features (building_id, apartment_id, local_date);
-- Days come in their order: a small index is enough for what retention deletes.
create index apartment_features_by_date on energy.apartment_features using brin (local_date);

-- What is there already is kept by the next run.
insert into energy.anomaly_days_due (building_id, local_date)
select distinct building_id, local_date from energy.apartment_days
on conflict do nothing;

reset role;
