set local role edf_owner;

create table raw.weather_fetches (
    weather_fetch_id    bigint generated always as identity primary key,
    -- No reference: what was fetched for a place outlives it.
    weather_location_id text not null,
    purpose             text not null check (purpose in ('forecast', 'observations')),
    started_at          timestamptz not null,
    finished_at         timestamptz not null default clock_timestamp(),
    status              text not null check (status in ('succeeded', 'failed')),
    tries               integer not null check (tries > 0),
    http_status         integer,
    bytes               bigint,
    hours_written       bigint not null default 0,
    reason_code         text,
    reason              text,
    check ((status = 'failed') = (reason_code is not null))
);
comment on table raw.weather_fetches is
    'What each fetch of weather came to, with all its tries: one row per place and purpose. Kept for 90 days.';
comment on column raw.weather_fetches.purpose is
    'forecast: the hours ahead. observations: past hours, as the service''s models analysed them; no station measured them.';
comment on column raw.weather_fetches.started_at is
    'Before the first try. Its hour is the issued_at of the forecast, since the service names no run.';
comment on column raw.weather_fetches.http_status is 'Of the last try; NULL where no answer came.';
comment on column raw.weather_fetches.bytes is 'Size of the document; NULL where none came.';
comment on column raw.weather_fetches.hours_written is 'Hours that were new; 0 when the same run was fetched before.';
comment on column raw.weather_fetches.reason_code is
$$Why it failed. No document: timeout, unreachable, interrupted, rate_limited, server_error (each after the last try), refused, redirect,
too_large, not_text. A document that is kept in raw.rejected_messages: its code there. ingest_error: the database refused it.$$;
comment on column raw.weather_fetches.reason is 'The same for people; never holds a key or an address.';
create index weather_fetches_by_place on raw.weather_fetches (weather_location_id, started_at desc);

reset role;
