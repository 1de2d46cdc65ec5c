-- Stored backtests: their arguments, and every forecast with its actual.

create table edf.backtests (
    backtest_id bigint generated always as identity primary key,
    subject     text not null,
    query       text not null,
    regressor_forecasts text,
    settings    jsonb not null,
    quantiles   double precision[] not null,
    seconds     double precision not null,
    created_at  timestamptz not null default now(),
    created_by  text not null
);
comment on table edf.backtests is 'Backtests stored by edf.keep_backtest. Deleting one deletes its forecasts.';
comment on column edf.backtests.subject is 'What was forecast: a building''s id, a meter, any name.';
comment on column edf.backtests.query is 'The training data.';
comment on column edf.backtests.settings is 'Arguments of edf.backtest, with the defaults filled in.';
comment on column edf.backtests.quantiles is 'Levels of the quantiles of its forecasts.';
comment on column edf.backtests.seconds is 'How long it took.';
create index backtests_by_subject on edf.backtests (subject, created_at desc);

create table edf.backtest_forecasts (
    backtest_id bigint not null,
    candidate   text not null,
    issued_at   timestamptz not null,
    valid_at    timestamptz not null,
    lead_hours  double precision not null,
    actual      double precision,
    yhat        double precision not null,
    yhat_lower  double precision not null,
    yhat_upper  double precision not null,
    quantile_values double precision[] not null,
    primary key (backtest_id, candidate, issued_at, lead_hours)
);
comment on table edf.backtest_forecasts is
    'The forecasts of stored backtests: one row per candidate, origin and step ahead.';
comment on column edf.backtest_forecasts.quantile_values is 'In the order of edf.backtests.quantiles.';

select pg_catalog.pg_extension_config_dump('edf.backtests', '');
select pg_catalog.pg_extension_config_dump('edf.backtests_backtest_id_seq', '');
select pg_catalog.pg_extension_config_dump('edf.backtest_forecasts', '');

create view edf.kept_forecasts as
select
    backtest_id, subject, candidate, issued_at, valid_at, lead_hours, actual, yhat, yhat_lower, yhat_upper, quantile_values, quantiles
from edf.backtest_forecasts
join edf.backtests using (backtest_id);
comment on view edf.kept_forecasts is
$$The forecasts of stored backtests as edf.backtest returned them, for edf.score: one row per backtest, candidate,
origin and step ahead.$$;

create view edf.kept_quantiles as
select backtest_id, subject, candidate, issued_at, valid_at, lead_hours, actual, pair.quantile, pair.value
from edf.kept_forecasts
cross join lateral unnest(quantiles, quantile_values) as pair (quantile, value);
comment on view edf.kept_quantiles is
    'The quantiles of stored backtests: one row per backtest, candidate, origin, step ahead and quantile.';

create function edf.register_backtest(
    subject text, query text, regressor_forecasts text, settings jsonb, seconds double precision, forecasts edf.backtest_forecasts[]
) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    backtest bigint;
begin
    perform edf.require('subject', subject is not null), edf.require('query', query is not null),
            edf.require('settings', settings is not null), edf.require('seconds', seconds is not null);
    insert into edf.backtests (subject, query, regressor_forecasts, settings, quantiles, seconds, created_by)
    values (
        register_backtest.subject, register_backtest.query, register_backtest.regressor_forecasts, register_backtest.settings,
        array(select jsonb_array_elements_text(register_backtest.settings -> 'levels'))::double precision[],
        register_backtest.seconds, edf.acting_role()
    )
    returning backtest_id into backtest;
    insert into edf.backtest_forecasts
    select backtest, f.candidate, f.issued_at, f.valid_at, f.lead_hours, f.actual, f.yhat, f.yhat_lower, f.yhat_upper, f.quantile_values
    from unnest(forecasts) as f;
    return backtest;
end;
$$;
comment on function edf.register_backtest is
    'Writes a backtest and its forecasts; called by edf.keep_backtest. Returns the backtest''s id.';
revoke all on function edf.register_backtest from public;

create function edf.keep_backtest(
    subject       text,
    training_data text,
    settings      jsonb default '{}',
    regressor_forecasts text default null
) returns bigint
language plpgsql
as $$
declare
    started   constant timestamptz := clock_timestamp();
    used      jsonb;
    forecasts edf.backtest_forecasts[];
begin
    perform edf.require('subject', subject is not null), edf.require('training_data', training_data is not null);
    used := edf.backtest_settings(settings);
    select array_agg(row(0, b.candidate, b.issued_at, b.valid_at, b.lead_hours, b.actual, b.yhat, b.yhat_lower, b.yhat_upper,
                         b.quantile_values)::edf.backtest_forecasts)
    into forecasts
    from edf.run_backtest(training_data, used, regressor_forecasts) as b;
    return edf.register_backtest(
        subject, training_data, regressor_forecasts, used, extract(epoch from clock_timestamp() - started)::double precision, forecasts);
end;
$$;
comment on function edf.keep_backtest is
$$Runs edf.backtest and stores it: a row of edf.backtests, and its forecasts in edf.kept_forecasts (a row per
candidate, origin and step ahead, for edf.score) and edf.kept_quantiles (a row per quantile). Returns the backtest's
id.

subject: what is forecast, any name. settings: arguments of edf.backtest by name, such as {"candidates": ["lear",
"xgboost"], "schedule": {"refit": "7 days"}}; stored with the defaults filled in.
Errors: as edf.backtest; 22023 an unknown setting.$$;
revoke all on function edf.keep_backtest from public;

revoke all on edf.backtests, edf.backtest_forecasts, edf.kept_forecasts, edf.kept_quantiles from public;
