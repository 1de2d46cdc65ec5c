-- The coming hours, forecast again from the newest actuals and weather.
set local role edf_owner;

create table energy.refreshed_forecasts (
    building_id       text not null,
    valid_at          timestamptz not null,
    refreshed_at      timestamptz not null,
    issued_at         timestamptz not null,
    lead_hours        double precision not null,
    yhat              double precision not null,
    yhat_lower        double precision not null,
    yhat_upper        double precision not null,
    confidence        double precision,
    source            text not null,
    quality           double precision not null,
    quality_reasons   text[] not null,
    model_id          bigint,
    archetype         text,
    weather_issued_at timestamptz,
    config_id         bigint,
    created_at        timestamptz not null default now(),
    primary key (building_id, valid_at, refreshed_at),
    check (yhat_lower <= yhat and yhat <= yhat_upper)
);
comment on table energy.refreshed_forecasts is
$$Forecasts of the coming hours that correct those of energy.forecasts by the newest actuals and weather, every refresh:
energy.refresh_forecasts. Of an hour the newest counts, where it is newer than what was issued.$$;
comment on column energy.refreshed_forecasts.refreshed_at is
    'When it was made: actuals and weather that were received later were not read.';
comment on column energy.refreshed_forecasts.issued_at is 'The newest forecast at that time, which it corrects.';
comment on column energy.refreshed_forecasts.lead_hours is
    'Hours from the full hour of refreshed_at to the end of the hour: 1 is the hour that had begun.';
comment on column energy.refreshed_forecasts.yhat is 'Expected demand, in kWh per hour.';
comment on column energy.refreshed_forecasts.yhat_lower is 'Lower bound of the 90 % interval.';
comment on column energy.refreshed_forecasts.yhat_upper is 'Upper bound of the 90 % interval.';
comment on column energy.refreshed_forecasts.confidence is 'As in energy.forecasts, and so are the columns up to config_id.';
comment on column energy.refreshed_forecasts.created_at is 'When it was written, by the clock of the server.';
create index refreshed_forecasts_by_time on energy.refreshed_forecasts (refreshed_at);

reset role;
