-- The part of the calendar that people keep; public holidays and school holidays that are known beforehand are seeds of dbt.
set local role edf_owner;

create table raw.school_holidays (
    region     text not null check (region <> ''),
    first_date date not null,
    last_date  date not null,
    name       text not null check (name ~ '\S' and length(name) <= 200),
    primary key (region, first_date),
    -- A longer one is a mistyped year.
    check (first_date <= last_date and last_date - first_date < 366)
);
comment on table raw.school_holidays is 'School holidays by region, local dates, beside those of the seed; they may overlap.';
comment on column raw.school_holidays.region is 'As in raw.buildings.';
comment on column raw.school_holidays.last_date is 'The last day without school.';

create table raw.calendar_events (
    event_id    bigint generated always as identity primary key,
    region      text check (region <> ''),
    building_id text references raw.buildings,
    first_date  date not null,
    last_date   date not null,
    name        text not null check (name ~ '\S' and length(name) <= 200),
    kind        text not null check (kind ~ '^[a-z][a-z0-9_]{0,49}$'),
    check (num_nonnulls(region, building_id) = 1),
    check (first_date <= last_date and last_date - first_date < 366),
    unique nulls not distinct (region, building_id, first_date, name)
);
comment on table raw.calendar_events is
    'Days that people know to be unlike others, of a region or of one building. Models learn from past events and expect those ahead: enter an event before it happens.';
comment on column raw.calendar_events.region is 'As in raw.buildings; NULL where the event is one building''s.';
comment on column raw.calendar_events.building_id is 'NULL where the event is a region''s.';
comment on column raw.calendar_events.first_date is 'Local date, as is last_date.';
comment on column raw.calendar_events.kind is 'One word for people to sort by, such as market, closure, maintenance.';

comment on schema raw is 'What meters, weather services and people send, as it came. Append-only, but for the calendar that people keep.';
comment on table raw.holidays is
    'Public holidays by region, local dates, that people add to those of the seed; on a day that both know, this name counts.';

reset role;
