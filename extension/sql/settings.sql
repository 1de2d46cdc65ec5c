-- The arguments of edf.backtest as one document, to store and repeat backtests.

create function edf.backtest_settings(given jsonb, set_by_caller text[] default '{}') returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    defaults constant jsonb := '{
        "strategy": "xgboost", "parameters": {}, "features": {}, "candidates": null, "horizon": "72 hours", "schedule": {},
        "issue_hours": null, "availability": null, "levels": [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95], "workers": 1}';
    known constant text[] := array(select name from jsonb_object_keys(defaults) as name where name <> all (set_by_caller));
    setting record;
begin
    perform edf.require('settings', given is not null), edf.require('set_by_caller', set_by_caller is not null);
    if jsonb_typeof(given) is distinct from 'object' then
        raise exception 'settings are given in a JSON object, not in %', left(given::text, 200)
            using errcode = 'invalid_parameter_value', hint = format('Known: %s.', array_to_string(known, ', '));
    end if;
    for setting in select * from jsonb_each(given) as each (name, value) loop
        perform edf.require_known('setting', setting.name, known);
        begin
            case
                when setting.name in ('horizon', 'availability') then
                    perform (setting.value #>> '{}')::interval;
                when setting.name = 'schedule' then
                    perform edf.schedule_of(setting.value);
                when setting.name = 'workers' then
                    perform (setting.value #>> '{}')::integer;
                when setting.name = 'issue_hours' and setting.value <> 'null' then
                    perform array(select jsonb_array_elements_text(setting.value))::integer[];
                when setting.name = 'levels' then
                    perform array(select jsonb_array_elements_text(setting.value))::double precision[];
                else null;
            end case;
        exception when data_exception then
            raise exception 'setting "%" cannot be %', setting.name, setting.value
                using errcode = 'invalid_parameter_value', hint = 'Settings are arguments of edf.backtest, written in JSON.';
        end;
    end loop;
    return defaults - set_by_caller || given;
end;
$$;
comment on function edf.backtest_settings is
$$Arguments of edf.backtest, given by name in JSON, with its defaults filled in, without those in set_by_caller.

Errors: 22023 an unknown name (the message suggests the nearest) or a value of another type.$$;

create function edf.run_backtest(training_data text, settings jsonb, regressor_forecasts text) returns table (
    candidate  text,
    issued_at  timestamptz,
    valid_at   timestamptz,
    lead_hours double precision,
    actual     double precision,
    yhat       double precision,
    yhat_lower double precision,
    yhat_upper double precision,
    quantile_values double precision[],
    quantiles double precision[]
)
language sql stable
as $$
    select * from edf.backtest(
        training_data, settings ->> 'strategy', settings -> 'parameters', settings -> 'features', (settings ->> 'horizon')::interval,
        settings -> 'schedule', regressor_forecasts, nullif(settings -> 'candidates', 'null'),
        array(select jsonb_array_elements_text(settings -> 'levels'))::double precision[],
        (select array_agg(hour::integer order by at)
         from jsonb_array_elements_text(nullif(settings -> 'issue_hours', 'null')) with ordinality as h (hour, at)),
        (settings ->> 'availability')::interval, (settings ->> 'workers')::integer)
$$;
comment on function edf.run_backtest is
    'edf.backtest with its arguments in a document of edf.backtest_settings. Errors: as edf.backtest.';
revoke all on function edf.run_backtest from public;
