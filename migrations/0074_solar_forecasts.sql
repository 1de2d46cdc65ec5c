-- What roofs will generate: issued with the demand, stored like it.
set local role edf_owner;

create table energy.solar_forecasts (
    building_id       text not null,
    issued_at         timestamptz not null,
    valid_at          timestamptz not null,
    lead_hours        integer not null,
    source            text not null check (source in ('model', 'fitted')),
    model_id          bigint,
    yhat              double precision not null,
    yhat_lower        double precision not null,
    yhat_upper        double precision not null,
    revision          integer not null,
    known_at          timestamptz not null,
    weather_issued_at timestamptz,
    config_id         bigint not null,
    created_at        timestamptz not null default now(),
    primary key (building_id, issued_at, valid_at),
    check (0 <= yhat_lower and yhat_lower <= yhat and yhat <= yhat_upper),
    check ((model_id is not null) = (source = 'model'))
);
comment on table energy.solar_forecasts is
$$Forecasts of solar generation in kWh per hour with 90 % intervals; one row per building, issue and hour. A revision
replaces the one before.$$;
comment on column energy.solar_forecasts.valid_at is 'Start of the hour that the value is about.';
comment on column energy.solar_forecasts.source is
$$model: the approved model of the building's generation. fitted: strategy solar, fitted at the issue on the newest
hours (inference.history).$$;
comment on column energy.solar_forecasts.model_id is 'The model in edf.models; NULL where it was fitted at the issue.';
comment on column energy.solar_forecasts.revision is 'That of the slot: see energy.forecast_slots.';
comment on column energy.solar_forecasts.known_at is 'As in energy.forecasts.';
comment on column energy.solar_forecasts.weather_issued_at is 'The newest weather run that was known; NULL: none was.';
comment on column energy.solar_forecasts.config_id is 'The configuration that it was made under.';
create index solar_forecasts_by_hour on energy.solar_forecasts (building_id, valid_at, issued_at desc);

reset role;

-- By month where there is no TimescaleDB, as the other large tables are.
do $$
begin
    if exists (select from pg_extension where extname = 'timescaledb') then
        return;
    end if;
    perform energy.replace_table(
        'energy.solar_forecasts', 'solar_forecasts_later', 'partition by range (valid_at)');
    alter table energy.solar_forecasts
        attach partition energy.solar_forecasts_later for values from (minvalue) to (maxvalue);
    comment on table energy.solar_forecasts_later is 'Rows after the months that have a partition.';
end;
$$;
