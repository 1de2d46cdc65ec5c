-- Requests to the API that failed.
set local role edf_owner;

create table energy.api_errors (
    minute   timestamptz not null,
    method   text not null,
    path     text not null,
    role     text not null,
    status   integer not null check (status between 400 and 599),
    requests bigint not null check (requests > 0),
    primary key (minute, status, path, method, role)
);
comment on table energy.api_errors is
    'Requests over HTTP that failed, by minute of the server''s clock, as PostgREST''s log has them: edf-api-log writes it. Nothing in a transaction could, since what fails is rolled back.';
comment on column energy.api_errors.path is 'Of a view or function of the API; "other" of all else. Without its query.';
comment on column energy.api_errors.role is 'Of the token; empty where there was no valid one.';

reset role;
