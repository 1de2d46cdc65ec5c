-- One model of several series.

create type edf.panel as (
    series          text[],
    times           timestamptz[],
    target          double precision[],
    regressor_names text[],
    regressors      double precision[]
);
comment on type edf.panel is
    'Several series as arrays, by series and time: name of the series, times (start of each step), target, names of the regressors, and the regressors one column after the other.';

-- No pinned search_path: the query is the caller's and is read as the caller would read it.
create function edf.panel_of(query text) returns edf.panel
language plpgsql stable
as $$
declare
    names   text[];
    types   text[];
    columns text;
    panel   edf.panel;
begin
    select array_agg(c.name order by c.at), array_agg(c.type order by c.at) into names, types
    from edf.columns_of(query) with ordinality as c (name, type, at);
    if cardinality(names) < 3 or types[2] <> 'timestamp with time zone' then
        raise exception 'the query''s columns are (%) of types (%): a series, a time of type timestamptz, a target and regressors are needed',
            array_to_string(names, ', '), array_to_string(types, ', ')
            using errcode = 'invalid_parameter_value', hint = 'As in select building_id, hour_at, demand_kwh, temperature_c from ...';
    end if;
    for at in 3 .. cardinality(names) loop
        if types[at] not in ('double precision', 'real', 'numeric', 'integer', 'bigint', 'smallint', 'boolean') then
            raise exception 'column % is of type %; the target and regressors are numbers or booleans', names[at], types[at]
                using errcode = 'invalid_parameter_value', hint = 'Leave it out, or cast it to double precision.';
        end if;
    end loop;
    select string_agg(format('array_agg(q.%I%s::double precision)', c.name, case types[c.at] when 'boolean' then '::integer' else '' end),
                      case when c.at = 4 then '' else ' || ' end order by c.at)
    into columns
    from unnest(names) with ordinality as c (name, at)
    where c.at > 3;
    execute format(
        e'select array_agg(q.%1$I::text), array_agg(q.%2$I), array_agg(q.%3$I%4$s::double precision), $1, %5$s
          from (select * from (\n%6$s\n) as q order by q.%1$I::text collate "C", q.%2$I) as q',
        names[1], names[2], names[3], case types[3] when 'boolean' then '::integer' else '' end,
        coalesce(columns, '''{}''::double precision[]'), rtrim(query, e' \t\r\n;'))
    into panel using names[4:];
    if panel.times is null then
        raise exception 'the query returns no row' using errcode = 'data_exception', hint = 'Check its conditions.';
    end if;
    if array_position(panel.series, null) is not null or array_position(panel.times, null) is not null then
        raise exception 'column % or % is NULL in a row', names[1], names[2]
            using errcode = 'data_exception', hint = 'Every row needs its series and its time; leave such rows out.';
    end if;
    return panel;
end;
$$;
comment on function edf.panel_of(text) is
$$Runs a query of (series, time timestamptz, target, regressors...), columns by position, and returns it as arrays ordered by series and time.

Errors: 22000 no row, or a NULL series or time; 22023 an empty query, wrong columns or types.$$;
revoke all on function edf.panel_of(text) from public;

create function edf.train_global(
    subject       text,
    training_data text,
    parameters    jsonb    default '{}',
    features      jsonb    default '{}',
    horizon       interval default '72 hours'
) returns bigint
language plpgsql
as $$
declare
    panel  edf.panel;
    fitted record;
begin
    perform edf.require('subject', subject is not null), edf.require('training_data', training_data is not null),
            edf.require('parameters', parameters is not null), edf.require('features', features is not null),
            edf.require('horizon', horizon is not null);
    panel := edf.panel_of(training_data);
    select * into strict fitted
    from edf.fit_panel(panel.series, panel.times, panel.target, panel.regressor_names, panel.regressors, parameters, features, horizon);
    return edf.register_model(
        subject, 'global', fitted.artifact, fitted.parameters_used, fitted.features_used, fitted.feature_names,
        fitted.training_start, fitted.training_end, fitted.training_rows, fitted.metrics);
end;
$$;
comment on function edf.train_global is
$$Trains one model on several series, for those that have little history or none, and writes it to edf.models as pending; returns its id.

subject: what the series have in common, such as an archetype of buildings. training_data: a query of (series, time timestamptz, target, regressors...), columns by
position, one row per series and step, NULL where a value is missing. Regressors that stay the same, such as a floor area, tell the series apart. parameters of strategy
global: size (the regressor that the demand is proportional to), max_rows, trees (as of xgboost). features, horizon: as in edf.train.
Series with less than eight days of demand are left out; metrics -> held_out names them, and has the errors of newcomers: forecasts of each series, by a model of others, as if
it had begun a week before at most, and beside them those of seasonal naive where it knows the week before. Forecast a newcomer by edf.forecast(subject, input_data, issued_at => ...): its target may be NULL throughout.
Source: Montero-Manso and Hyndman (2021). Errors: as edf.train; 22023 fewer than two series, or series whose steps differ.$$;
revoke all on function edf.train_global from public;
