create or replace function energy.schedule_error(schedule text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    -- One row per entry of a field: of 0,30 8-18/2 * * * these are 0, 30, 8-18/2, *, *, *.
    with entries as (
        select
            limits.*,
            entry,
            -- pg_cron accepts a step after a range or *, but not after a single number.
            regexp_match(entry, '^(?:(\d{1,2})|(?:\*|(\d{1,2})-(\d{1,2}))(?:/(\d{1,2}))?)$') as parts
        from unnest(
            string_to_array(schedule, ' '),
            array['the minute', 'the hour', 'the day of the month', 'the month', 'the day of the week'],
            array[0, 0, 1, 1, 0],
            array[59, 23, 31, 12, 7]) as limits (field, name, least, most)
        cross join lateral unnest(string_to_array(limits.field, ',')) as entry
    )

    select wrong
    from (
        select format('%s cannot be %s: %s', name, entry,
                      case when parts is null then 'expected a number, a-b, *, a-b/step or */step'
                           else format('expected %s to %s, in ascending order', least, most) end) as wrong
        from entries
        where parts is null
           or parts[1]::int not between least and most
           or parts[2]::int not between least and most
           or parts[3]::int not between parts[2]::int and most
           or parts[4]::int not between 1 and most
        union all
        -- pg_cron reads fewer than 1000.
        select format('it has %s characters, at most 200 are allowed', length(schedule)) where length(schedule) > 200
    ) as mistakes
    limit 1
$$;
comment on function energy.schedule_error(text) is 'The error in a five-field schedule; NULL if it is valid.';
revoke all on function energy.schedule_error(text) from public;

create or replace function energy.measure_errors(config jsonb) returns table (path text, message text, hint text)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    with types as (
        select
            key as sensor_type,
            value ->> 'kind' as kind,
            value ->> 'measures' as measures,
            value ->> 'unit' as unit,
            -- Measures with their own columns, or those summed with them.
            value ->> 'measures' in ('consumption', 'solar') or demand ? (value ->> 'measures') as is_energy
        from (select coalesce(config #> '{demand,measures}', '["consumption"]') as demand) as configs
        cross join lateral jsonb_each(config -> 'meters')
        where value ? 'measures'
    )

    select 'meters', format('no register measures %s', wanted.measures),
        format('No hour would have a demand: measures: %s.', wanted.measures)
    from jsonb_array_elements_text(coalesce(config #> '{demand,measures}', '["consumption"]')) as wanted (measures)
    where not exists (select from types where types.kind = 'register' and types.measures = wanted.measures)
    union all
    select 'demand.measures', 'solar is not a demand', 'Use consumption or heating.'
    where config #> '{demand,measures}' ? 'solar'
    union all
    select format('meters.%s.kind', sensor_type), format('"%s" cannot measure %s', kind, measures),
        case when is_energy then 'Registers count it.' else 'Gauges show it.' end
    from types
    where kind <> case when is_energy then 'register' when measures in ('room_temperature', 'setpoint') then 'gauge'
        else kind end
    union all
    select format('meters.%s.unit', sensor_type), format('"%s" is not "kWh"', unit),
        format('Registers of %s count kWh.', measures)
    from types where is_energy and unit <> 'kWh'
    union all
    -- Sensors of one measure are summed, or replace each other.
    select format('meters.%s', one.sensor_type),
        format('it measures %s as a %s in %s, but %s does as a %s in %s', one.measures, one.kind, one.unit,
            other.sensor_type, other.kind, other.unit),
        'A measure has one kind and one unit; use another measure name for the other.'
    from types as one join types as other on other.measures = one.measures
        and other.sensor_type < one.sensor_type collate "C"
    where one.kind <> other.kind
       or not coalesce(edf.convert_unit(0, one.unit, other.unit) = 0 and edf.convert_unit(1, one.unit, other.unit) = 1,
           false)
$$;
comment on function energy.measure_errors(jsonb) is
    'Errors in the measures of sensor types and of demand: path, message and what is allowed. Loads nothing.';
revoke all on function energy.measure_errors(jsonb) from public;

create or replace function energy.rule_errors(config jsonb) returns table (path text, message text, hint text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select format('anomalies.rules.%s', given.key), 'there is no such rule',
        'select rule, description from energy.anomaly_rules lists them.'
    from jsonb_each(config #> '{anomalies,rules}') as given
    where not exists (select from energy.anomaly_rules where rule = given.key)
    union all
    -- For rules unknown to the schema, the defaults define the settings.
    select format('anomalies.rules.%s.%s', given.key, setting.key),
        case when defaults ? setting.key then format('a %s is given, its default is a %s', jsonb_typeof(setting.value),
            jsonb_typeof(defaults -> setting.key))
            else 'the rule has no such setting' end,
        format('It has %s.', (select string_agg(name, ', ' order by name) from jsonb_object_keys(defaults) as name))
    from jsonb_each(config #> '{anomalies,rules}') as given
    join energy.anomaly_rules as rules on rules.rule = given.key
    cross join lateral jsonb_each(given.value) as setting
    where setting.key not in ('enabled', 'severity', 'hours', 'min_known_share')
      and jsonb_typeof(setting.value) is distinct from jsonb_typeof(defaults -> setting.key)
$$;
comment on function energy.rule_errors(jsonb) is
    'Errors in anomalies.rules of a configuration: unknown rules and settings. Loads nothing.';
revoke all on function energy.rule_errors(jsonb) from public;

create or replace function energy.config_secrets(config jsonb) returns setof text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select path from energy.config_values(config)
    where key ~* '(secret|passw|pwd|token|credential|(api|access|private|signing)_?key)'
       -- A URL with a password, a private key or a JWT, also inside of arrays.
       or jsonb_typeof(value) <> 'object' and value::text ~ '(://[^/@\s"]*:[^/@\s"]+@|-----BEGIN |"eyJ[A-Za-z0-9_-]+\.)'
$$;
comment on function energy.config_secrets(jsonb) is
    'Paths in a configuration that look like secrets, by name or value.';
revoke all on function energy.config_secrets(jsonb) from public;

create or replace function energy.config_errors(config jsonb) returns table (path text, message text, hint text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    strategy   constant text := config #>> '{training,strategy}';
    parameters constant jsonb := config #> '{training,parameters}';
    reading    record;
begin
    -- Checked first, and without the values: messages end up in logs.
    return query
    select secret, 'looks like a secret',
        'The configuration must not contain secrets; docker/README.md says where to put them.'
    from energy.config_secrets(config) as secret;
    if found then
        return;
    end if;
    return query select * from edf.validate_json(coalesce(config, 'null')::text, energy.config_schema()::text);
    if found then
        return;
    end if;
    -- Checks that only the code using a section can do.
    for reading in
        select 'training' as part, format('edf.read_parameters(%L, %L)', strategy, parameters) as call
        union all
        select 'features', format('edf.read_features(%L, %L)', config -> 'features', strategy)
        union all
        select format('meters.%s.settings', key), format('edf.read_meter_settings(%L)', value -> 'settings')
        from jsonb_each(config -> 'meters') where value ? 'settings'
    loop
        begin
            execute 'select ' || reading.call;
        exception when invalid_parameter_value or undefined_object then
            path := reading.part;
            get stacked diagnostics message = message_text, hint = pg_exception_hint;
            return next;
            return;
        end;
    end loop;
    return query
    select 'inference.history',
        format('%s is shorter than the %s h that a forecast reads', config #>> '{inference,history}', hours),
        'It must cover the longest lag and window.'
    from edf.history_hours(strategy, parameters, config -> 'features') as hours
    where hours * interval '1 hour' > (config #>> '{inference,history}')::interval;
    return query
    select format('meters.%s', key),
        format('min_value %s is not below max_value %s', value ->> 'min_value', value ->> 'max_value'),
        'Readings between the two are accepted.'
    from jsonb_each(config -> 'meters')
    where (value ->> 'min_value')::double precision >= (value ->> 'max_value')::double precision
    union all
    select * from energy.measure_errors(config)
    union all
    select 'training.regressors', format('"%s" is already a column of the models'' inputs', name),
        'Use another name in raw.regressors.'
    from unnest(energy.regressors_of(config)) as name
    where name in ('building_id', 'valid_at', 'received_at', 'consumption_kwh', 'temperature_c', 'ghi_w_m2',
        'apartments')
       or exists (select from pg_attribute
           where attrelid = to_regclass('processed.int_building_calendar') and attname = name)
    union all
    select 'training.archetype_history',
        format('%s is shorter than 28 days', config #>> '{training,archetype_history}'),
        'The model of an archetype needs the first four weeks of a building.'
    where (config #>> '{training,archetype_history}')::interval < interval '28 days'
    union all
    select 'inference', 'neither issue_time_local nor issue_hour_utc is set',
        'Set when forecasts are issued: issue_time_local: "05:00".'
    where not config -> 'inference' ?| array['issue_time_local', 'issue_hour_utc']
    union all
    select 'evaluation.step', format('%s is longer than test_period, %s', config #>> '{evaluation,step}',
        config #>> '{evaluation,test_period}'),
        'The test period must contain several forecasts.'
    where (config #>> '{evaluation,step}')::interval > (config #>> '{evaluation,test_period}')::interval
    union all
    -- The hours of the last month depend on earlier readings.
    select 'storage.tables.raw.meter_readings.keep',
        format('%s is shorter than 40 days', config #>> '{storage,tables,raw.meter_readings,keep}'),
        'The hours of the last days could otherwise not be recomputed.'
    where (config #>> '{storage,tables,raw.meter_readings,keep}')::interval < interval '40 days'
    union all
    select 'anomalies.night_to_hour', format('%s is not after night_from_hour, %s', to_hour, from_hour),
        'The night must be within one local day.'
    from (
        select coalesce((config #>> '{anomalies,night_from_hour}')::integer, 1) as from_hour,
            coalesce((config #>> '{anomalies,night_to_hour}')::integer, 5) as to_hour
    ) as nights
    where to_hour <= from_hour
    union all
    select 'storage.logs.' || kept.log_name, format('%s is shorter than %s, %s', kept.keep, kept.reader, kept.span),
        kept.hint
    from (
        select needed.log_name, needed.reader, needed.span, needed.hint,
            (config #>> array['storage', 'logs', needed.log_name])::interval as keep
        from (values
            ('energy.apartment_features', 'anomalies.models.history',
                coalesce(config #>> '{anomalies,models,history}', '1 year')::interval,
                'Keep the features that models learn from.'),
            ('energy.apartment_days', 'storage.logs.energy.apartment_features',
                (config #>> '{storage,logs,energy.apartment_features}')::interval, 'Features are computed from days.'),
            ('energy.anomaly_days', 'anomalies.catch_up',
                coalesce(config #>> '{anomalies,catch_up}', '14 days')::interval,
                'A day that changes late changes those that were scored after it.')
        ) as needed (log_name, reader, span, hint)
    ) as kept
    where kept.keep < kept.span
    union all
    select * from energy.rule_errors(config)
    union all
    select format('schedules.%s', key), format('"%s": %s', value, energy.schedule_error(value)),
        'Minute, hour, day of the month, month, day of the week: 0 5 * * * is 05:00 UTC every day.'
    from jsonb_each_text(config -> 'schedules') where energy.schedule_error(value) is not null;
end;
$$;
comment on function energy.config_errors(jsonb) is
$$Errors in a configuration: path, message with the value, and what is allowed; no rows if it is valid. Loads
nothing.$$;
revoke all on function energy.config_errors(jsonb) from public;
