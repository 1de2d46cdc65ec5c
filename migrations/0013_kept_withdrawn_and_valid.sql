-- Nothing that was measured is lost: what retention dropped is known, readings are withdrawn, not deleted, and topology has its time.
set local role edf_owner;

create table energy.dropped_rows (
    table_name     text primary key,
    dropped_before timestamptz not null
);
comment on table energy.dropped_rows is
    'Up to when rows of a large table may have been dropped. It never goes back, whatever the configuration says later.';

create table energy.sensor_spans (
    sensor_id bigint primary key,
    first_at  timestamptz not null,
    last_at   timestamptz not null
);
comment on table energy.sensor_spans is 'The first and the last reading of a sensor; those that retention has dropped count.';

-- The oldest that a sensor said may be gone already: what is left tells no more.
insert into energy.sensor_spans (sensor_id, first_at, last_at)
select sensor_id, min(read_at), max(read_at) from raw.meter_readings group by sensor_id;

create table raw.withdrawals (
    withdrawal_id bigint generated always as identity primary key,
    sensor_ids    bigint[] not null,
    from_at       timestamptz not null,
    to_at         timestamptz not null,
    reason        text not null check (reason <> ''),
    readings      bigint not null,
    withdrawn_at  timestamptz not null,
    withdrawn_by  text not null,
    restored_at   timestamptz,
    restored_by   text
);
comment on table raw.withdrawals is 'Readings that were found to be wrong: which, why, when, and who said so. See energy.withdraw_readings.';
comment on column raw.withdrawals.to_at is 'Not included.';
comment on column raw.withdrawals.readings is 'How many there were, corrections apart.';
comment on column raw.withdrawals.restored_at is 'When they were taken back in; NULL: they are withdrawn.';

create table raw.withdrawn_readings (
    sensor_id     bigint not null,
    read_at       timestamptz not null,
    received_at   timestamptz not null,
    value         double precision not null,
    withdrawal_id bigint not null references raw.withdrawals,
    primary key (sensor_id, read_at, received_at)
);
comment on table raw.withdrawn_readings is
    'Rows of raw.meter_readings that are withdrawn. The same value for the same time is not taken again while it is here.';

create table energy.buildings_due (
    building_id text not null
);
comment on table energy.buildings_due is
    'Buildings whose hours the next energy.refresh_building_hours() makes anew in full: readings were withdrawn, or their topology changed.';

alter table raw.sensors
    add column valid_from timestamptz,
    add column valid_to timestamptz,
    add column register_id bigint references raw.sensors,
    add constraint sensors_valid_in_order check (valid_from < valid_to),
    add constraint sensors_continue_another check (register_id <> sensor_id);
comment on column raw.sensors.valid_from is 'Sums count it from then on; NULL: from the first full hour after its first reading.';
comment on column raw.sensors.valid_to is 'Sums count it until then; NULL: until it falls silent for good, see quality.retired_after.';
comment on column raw.sensors.register_id is
    'The sensor that it continues under another name: their readings are one series, with the settings, replacements and validity of that one.';
create index sensors_by_register on raw.sensors (register_id) where register_id is not null;

alter table raw.apartments
    add column valid_from timestamptz,
    add column valid_to timestamptz,
    add column added_at timestamptz,
    add constraint apartments_valid_in_order check (valid_from < valid_to);
comment on column raw.apartments.valid_from is
    'The building''s demand counts it from then on; NULL: since the building was heard or, where it was added later, from its first reading or from added_at on.';
comment on column raw.apartments.valid_to is 'The building''s demand counts it until then; NULL: it goes on.';
comment on column raw.apartments.added_at is 'When it was added to a building that had been heard before; NULL: it was there from the start.';

alter table energy.apartment_hours
    add column consumption_registers integer,
    add column solar_quality energy.quality,
    add column solar_received_at timestamptz;
comment on column energy.apartment_hours.quality is
    'How sure the consumption is: its worst register; where no register measures consumption, that of solar generation.';
comment on column energy.apartment_hours.received_at is 'When the last reading that the consumption rests on was known.';
comment on column energy.apartment_hours.consumption_registers is
    'Registers of consumption that counted then; NULL where the hour was made before that was noted.';
comment on column energy.apartment_hours.solar_quality is 'How sure the solar generation is; NULL where no register measures it.';
comment on column energy.apartment_hours.solar_received_at is 'When the last reading that the solar generation rests on was known.';

alter table energy.building_hours
    add column solar_quality energy.quality,
    add column solar_received_at timestamptz;
comment on column energy.building_hours.consumption_kwh is
    'Demand of all apartments and of the building''s own meters: where few apartments are missing, scaled up and estimated; NULL below the configured share.';
comment on column energy.building_hours.coverage_share is
    'Apartments with a value, of those expected; of a building without apartments 1 where its own meters have a value, else 0.';
comment on column energy.building_hours.received_at is 'When the last reading that the demand rests on was known.';
comment on column energy.building_hours.solar_quality is 'How sure the solar generation is; NULL where no register measures it.';
comment on column energy.building_hours.solar_received_at is 'When the last reading that the solar generation rests on was known.';

reset role;
