-- When the forecasts of a backtest are issued and its models fitted.

create type edf.schedule as (
    first_origin    timestamptz,
    last_origin     timestamptz,
    test_period     interval,
    step            interval,
    refit           interval,
    training_window interval
);
comment on type edf.schedule is
$$When a backtest issues forecasts and fits models: a forecast every step from first_origin (by default test_period
before the end) to last_origin (by default the end), and a new fit every refit, on at most training_window.$$;

create function edf.schedule_of(given jsonb) returns edf.schedule
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    defaults constant jsonb := '{"first_origin": null, "last_origin": null, "test_period": "70 days", "step": "1 day", "refit": "14 days", "training_window": null}';
    known    constant text[] := array(select name from jsonb_object_keys(defaults) as name);
    setting  record;
begin
    perform edf.require('schedule', given is not null);
    if jsonb_typeof(given) is distinct from 'object' then
        raise exception 'a schedule is a JSON object, not %', left(given::text, 200)
            using errcode = 'invalid_parameter_value', hint = format('Known: %s.', array_to_string(known, ', '));
    end if;
    for setting in select * from jsonb_each(given) as each (name, value) loop
        perform edf.require_known('setting of the schedule', setting.name, known);
        begin
            if setting.name in ('first_origin', 'last_origin') then
                perform (setting.value #>> '{}')::timestamptz;
            else
                perform (setting.value #>> '{}')::interval;
            end if;
        exception when data_exception then
            raise exception 'setting "%" of the schedule cannot be %', setting.name, setting.value
                using errcode = 'invalid_parameter_value', hint = 'Times and intervals are written as text, such as {"test_period": "70 days"}.';
        end;
    end loop;
    return jsonb_populate_record(null::edf.schedule, defaults || given);
end;
$$;
comment on function edf.schedule_of(jsonb) is
$$A schedule from its settings by name, with the defaults filled in. Errors: 22023 an unknown name (the message
suggests the nearest) or a value that is not a time or interval.$$;
