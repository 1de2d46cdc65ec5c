-- Each home is a building with one apartment. Two portfolios: all homes, and the first four; single homes are not
-- visible, and sums need four apartments.
create table homes (
    home text, hour_at timestamptz, kwh float8, temperature_c float8, ghi_w_m2 float8, primary key (home, hour_at)
);
\copy homes from pstdin with (format csv);
insert into raw.weather_locations values ('here', 34.1, -117.4);
insert into raw.buildings (building_id, name, time_zone, region, latitude, longitude, weather_location_id)
select distinct home, home, 'Etc/GMT+8', 'US-CA', 34.1, -117.4, 'here' from homes;
insert into raw.apartments (building_id, apartment_id) select building_id, 'home' from raw.buildings;
insert into energy.building_access select '15 homes', building_id from raw.buildings;
insert into energy.building_access select '4 homes', 'home-' || n from generate_series(1, 4) as n;
call energy.load_config(jsonb_set(energy.current_config(), '{api}', '{"min_apartments": 4}'));
