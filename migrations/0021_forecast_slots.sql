-- When each building's forecasts are due, what came of each, and how good each forecast is.
set local role edf_owner;

create table energy.forecast_slots (
    building_id        text not null,
    slot_at            timestamptz not null,
    status             text not null default 'due' check (status in ('due', 'waiting', 'issued', 'failed')),
    revision           integer not null default 0,
    horizon            interval,
    tries              integer not null default 0,
    tried_at           timestamptz,
    known_at           timestamptz,
    weather_reaches_to timestamptz,
    known_hours        integer,
    source             text,
    sqlstate           text,
    message            text,
    hint               text,
    primary key (building_id, slot_at)
);
comment on table energy.forecast_slots is 'Forecasts that are due or were issued: one row per building and issue time.';
comment on column energy.forecast_slots.slot_at is 'issued_at of the forecast.';
comment on column energy.forecast_slots.status is
    'due: the next run issues it. waiting: its weather is late, until inference.weather_deadline. failed: nothing could forecast it; each run tries again.';
comment on column energy.forecast_slots.revision is '0: the first forecast of the slot; each reissue is the next.';
comment on column energy.forecast_slots.horizon is 'As the call that asked for it gave it; NULL: inference.horizon.';
comment on column energy.forecast_slots.tried_at is 'When a run last came to it, by the clock of the server.';
comment on column energy.forecast_slots.known_at is 'Weather that was received later was not read; of a revision also demand.';
comment on column energy.forecast_slots.weather_reaches_to is 'How far the weather forecast reached that was read.';
comment on column energy.forecast_slots.known_hours is 'Of the 48 hours before the slot, those whose demand was known.';
comment on column energy.forecast_slots.source is 'As in energy.forecasts.';
comment on column energy.forecast_slots.sqlstate is 'What went wrong at the last try: with status issued, of the sources before the one that forecast it.';
create index forecast_slots_open on energy.forecast_slots (slot_at) where status <> 'issued';
insert into energy.forecast_slots (building_id, slot_at, status)
select building_id, max(issued_at), 'issued' from energy.forecasts group by building_id;

-- No defaults, so that compressed chunks stay as they are.
alter table energy.forecasts
    alter column model_id drop not null,
    alter column weather_issued_at drop not null,
    add column revision integer,
    add column known_at timestamptz,
    add column source text,
    add column quality double precision,
    add column quality_reasons text[];
comment on column energy.forecasts.model_id is 'The model in edf.models; NULL where none was used: see source.';
comment on column energy.forecasts.weather_issued_at is 'The newest weather run that was known; NULL: none was.';
comment on column energy.forecasts.revision is 'NULL or 0: the first forecast of its slot. What a revision replaced stands in energy.superseded_forecasts.';
comment on column energy.forecasts.known_at is 'Weather that was received later was not read; of a revision also demand. NULL: as issued_at.';
comment on column energy.forecasts.source is
    'model: the building''s own. archetype: that of its archetype. profile: its usual hours by type of day. last_week: the same hours a week before. recent_mean: the mean of what is known of it. NULL: as column archetype tells.';
comment on column energy.forecasts.quality is
    'From 1 down to 0: the factor of its source times that of each of quality_reasons, see energy.quality_factor. NULL: of a forecast from before there was one.';
comment on column energy.forecasts.quality_reasons is 'What lowers quality. Empty: nothing.';

create table energy.superseded_forecasts (
    like energy.forecasts including comments,
    superseded_at timestamptz not null default now()
);
alter table energy.superseded_forecasts alter column revision set default 0, alter column revision set not null;
alter table energy.superseded_forecasts add primary key (building_id, issued_at, revision, valid_at);
comment on table energy.superseded_forecasts is 'Forecasts that a later revision of the same slot replaced: as readers saw them until superseded_at.';
comment on column energy.superseded_forecasts.superseded_at is 'When the next revision replaced it.';

create type energy.place_inputs as (
    known_at             timestamptz,
    weather_issued_at    timestamptz,
    weather_reaches_to   timestamptz,
    is_waiting           boolean,
    reasons              text[],
    times                timestamptz[],
    names                text[],
    regressors           double precision[],
    forecast_times       timestamptz[],
    forecast_received_at timestamptz[],
    forecast_values      double precision[]
);
comment on type energy.place_inputs is
    'What the forecasts of the buildings of one place have in common: hours, weather and calendar, as in edf.series; see energy.inputs_of_place.';

reset role;
-- Finds the newest run of an hour without reading the hundreds that a year of hourly runs has of it.
create index weather_forecasts_newest on raw.weather_forecasts (weather_location_id, valid_at, issued_at desc);
drop index raw.weather_forecasts_by_hour;
