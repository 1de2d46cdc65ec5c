-- What a day of an apartment keeps of heating, hot water and rooms. Extremes need no threshold: a rule of any
-- threshold looks by them for the days whose hours it has to read.
set local role edf_owner;

alter table raw.apartments
    add column area_m2 double precision check (area_m2 > 0 and area_m2 <= 10000);
comment on column raw.apartments.area_m2 is 'Heated floor area; NULL: not known. Neighbours are compared per m2 where it is.';

alter table energy.apartment_days
    add column heating_kwh           double precision,
    add column heating_hours         integer,
    add column heating_max_kwh       double precision,
    add column heating_quality       energy.quality,
    add column hot_water_l           double precision,
    add column hot_water_hours       integer,
    add column hot_water_max_l       double precision,
    add column hot_water_night_min_l double precision,
    add column hot_water_quality     energy.quality,
    add column rooms                 integer,
    add column room_hours            integer,
    add column least_room_hours      integer,
    add column controlled_hours      integer,
    add column room_min_c            double precision,
    add column room_max_c            double precision,
    add column least_room_range_c    double precision,
    add column steepest_fall_c       double precision,
    add column most_over_c           double precision,
    add column most_under_c          double precision,
    add column gap_hours             integer;
comment on column energy.apartment_days.heating_kwh is
    'Heat of the day: where few hours are missing, scaled up from the others and estimated; NULL below the configured share, and where no meter of heat is known.';
comment on column energy.apartment_days.heating_hours is 'Hours whose heat is known; NULL: the apartment has no meter of heat.';
comment on column energy.apartment_days.heating_max_kwh is 'Of the hour with the most.';
comment on column energy.apartment_days.heating_quality is 'How sure heating_kwh is: its worst hour.';
comment on column energy.apartment_days.hot_water_l is 'Hot water of the day, as heating_kwh.';
comment on column energy.apartment_days.hot_water_hours is 'Hours whose hot water is known; NULL: the apartment has no meter of it.';
comment on column energy.apartment_days.hot_water_max_l is 'Of the hour with the most.';
comment on column energy.apartment_days.hot_water_night_min_l is
    'The least of an hour of the night (anomalies.night); NULL where not each of them is measured: what is spread over a gap says nothing of a night.';
comment on column energy.apartment_days.hot_water_quality is 'How sure hot_water_l is: its worst hour.';
comment on column energy.apartment_days.rooms is 'Rooms whose temperature is known in some hour.';
comment on column energy.apartment_days.room_hours is 'Known hours of the room that is known best.';
comment on column energy.apartment_days.least_room_hours is 'Known hours of the room of these that is known least.';
comment on column energy.apartment_days.controlled_hours is
    'Hours in which a room has both a temperature and a setpoint, its own or that of the apartment; of the room that has most.';
comment on column energy.apartment_days.room_min_c is 'The coldest hour of any room.';
comment on column energy.apartment_days.room_max_c is 'The warmest hour of any room.';
comment on column energy.apartment_days.least_room_range_c is 'Between the warmest and the coldest hour of a room; of the room with the least.';
comment on column energy.apartment_days.steepest_fall_c is 'The largest fall of a room from one hour to the next.';
comment on column energy.apartment_days.most_over_c is 'How far a room was above its setpoint in an hour, at most.';
comment on column energy.apartment_days.most_under_c is 'How far a room was below its setpoint in an hour, at most.';
comment on column energy.apartment_days.gap_hours is
    'The most hours in a row in which a room was further from its setpoint than anomalies.gap_c.';

reset role;
