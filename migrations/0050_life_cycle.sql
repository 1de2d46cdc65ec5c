-- The life cycle of a building: what it is like, how it is planned while nothing is known of it, and who forecasts it when.
set local role edf_owner;

alter table raw.buildings
    alter column archetype drop not null,
    alter column archetype drop default,
    add column commissioned_on date,
    add column year_built integer check (year_built between 1000 and 2200),
    add column floor_area_m2 double precision check (floor_area_m2 > 0 and floor_area_m2 < 'infinity'),
    add column insulation text check (insulation in ('none', 'partial', 'full')),
    add column heating_system text
        check (heating_system in ('district_heating', 'gas', 'oil', 'wood', 'heat_pump', 'electric', 'other', 'none'));
comment on column raw.buildings.archetype is
    'Which buildings are alike, in one time zone: a building without a model of its own is forecast by the model of all that share its archetype. NULL: the next review of the life cycle assigns it by energy.archetype_rules.';
comment on column raw.buildings.commissioned_on is 'Local date from which on its demand is that of a building in use; NULL: from its first reading on.';
comment on column raw.buildings.floor_area_m2 is 'Heated floor area.';

create table energy.archetype_rules (
    priority       integer primary key,
    archetype      text not null check (archetype <> ''),
    time_zone      text,
    year_built     int4range,
    floor_area_m2  numrange,
    apartments     int4range,
    insulation     text[],
    heating_system text[]
);
comment on table energy.archetype_rules is
    'Which archetype a building has: the first rule, by priority, whose conditions all hold. NULL: any value, an unknown one too. A building that no rule fits is of archetype building.';
comment on column energy.archetype_rules.apartments is 'Range of the number of apartments, such as [2,) for two and more.';
comment on column energy.archetype_rules.insulation is 'One of these.';
comment on column energy.archetype_rules.heating_system is 'One of these.';

create table energy.life_cycle_events (
    event_id    bigint generated always as identity primary key,
    building_id text not null,
    at          timestamptz not null,
    event       text not null check (event in ('stage', 'archetype')),
    from_value  text,
    to_value    text not null check (event <> 'stage' or to_value in ('design', 'archetype', 'own')),
    reason      text not null,
    numbers     jsonb not null default '{}',
    made_by     text not null,
    created_at  timestamptz not null default now()
);
comment on table energy.life_cycle_events is
    'Every switch of a building to another stage or archetype: what, why, with the numbers, and who. Append-only.';
comment on column energy.life_cycle_events.at is 'The pipeline''s clock.';
comment on column energy.life_cycle_events.event is 'What changed: its stage (design, archetype, own) or its archetype.';
comment on column energy.life_cycle_events.from_value is 'NULL: it had none.';
comment on column energy.life_cycle_events.numbers is 'What the decision rests on: see energy.judge_stage.';
create index life_cycle_events_by_building on energy.life_cycle_events (building_id, event, event_id);

create table energy.building_stages (
    building_id text primary key,
    stage       text not null check (stage in ('design', 'archetype', 'own')),
    since       timestamptz not null,
    usable_days double precision not null,
    is_compared boolean not null,
    reason      text not null,
    numbers     jsonb not null,
    reviewed_at timestamptz not null
);
comment on table energy.building_stages is
    'The stage of each building, as energy.review_life_cycle() last found it: who forecasts it first. A building without a row was not reviewed yet.';
comment on column energy.building_stages.since is 'When it came into this stage, by the pipeline''s clock.';
comment on column energy.building_stages.usable_days is 'Days whose demand is known, counted up to life_cycle.own_after_days.';
comment on column energy.building_stages.is_compared is 'Both its own model and that of its archetype can forecast it: the one that does not, does in shadow.';
comment on column energy.building_stages.numbers is 'What the stage rests on: see energy.judge_stage.';

create table energy.design_profiles (
    archetype        text not null,
    size_unit        text not null check (size_unit in ('m2', 'apartment', 'building')),
    learnt_at        timestamptz not null,
    buildings        integer not null,
    base_kwh         double precision[] not null check (cardinality(base_kwh) = 72),
    heating_kwh      double precision[] not null check (cardinality(heating_kwh) = 24),
    cooling_kwh      double precision[] not null check (cardinality(cooling_kwh) = 24),
    mean_heating_k   double precision not null,
    mean_cooling_k   double precision not null,
    lower_ratio      double precision not null check (lower_ratio >= 0),
    upper_ratio      double precision not null,
    between_variance double precision not null check (between_variance >= 0),
    weekly_variance  double precision not null check (weekly_variance >= 0),
    primary key (archetype, size_unit, learnt_at),
    check (lower_ratio <= 1 and upper_ratio >= 1)
);
comment on table energy.design_profiles is
    'How the buildings of an archetype use their hours, per unit of size: what a building without history is planned by. See energy.learn_design_profile.';
comment on column energy.design_profiles.archetype is 'Empty: all buildings.';
comment on column energy.design_profiles.size_unit is 'Demand is per m2 of floor area, per apartment or per building.';
comment on column energy.design_profiles.buildings is 'How many it was learnt from.';
comment on column energy.design_profiles.base_kwh is
    'Demand without heating and cooling, by local hour of workdays, then of Saturdays, then of Sundays and public holidays.';
comment on column energy.design_profiles.heating_kwh is
    'Demand more for each degree that the mean outdoor temperature of the last 24 hours lies below features.heating_base_c, by local hour.';
comment on column energy.design_profiles.cooling_kwh is 'The same above features.cooling_base_c.';
comment on column energy.design_profiles.mean_heating_k is 'Mean of these degrees over what was learnt from: for hours without weather.';
comment on column energy.design_profiles.lower_ratio is
    'Demand to forecast, 5 % quantile over the hours of buildings that the profile of the others forecast; upper_ratio: 95 %.';
comment on column energy.design_profiles.between_variance is
    'Variance between buildings of the logarithm of demand to forecast, by the profile of the others: the prior of a new building''s level.';
comment on column energy.design_profiles.weekly_variance is 'The same of the weeks of one building.';

comment on column energy.forecasts.source is
    'model: the building''s own. archetype: that of its archetype. design: a plan from the design profile of its archetype. profile: its usual hours by type of day. last_week: the same hours a week before. recent_mean: the mean of what is known of it. NULL: as column archetype tells.';

reset role;
