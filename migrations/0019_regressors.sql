-- What drives demand beside weather and calendar: a price, occupancy, a plan of production.
set local role edf_owner;

create table raw.regressors (
    name        text not null check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    region      text check (region <> ''),
    building_id text references raw.buildings,
    valid_at    timestamptz not null,
    received_at timestamptz not null default now(),
    value       double precision not null check (value between -1e15 and 1e15),
    check (num_nonnulls(region, building_id) = 1),
    -- Demand is by the hour of UTC: a value between two hours would never be read.
    constraint regressors_valid_at_is_a_full_hour check (mod(extract(epoch from valid_at), 3600) = 0),
    unique nulls not distinct (name, region, building_id, valid_at, received_at)
);
comment on table raw.regressors is
    'Hourly values that models may read beside weather and calendar, as they were known; training.regressors of the configuration names those that are read. A newer row of the same hour is a newer version.';
comment on column raw.regressors.name is 'Such as price_eur_mwh, occupancy, units_planned: the column''s name in a model.';
comment on column raw.regressors.region is 'As in raw.buildings; NULL where the value is one building''s.';
comment on column raw.regressors.building_id is 'NULL where the value is a region''s. A building''s own value counts before its region''s.';
comment on column raw.regressors.valid_at is 'Start of the hour that the value is about.';
comment on column raw.regressors.received_at is 'When this database first knew it: forecasts and trainings of an earlier time do not read it.';
create index regressors_of_buildings on raw.regressors (building_id, name, valid_at) where building_id is not null;

reset role;
