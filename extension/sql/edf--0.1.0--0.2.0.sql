-- From 0.1.0, whose models are read, to 0.2.0: a series is one value, a recipe names its issue hours and the availability of its target.

drop function edf.series_of(text,boolean);
drop function edf.backtest(text,text,jsonb,jsonb,interval,interval,interval,interval,timestamptz,text,double precision[],timestamptz,interval,jsonb,integer);
drop function edf.features(text,jsonb,interval,timestamptz,text);
drop function edf.forecast(text,text,interval,timestamptz,text,double precision[]);
drop function edf.train(text,text,text,jsonb,jsonb,interval,text);
drop function edf.backtest_series(text,timestamp with time zone[],double precision[],text[],double precision[],timestamp with time zone[],double precision[],text[],double precision[],jsonb,jsonb,interval,interval,interval,interval,timestamp with time zone,timestamp with time zone,interval,jsonb,integer,double precision[]);
drop function edf.feature_rows(timestamp with time zone[],double precision[],text[],double precision[],timestamp with time zone[],double precision[],text[],double precision[],jsonb,interval,timestamp with time zone);
drop function edf.fit(text,timestamp with time zone[],double precision[],text[],double precision[],timestamp with time zone[],double precision[],text[],double precision[],jsonb,jsonb,interval);
drop function edf.fit_panel(text[],timestamp with time zone[],double precision[],text[],double precision[],jsonb,jsonb,interval);
drop function edf.predict(bytea,timestamp with time zone[],double precision[],text[],double precision[],timestamp with time zone[],double precision[],text[],double precision[],interval,timestamp with time zone,double precision[]);
drop function edf.train_global(text,text,jsonb,jsonb,interval);
drop function edf.panel_of(text);
drop function edf.run_backtest(text,jsonb,text);
drop function edf.parse_meter_messages(text[]);
drop type edf.panel;
drop type edf.series;

-- Contenders are candidates, and their schedule is one setting.
alter table edf.backtest_forecasts rename column contender to candidate;
alter view edf.kept_forecasts rename column contender to candidate;
alter view edf.kept_quantiles rename column contender to candidate;
update edf.backtests
set settings = settings - array['contenders', 'test_period', 'step', 'refit', 'first_origin', 'last_origin', 'training_window']
    || jsonb_build_object('candidates', settings -> 'contenders', 'schedule', jsonb_strip_nulls(jsonb_build_object(
        'test_period', settings -> 'test_period', 'step', settings -> 'step', 'refit', settings -> 'refit', 'first_origin', settings -> 'first_origin',
        'last_origin', settings -> 'last_origin', 'training_window', settings -> 'training_window')))
where not settings ? 'schedule';
update edf.tunings
set settings = settings - array['contenders', 'test_period', 'step', 'refit', 'first_origin', 'last_origin', 'training_window']
    || jsonb_build_object('candidates', settings -> 'contenders', 'schedule', jsonb_strip_nulls(jsonb_build_object(
        'test_period', settings -> 'test_period', 'step', settings -> 'step', 'refit', settings -> 'refit', 'first_origin', settings -> 'first_origin',
        'last_origin', settings -> 'last_origin', 'training_window', settings -> 'training_window')))
where not settings ? 'schedule';

drop function edf.register_model(text, text, bytea, jsonb, jsonb, text[], timestamptz, timestamptz, bigint, jsonb);
create function edf.register_model(
    subject text, strategy text, artifact bytea, parameters jsonb, features jsonb, feature_names text[],
    training_start timestamptz, training_end timestamptz, training_rows bigint, metrics jsonb, reason text default null
) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    model bigint;
begin
    perform edf.require('subject', subject is not null), edf.require('strategy', strategy is not null),
            edf.require('artifact', artifact is not null), edf.require('parameters', parameters is not null),
            edf.require('features', features is not null), edf.require('feature_names', feature_names is not null),
            edf.require('training_start', training_start is not null), edf.require('training_end', training_end is not null),
            edf.require('training_rows', training_rows is not null), edf.require('metrics', metrics is not null);
    perform edf.require_kind(subject, strategy);
    insert into edf.models (
        subject, strategy, artifact, checksum, parameters, features, feature_names,
        training_start, training_end, training_rows, metrics, created_by
    )
    values (
        register_model.subject, register_model.strategy, register_model.artifact,
        encode(sha256(register_model.artifact), 'hex'), register_model.parameters, register_model.features,
        register_model.feature_names, register_model.training_start, register_model.training_end,
        register_model.training_rows, register_model.metrics, edf.acting_role()
    )
    returning model_id into model;
    insert into edf.model_events (model_id, event, reason, happened_by) values (model, 'trained', register_model.reason, edf.acting_role());
    return model;
end;
$$;
comment on function edf.register_model is
$$Writes a fitted model as a pending row; called by edf.train and edf.train_anomaly_model. Returns the model's id.
Errors: 22004 a NULL argument, 22023 the subject has models of the other kind.$$;
revoke all on function edf.register_model from public;
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
create type edf.series as (
    times                timestamptz[],
    target               double precision[],
    received_at          timestamptz[],
    regressor_names      text[],
    regressors           double precision[],
    forecast_times       timestamptz[],
    forecast_received_at timestamptz[],
    forecast_names       text[],
    forecast_values      double precision[]
);
comment on type edf.series is
$$A series as arrays: times (start of each step), target, when each row was first known (NULL: at its end), names of
the regressors, and the regressors one column after the other; forecasts of regressors: times, when each was
received, names, and values one column after the other.$$;
create type edf.fitted as (
    artifact        bytea,
    parameters_used jsonb,
    features_used   jsonb,
    feature_names   text[],
    training_start  timestamptz,
    training_end    timestamptz,
    training_rows   bigint,
    metrics         jsonb
);
comment on type edf.fitted is 'A fitted model, with the columns that edf.models stores.';
create or replace function edf.require(name text, given boolean) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if given is not true then
        raise exception 'argument % is NULL', name
            using errcode = 'null_value_not_allowed', hint = 'Give it a value, or leave it out for its default.';
    end if;
end;
$$;
comment on function edf.require(text, boolean) is 'Raises 22004 if an argument is NULL; the message names it.';
CREATE  FUNCTION "backtest_series"(
	"series" edf.series, /* Option < :: pgrx :: heap_tuple :: PgHeapTuple < '_, :: pgrx :: pgbox ::
AllocatedByRust > > */
	"candidates" jsonb, /* Option < Document > */
	"features" jsonb, /* Option < Document > */
	"horizon" interval, /* Option < Interval > */
	"schedule" edf.schedule, /* Option < :: pgrx :: heap_tuple :: PgHeapTuple < '_, :: pgrx :: pgbox ::
AllocatedByRust > > */
	"issue_hours" INT[], /* :: std :: option :: Option < Vec < Option < i32 > > > */
	"availability" interval, /* Option < Interval > */
	"levels" double precision[], /* :: std :: option :: Option < Vec < Option < f64 > > > */
	"workers" INT /* Option < i32 > */
) RETURNS TABLE (
	"candidate" TEXT,  /* String */
	"issued_at" timestamp with time zone,  /* TimestampWithTimeZone */
	"valid_at" timestamp with time zone,  /* TimestampWithTimeZone */
	"lead_hours" double precision,  /* f64 */
	"actual" double precision,  /* Option < f64 > */
	"yhat" double precision,  /* f64 */
	"yhat_lower" double precision,  /* f64 */
	"yhat_upper" double precision,  /* f64 */
	"quantile_values" double precision[]  /* Vec < f64 > */
)
 
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'backtest_of_wrapper';
CREATE  FUNCTION "feature_rows"(
	"series" edf.series, /* Option < :: pgrx :: heap_tuple :: PgHeapTuple < '_, :: pgrx :: pgbox ::
AllocatedByRust > > */
	"features" jsonb, /* Option < Document > */
	"horizon" interval, /* Option < Interval > */
	"issued_at" timestamp with time zone, /* Option < TimestampWithTimeZone > */
	"availability" interval /* Option < Interval > */
) RETURNS TABLE (
	"valid_at" timestamp with time zone,  /* TimestampWithTimeZone */
	"lead_hours" double precision,  /* f64 */
	"feature" TEXT,  /* String */
	"unit" TEXT,  /* String */
	"value" double precision,  /* Option < f64 > */
	"known" TEXT  /* String */
)
 
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'feature_rows_of_wrapper';
CREATE  FUNCTION "fit"(
	"strategy" TEXT, /* Option < & str > */
	"series" edf.series, /* Option < :: pgrx :: heap_tuple :: PgHeapTuple < '_, :: pgrx :: pgbox ::
AllocatedByRust > > */
	"parameters" jsonb, /* Option < Document > */
	"features" jsonb, /* Option < Document > */
	"horizon" interval, /* Option < Interval > */
	"issue_hours" INT[], /* :: std :: option :: Option < Vec < Option < i32 > > > */
	"availability" interval /* Option < Interval > */
) RETURNS TABLE (
	"artifact" bytea,  /* Vec < u8 > */
	"parameters_used" jsonb,  /* JsonB */
	"features_used" jsonb,  /* JsonB */
	"feature_names" TEXT[],  /* Vec < String > */
	"training_start" timestamp with time zone,  /* TimestampWithTimeZone */
	"training_end" timestamp with time zone,  /* TimestampWithTimeZone */
	"training_rows" bigint,  /* i64 */
	"metrics" jsonb  /* JsonB */
)
 
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'fit_series_wrapper';
create or replace FUNCTION "next_trial"(
	"strategy" TEXT, /* Option < & str > */
	"space" jsonb, /* Option < Document > */
	"trials" jsonb, /* Option < Document > */
	"seed" INT /* Option < i32 > */
) RETURNS jsonb /* Result < Option < JsonB > , ErrorReport > */
IMMUTABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'next_trial_wrapper';
CREATE  FUNCTION "panel_add"(
	"state" internal, /* Internal */
	"name" TEXT, /* Option < & str > */
	"series" edf.series, /* Option < :: pgrx :: heap_tuple :: PgHeapTuple < '_, :: pgrx :: pgbox ::
AllocatedByRust > > */
	"parameters" jsonb, /* Option < Document > */
	"features" jsonb, /* Option < Document > */
	"horizon" interval, /* Option < Interval > */
	"issue_hours" INT[], /* :: std :: option :: Option < Vec < Option < i32 > > > */
	"availability" interval /* Option < Interval > */
) RETURNS internal /* Result < Internal, ErrorReport > */

LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'panel_add_wrapper';
CREATE  FUNCTION "panel_fit"(
	"state" internal /* Internal */
) RETURNS edf.fitted /* Result < :: pgrx :: heap_tuple :: PgHeapTuple < '_, :: pgrx :: pgbox ::
AllocatedByRust > , ErrorReport > */

LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'panel_fit_wrapper';
create aggregate edf.fit_panel(
    name text, series edf.series, parameters jsonb, features jsonb, horizon interval, issue_hours integer[],
    availability interval
) (
    sfunc = edf.panel_add, stype = internal, finalfunc = edf.panel_fit
);
comment on aggregate edf.fit_panel(text, edf.series, jsonb, jsonb, interval, integer[], interval) is
$$Fits one model on several series; edf.train_global calls it over edf.panel_of. The arguments after the series are
those of the first row.

Memory: eight bytes for each number of the series, and what edf.train_global needs for training.
Errors: as edf.train_global.$$;
comment on function edf.panel_add is 'State function of edf.fit_panel.';
comment on function edf.panel_fit is 'Final function of edf.fit_panel.';
revoke all on function edf.fit_panel(text, edf.series, jsonb, jsonb, interval, integer[], interval) from public;
revoke all on function edf.panel_add from public;
revoke all on function edf.panel_fit from public;
create or replace FUNCTION "parse_meter_messages"(
	"messages" TEXT[] /* :: std :: option :: Option < Vec < Option < String > > > */
) RETURNS TABLE (
	"at" INT,  /* i32 */
	"building_id" TEXT,  /* Option < String > */
	"apartment_id" TEXT,  /* Option < String > */
	"sensor_type" TEXT,  /* Option < String > */
	"room_name" TEXT,  /* Option < String > */
	"read_at" timestamp with time zone,  /* Option < TimestampWithTimeZone > */
	"value" double precision,  /* Option < f64 > */
	"unit" TEXT,  /* Option < String > */
	"reason_code" TEXT,  /* Option < String > */
	"reason" TEXT  /* Option < String > */
)
IMMUTABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'parse_meter_messages_wrapper';
create FUNCTION "cancel_after"(
	"timeout" interval /* Option < Interval > */
) RETURNS VOID /* core :: result :: Result < (), pgrx_pg_sys :: submodules :: panic :: ErrorReport > */
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'cancel_after_wrapper';
create FUNCTION "convert_unit"(
	"value" double precision, /* Option < f64 > */
	"from_unit" TEXT, /* Option < & str > */
	"to_unit" TEXT DEFAULT NULL /* Option < & str > */
) RETURNS double precision /* Option < f64 > */
IMMUTABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'convert_unit_wrapper';
create or replace FUNCTION "parse_weather_document"(
	"document" TEXT /* Option < & str > */
) RETURNS TABLE (
	"valid_at" timestamp with time zone,  /* Option < TimestampWithTimeZone > */
	"temperature_c" double precision,  /* Option < f64 > */
	"cloud_cover_pct" double precision,  /* Option < f64 > */
	"ghi_w_m2" double precision,  /* Option < f64 > */
	"reason_code" TEXT,  /* Option < String > */
	"reason" TEXT  /* Option < String > */
)
IMMUTABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'parse_weather_document_wrapper';
create or replace FUNCTION "portfolio_quantiles"(
	"valid_at" timestamp with time zone[], /* :: std :: option :: Option < Vec < Option < TimestampWithTimeZone > > > */
	"lead_hours" double precision[], /* :: std :: option :: Option < Vec < Option < f64 > > > */
	"yhat" double precision[], /* :: std :: option :: Option < Vec < Option < f64 > > > */
	"residual_issued_at" timestamp with time zone[], /* :: std :: option :: Option < Vec < Option < TimestampWithTimeZone > > > */
	"residual_lead_hours" double precision[], /* :: std :: option :: Option < Vec < Option < f64 > > > */
	"residual_errors" double precision[], /* :: std :: option :: Option < Vec < Option < f64 > > > */
	"quantiles" double precision[] /* :: std :: option :: Option < Vec < Option < f64 > > > */
) RETURNS TABLE (
	"issued_at" timestamp with time zone,  /* TimestampWithTimeZone */
	"valid_at" timestamp with time zone,  /* TimestampWithTimeZone */
	"lead_hours" double precision,  /* f64 */
	"yhat" double precision,  /* f64 */
	"yhat_lower" double precision,  /* f64 */
	"yhat_upper" double precision,  /* f64 */
	"quantile_values" double precision[],  /* Vec < f64 > */
	"origins" bigint  /* i64 */
)
IMMUTABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'portfolio_quantiles_wrapper';
CREATE  FUNCTION "predict"(
	"artifact" bytea, /* Option < & [u8] > */
	"series" edf.series, /* Option < :: pgrx :: heap_tuple :: PgHeapTuple < '_, :: pgrx :: pgbox ::
AllocatedByRust > > */
	"horizon" interval, /* Option < Interval > */
	"issued_at" timestamp with time zone, /* Option < TimestampWithTimeZone > */
	"quantiles" double precision[] /* :: std :: option :: Option < Vec < Option < f64 > > > */
) RETURNS TABLE (
	"valid_at" timestamp with time zone,  /* TimestampWithTimeZone */
	"lead_hours" double precision,  /* f64 */
	"yhat" double precision,  /* f64 */
	"yhat_lower" double precision,  /* f64 */
	"yhat_upper" double precision,  /* f64 */
	"quantile_values" double precision[],  /* Vec < f64 > */
	"confidence" double precision  /* f64 */
)
 
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'predict_series_wrapper';
create or replace FUNCTION "require_known"(
	"kind" TEXT, /* Option < & str > */
	"name" TEXT, /* Option < & str > */
	"known" TEXT[] /* :: std :: option :: Option < Vec < Option < String > > > */
) RETURNS VOID /* Result < (), ErrorReport > */
IMMUTABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'require_known_wrapper';
create or replace FUNCTION "validate_json"(
	"document" TEXT, /* Option < & str > */
	"schema" TEXT /* Option < & str > */
) RETURNS TABLE (
	"path" TEXT,  /* String */
	"message" TEXT,  /* String */
	"hint" TEXT  /* String */
)
IMMUTABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'validate_json_wrapper';
comment on aggregate edf.rcrps(double precision, double precision[], double precision[]) is
    'Relative CRPS, a ratio: edf.crps / (95 % quantile - 5 % quantile of actual); NULL where the actual values have no such range. Memory: 16 bytes a row. OpenSTEF 4.';
create or replace function edf.columns_of(query text) returns table (name text, type text)
language plpgsql stable
as $$
declare
    body  text := rtrim(query, e' \t\r\n;');
    shape record;
    names text[];
begin
    perform edf.require('query', query is not null);
    if body = '' then
        raise exception 'the query is empty'
            using errcode = 'invalid_parameter_value', hint = 'Give a query, as in select * from my_forecasts.';
    end if;
    -- With LIMIT 0 the executor never starts the query, which may be a long backtest.
    execute format(e'select * from (\n%s\n) as q limit 0', body) into shape;
    select array_agg(k.key order by k.at) into names from json_object_keys(row_to_json(shape)) with ordinality as k (key, at);
    if cardinality(names) <> (select count(distinct n.name) from unnest(names) as n (name)) then
        raise exception 'the query''s columns are (%): each needs its own name', array_to_string(names, ', ')
            using errcode = 'invalid_parameter_value', hint = 'Name the columns in the query with AS.';
    end if;
    return query execute format(
        e'select c.* from (values (1)) as one left join (select * from (\n%s\n) as q limit 0) as q on true
          cross join lateral (values %s) as c',
        body, (select string_agg(format('(%L, pg_typeof(q.%I)::text)', n.name, n.name), ', ') from unnest(names) as n (name)));
end;
$$;
create or replace function edf.score_inputs(names text[], types text[]) returns table (name text, expression text)
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    numbers constant text[] := array['double precision', 'real', 'numeric', 'integer', 'bigint', 'smallint'];
    wrong   record;
begin
    perform edf.require('names', names is not null), edf.require('types', types is not null);
    select c.name, c.type into wrong
    from unnest(names, types) as c (name, type)
    where c.name in ('lead_hours', 'actual', 'yhat', 'yhat_lower', 'yhat_upper', 'scale') and c.type <> all (numbers);
    if found then
        raise exception 'column % is of type %; it must be a number', wrong.name, wrong.type
            using errcode = 'invalid_parameter_value', hint = 'Cast it to double precision in the query.';
    end if;
    -- Of issued_at only equality matters, so that its type does not.
    return query
    select i.name, format('q.%I::%s', i.name, i.type)
    from (values ('issued_at', 'text'), ('lead_hours', 'double precision'), ('actual', 'double precision'), ('yhat', 'double precision'),
        ('yhat_lower', 'double precision'), ('yhat_upper', 'double precision'), ('scale', 'double precision')) as i (name, type)
    where i.name = any (names);
    -- Quantiles are two arrays, or columns named by their percentage.
    if array['quantile_values', 'quantiles'] <@ names then
        return query values ('quantile_values', 'q.quantile_values::double precision[]'), ('quantiles', 'q.quantiles::double precision[]');
        return;
    end if;
    return query
    with levels as (
        select n.name, replace((regexp_match(n.name, '^(?:yhat_)?q(\d\d(?:_\d+)?)$'))[1], '_', '.')::double precision / 100 as level
        from unnest(names) as n (name)
    )
    select i.*
    from (select string_agg(format('q.%I', l.name), ', ' order by level) as columns, array_agg(level order by level) as levels
          from levels as l where level is not null) as found
    cross join lateral (values
        ('quantile_values', format('array[%s]::double precision[]', found.columns)),
        ('quantiles', format('%L::double precision[]', found.levels))) as i
    where found.levels is not null;
end;
$$;
create or replace function edf.score(
    forecasts text,
    by        text[] default '{}',
    metrics   text[] default null
) returns table (
    slice  jsonb,
    metric text,
    value  double precision,
    unit   text,
    n      bigint
)
language plpgsql stable
as $$
declare
    names  text[];
    types  text[];
    inputs text[];
    wanted text[] := nullif(metrics, '{}');
    given  text;
    reads  text;
begin
    perform edf.require('forecasts', forecasts is not null),
            edf.require('by', by is not null and array_position(by, null) is null),
            edf.require('metrics', metrics is null or array_position(metrics, null) is null);
    select array_agg(c.name), array_agg(c.type) into names, types from edf.columns_of(forecasts) as c;
    select array_agg(i.name) into inputs from edf.score_inputs(names, types) as i;

    foreach given in array by loop
        perform edf.require_known('column', given, case when 'lead_hours' = any (inputs) then names || text 'lead_day' else names end);
    end loop;
    foreach given in array coalesce(wanted, '{}') loop
        perform edf.require_known('metric', given, array(select m.metric from edf.score_metrics() as m));
    end loop;
    wanted := coalesce(wanted, array(select m.metric from edf.score_metrics() as m where m.reads <@ inputs));
    select m.metric, array_to_string(m.reads, ', ') into given, reads
    from edf.score_metrics() as m
    where not m.reads <@ coalesce(inputs, '{}') and (m.metric = any (wanted) or wanted = '{}');
    if found then
        raise exception 'metric "%" reads %; the query has the columns %', given, reads, array_to_string(names, ', ')
            using errcode = 'invalid_parameter_value',
                hint = 'Name the columns with AS; select * from edf.score_metrics() lists those of each metric.';
    end if;

    return query execute format(
        $query$
        with forecasts as materialized (
            select jsonb_build_object(%1$s) as slice, %2$s
            from (
            %3$s
            ) as q
        ),
        -- The peak of each 24 hours of each forecast. Slices that repeat an hour mix series and have no peak.
        peaks as (
            select slice, case when bool_and(is_one_series) then avg(peak_error) end as peak_error
            from (%4$s) as lead_days
            group by slice
        ),
        scores as (
            select slice, count(actual) as n, %5$s
            from forecasts left join peaks using (slice)
            group by slice
        )
        select slice, m.metric, m.value, m.unit, n
        from scores cross join lateral (values %6$s) as m (at, metric, value, unit)
        order by %7$s m.at
        $query$,
        (select string_agg(format(
            case when b.name = any (names) then '%1$L, q.%1$I' else '%1$L, ceil(q.lead_hours / 24.0)' end, b.name), ', ')
         from unnest(by) as b (name)),
        (select string_agg(format('%s as %I', i.expression, i.name), ', ') from edf.score_inputs(names, types) as i),
        rtrim(forecasts, e' \t\r\n;'),
        case when 'peak_error' = any (wanted)
            then 'select slice, edf.peak_error(actual, yhat), count(*) = count(distinct lead_hours) as is_one_series
                  from forecasts group by slice, issued_at, ceil(lead_hours / 24)'
            else 'select null::jsonb as slice, null::double precision as peak_error, null::boolean as is_one_series where false' end,
        (select string_agg(format('%s as %I', m.expression, m.metric), ', ') from edf.score_metrics() as m where m.metric = any (wanted)),
        (select string_agg(format('(%s, %L, scores.%I, %L)', m.at, m.metric, m.metric, m.unit), ', ')
         from edf.score_metrics() with ordinality as m (metric, unit, reads, expression, at) where m.metric = any (wanted)),
        (select string_agg(format('slice -> %L, ', b.name), '') from unnest(by) as b (name)));
    if not found then
        raise exception 'the query returns no row' using errcode = 'data_exception', hint = 'Check its conditions.';
    end if;
end;
$$;
comment on function edf.score is
$$Scores a query of forecasts, such as select * from edf.backtest(...): one row per slice and metric, with its unit
and the number n of rows whose actual is known.

by: columns of the query whose values define the slices, such as {candidate,lead_day}; lead_day is computed from
lead_hours (1 for the first 24). By default all rows are one slice. metrics: by default all that the columns allow.
Columns are read by name: actual, yhat; yhat_lower, yhat_upper (coverage, interval_width); q05, q50, q97_5 or the
arrays quantile_values and quantiles (pinball, crps, rcrps); scale (mase), see edf.mase_scale; issued_at, lead_hours
(peak_error: the mean over each 24 hours of each forecast, NULL where a slice mixes series). The aggregates edf.mape,
... compute the same in a query of your own. Nothing is written.
Errors: 22023 an unknown metric or column, a metric whose columns are missing; 22000 no row, NaN or infinite values;
and those of the query.$$;
create or replace function edf.portfolio(
    forecasts text,
    residuals text,
    levels    double precision[] default '{0.05,0.1,0.25,0.5,0.75,0.9,0.95}'
) returns table (
    issued_at  timestamptz,
    valid_at   timestamptz,
    lead_hours double precision,
    yhat       double precision,
    yhat_lower double precision,
    yhat_upper double precision,
    quantile_values double precision[],
    quantiles double precision[],
    origins   bigint
)
language plpgsql stable
as $$
declare
    known text[];
    given text;
    found record;
begin
    perform edf.require('forecasts', forecasts is not null), edf.require('residuals', residuals is not null),
            edf.require('levels', levels is not null and array_position(levels, null) is null);
    known := array(select c.name from edf.columns_of(forecasts) as c);
    foreach given in array array['series', 'valid_at', 'lead_hours', 'yhat'] loop
        perform edf.require_column('forecasts', given, known);
    end loop;
    known := array(select c.name from edf.columns_of(residuals) as c);
    foreach given in array array['series', 'issued_at', 'lead_hours', 'actual', 'yhat'] loop
        perform edf.require_column('residuals', given, known);
    end loop;
    -- Each query runs once; the core reads sums, so that memory does not grow with the number of series. CTEs have the
    -- prefix edf_, so that they do not hide tables of the queries.
    execute format(
        $query$
        with edf_forecasts as materialized (
            select series::text as series, valid_at::timestamptz as valid_at, lead_hours::double precision as lead_hours, yhat::double precision as yhat
            from (
            %1$s
            ) as q
        ),
        edf_members as (select series, count(*) as n from edf_forecasts group by series),
        edf_totals as (
            select valid_at, lead_hours, sum(yhat order by series) as yhat, count(*) as n, count(distinct series) as n_series, count(yhat) as n_known
            from edf_forecasts group by valid_at, lead_hours
        ),
        edf_residuals as materialized (
            select r.series::text as series, r.issued_at::timestamptz as issued_at, r.lead_hours::double precision as lead_hours,
                r.actual::double precision - r.yhat::double precision as error
            from (
            %2$s
            ) as r
            where r.series::text in (select series from edf_members)
        ),
        edf_joint as (
            select issued_at, lead_hours, sum(error order by series) as error, count(*) as n, count(distinct series) as n_series, count(error) as n_known
            from edf_residuals group by issued_at, lead_hours
        )
        select
            (select count(*) from edf_members) as members,
            (select min(valid_at) from edf_totals where n_series < (select count(*) from edf_members) or n_known < n) as incomplete_at,
            (select min(valid_at) from edf_totals where n > n_series) as forecast_twice_at,
            (select min(issued_at) from edf_joint where n > n_series) as residual_twice_at,
            (select min(series) from edf_members where series not in (select series from edf_residuals where error is not null)) as unknown,
            (select array_agg(valid_at order by valid_at, lead_hours) from edf_totals) as valid_at,
            (select array_agg(lead_hours order by valid_at, lead_hours) from edf_totals) as lead_hours,
            (select array_agg(yhat order by valid_at, lead_hours) from edf_totals) as yhat,
            (select array_agg(issued_at order by issued_at, lead_hours) from edf_joint where n_known = (select count(*) from edf_members)) as r_issued_at,
            (select array_agg(lead_hours order by issued_at, lead_hours) from edf_joint where n_known = (select count(*) from edf_members)) as r_lead_hours,
            (select array_agg(error order by issued_at, lead_hours) from edf_joint where n_known = (select count(*) from edf_members)) as r_error
        $query$, rtrim(forecasts, e' \t\r\n;'), rtrim(residuals, e' \t\r\n;'))
    into found;
    if found.members = 0 then
        raise exception 'the query of forecasts returns no row' using errcode = 'data_exception', hint = 'Check its conditions.';
    elsif found.forecast_twice_at is not null or found.residual_twice_at is not null then
        raise exception 'a series is listed twice for one step and lead: %',
            coalesce('forecasts at ' || found.forecast_twice_at, 'residuals issued at ' || found.residual_twice_at)
            using errcode = 'invalid_parameter_value', hint = 'Choose one forecast of each series, such as that of one backtest and candidate.';
    elsif found.incomplete_at is not null then
        raise exception 'at % not all of the % series have a forecast', found.incomplete_at, found.members
            using errcode = 'data_exception', hint = 'Forecast all series for the same steps, at the same time.';
    elsif found.unknown is not null then
        raise exception 'no residual of series "%" is known', found.unknown
            using errcode = 'data_exception', hint = 'Give residuals of every series: actual and yhat, by series, issued_at and lead_hours.';
    end if;
    return query
    select p.issued_at, p.valid_at, p.lead_hours, p.yhat, p.yhat_lower, p.yhat_upper, p.quantile_values, levels, p.origins
    from edf.portfolio_quantiles(
        found.valid_at, found.lead_hours, found.yhat, coalesce(found.r_issued_at, '{}'), coalesce(found.r_lead_hours, '{}'),
        coalesce(found.r_error, '{}'), levels) as p;
end;
$$;
comment on function edf.portfolio is
$$Forecasts the sum of several series with quantiles, from their joint residuals: one row per step. Adding the
quantiles of the series would assume that their errors are perfectly correlated, adding variances that they are
independent.

forecasts: a query with the columns series, valid_at, lead_hours and yhat, such as edf.forecast of each building.
residuals: a query with series, issued_at, lead_hours, actual and yhat, such as edf.kept_forecasts. Residuals of all
series at the same origin and lead are added; those that lack a series, or were not known when the forecast was
issued, are left out. origins: how many origins were used.
Quantiles are conformal, by day of lead, with a profile over the day, and newer residuals have more weight, as in
edf.forecast.
Limits: 200 levels. Memory: 200 bytes for each joint residual and forecast, however many series are added.
Errors: 22023 a missing column, a series twice; 22000 no row, a step without a series, no joint residual, NaN or
infinite values; and those of the queries.$$;
create or replace function edf.require_column(query text, name text, known text[]) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform edf.require('query', query is not null), edf.require('name', name is not null),
            edf.require('known', known is not null);
    if not name = any (known) then
        raise exception 'the query of % has no column %', query, name
            using errcode = 'invalid_parameter_value', hint = format('Its columns are %s; name them with AS.', array_to_string(known, ', '));
    end if;
end;
$$;
create function edf.checked_columns(query text, needed text[]) returns table (name text, type text, at bigint)
language plpgsql stable
as $$
declare
    names text[];
    types text[];
begin
    perform edf.require('query', query is not null), edf.require('needed', needed is not null);
    select array_agg(c.name order by c.at), array_agg(c.type order by c.at) into names, types
    from edf.columns_of(query) with ordinality as c (name, type, at);
    if cardinality(names) < cardinality(needed) then
        raise exception 'the query''s columns are (%): % are needed, then regressors, each with its own name',
            array_to_string(names, ', '), array_to_string(needed, ', ')
            using errcode = 'invalid_parameter_value', hint = 'Name the columns in the query with AS.';
    end if;
    for at in 1 .. cardinality(names) loop
        if needed[at] in ('a time', 'received_at') or names[at] = 'received_at' then
            if types[at] <> 'timestamp with time zone' then
                raise exception 'column % is of type %; it must be timestamptz', names[at], types[at]
                    using errcode = 'invalid_parameter_value', hint = 'A timestamp without zone becomes one by: column AT TIME ZONE ''UTC''.';
            end if;
        elsif needed[at] is distinct from 'a series'
            and types[at] not in ('double precision', 'real', 'numeric', 'integer', 'bigint', 'smallint', 'boolean') then
            raise exception 'column % is of type %; the target and regressors are numbers or booleans', names[at], types[at]
                using errcode = 'invalid_parameter_value', hint = 'Leave it out, or cast it to double precision.';
        end if;
    end loop;
    return query select * from unnest(names, types) with ordinality;
end;
$$;
comment on function edf.checked_columns is
$$The columns of a query: first the required ones, by position, then regressors and, anywhere, received_at. Errors:
22023 too few columns, or columns of other types.$$;
revoke all on function edf.checked_columns from public;
create function edf.number_of(name text, type text) returns text
language sql immutable strict
set search_path = pg_catalog, pg_temp
return format('(q.%I%s)::double precision', name, case type when 'boolean' then '::integer' end);
comment on function edf.number_of(text, text) is 'A column of the query q as a number.';
create function edf.columns_as_array(columns text[]) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
return coalesce(
    (select format('array[%s]::double precision[]', string_agg(format('array_agg(%s)', c.expression), ', ' order by c.at))
     from unnest(columns) with ordinality as c (expression, at)),
    '''{}''::double precision[]');
comment on function edf.columns_as_array(text[]) is
$$An expression for these columns of a query as one array, one after the other. ARRAY[] copies each once, where || copies
all of them with every column.$$;
create function edf.series_of(query text, regressor_forecasts text default null) returns edf.series
language plpgsql stable
as $$
#variable_conflict use_column
declare
    series edf.series;
    time   text;
    target text;
    names  text[];
    values text;
    known  text;
begin
    select max(c.name) filter (where c.at = 1), max(edf.number_of(c.name, c.type)) filter (where c.at = 2),
        coalesce(array_agg(c.name order by c.at) filter (where c.at > 2 and c.name <> 'received_at'), '{}'),
        edf.columns_as_array(array_agg(edf.number_of(c.name, c.type) order by c.at) filter (where c.at > 2 and c.name <> 'received_at')),
        max('array_agg(q.received_at)') filter (where c.name = 'received_at')
    into time, target, names, values, known
    from edf.checked_columns(query, array['a time', 'a target']) as c;
    execute format(
        e'select array_agg(q.%1$I), array_agg(%2$s), %3$s, %4$s from (select * from (\n%5$s\n) as q order by q.%1$I) as q',
        time, target, coalesce(known, 'null::timestamptz[]'), values, rtrim(query, e' \t\r\n;'))
    into series.times, series.target, series.received_at, series.regressors;
    series.regressor_names := names;
    if series.times is null then
        raise exception 'the query returns no row' using errcode = 'data_exception', hint = 'Check its conditions.';
    end if;
    if array_position(series.times, null) is not null then
        raise exception 'column % is NULL in a row', time
            using errcode = 'data_exception', hint = 'Every row needs a time; leave out other rows.';
    end if;
    if regressor_forecasts is null then
        return series;
    end if;
    select max(c.name) filter (where c.at = 1), max(c.name) filter (where c.at = 2),
        coalesce(array_agg(c.name order by c.at) filter (where c.at > 2), '{}'),
        edf.columns_as_array(array_agg(edf.number_of(c.name, c.type) order by c.at) filter (where c.at > 2))
    into time, known, names, values
    from edf.checked_columns(regressor_forecasts, array['a time', 'received_at']) as c;
    execute format(
        e'select array_agg(q.%1$I), array_agg(q.%2$I), %3$s from (select * from (\n%4$s\n) as q order by q.%1$I, q.%2$I) as q',
        time, known, values, rtrim(regressor_forecasts, e' \t\r\n;'))
    into series.forecast_times, series.forecast_received_at, series.forecast_values;
    series.forecast_names := names;
    if series.forecast_times is null then
        raise exception 'the query of regressor forecasts returns no row' using errcode = 'data_exception', hint = 'Check its conditions.';
    end if;
    if array_position(series.forecast_times, null) is not null or array_position(series.forecast_received_at, null) is not null then
        raise exception 'column % or % of the regressor forecasts is NULL in a row', time, known
            using errcode = 'data_exception', hint = 'Every row needs both times; leave out other rows.';
    end if;
    return series;
end;
$$;
comment on function edf.series_of(text, text) is
$$Runs a query of (time timestamptz, target, regressors...), columns by position, and returns it as a series ordered
by time. A column received_at (timestamptz, anywhere after the time) says when each row was first known.

regressor_forecasts: a query of (time, received_at, regressors...), forecasts of the regressors; NULL leaves the
series' own value, NaN means that no value was known yet.
Memory: five times the numbers, eight bytes each.
Errors: 22000 no row or a NULL time, 22004 a NULL query, 22023 an empty query, wrong columns or types.$$;
create function edf.panel_of(query text) returns table (name text, series edf.series)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    of_series text;
    time   text;
    target text;
    names  text[];
    columns text;
    known  text;
    members refcursor;
    member record;
begin
    select max(c.name) filter (where c.at = 1), max(c.name) filter (where c.at = 2),
        max(edf.number_of(c.name, c.type)) filter (where c.at = 3),
        coalesce(array_agg(c.name order by c.at) filter (where c.at > 3 and c.name <> 'received_at'), '{}'),
        edf.columns_as_array(array_agg(edf.number_of(c.name, c.type) order by c.at) filter (where c.at > 3 and c.name <> 'received_at')),
        max('array_agg(q.received_at)') filter (where c.name = 'received_at')
    into of_series, time, target, names, columns, known
    from edf.checked_columns(query, array['a series', 'a time', 'a target']) as c;
    -- Rows are sorted once, on disk where they are many; each series leaves the backend's memory before the next is read.
    -- FOR would fetch fifty series at once.
    open members for execute format(
        e'select q.edf_name as name,
                 row(array_agg(q.%3$I), array_agg(%4$s), %5$s, $1, %6$s, null, null, null, null)::edf.series as series
          from (select q.*, q.%2$I::text collate "C" as edf_name from (\n%1$s\n) as q order by edf_name, q.%3$I) as q
          group by q.edf_name order by q.edf_name',
        rtrim(query, e' \t\r\n;'), of_series, time, target, coalesce(known, 'null::timestamptz[]'), columns)
        using names;
    loop
        fetch members into member;
        exit when not found;
        panel_of.name := member.name;
        panel_of.series := member.series;
        if panel_of.name is null or array_position(panel_of.series.times, null) is not null then
            raise exception 'column % or % is NULL in a row', of_series, time
                using errcode = 'data_exception', hint = 'Every row needs a series and a time; leave out other rows.';
        end if;
        return next;
    end loop;
    close members;
    if panel_of.name is null then
        raise exception 'the query returns no row' using errcode = 'data_exception', hint = 'Check its conditions.';
    end if;
end;
$$;
comment on function edf.panel_of(text) is
$$Runs a query of (series, time timestamptz, target, regressors...), columns by position, and returns one row per
series, in the order of their names, each series ordered by time. A column received_at (timestamptz) says when each
row was first known.

Memory: five times the numbers of the longest series, and work_mem for sorting and storing.
Errors: 22000 no row, or a NULL series or time; 22004 a NULL query; 22023 an empty query, wrong columns or types.$$;
revoke all on function edf.panel_of(text) from public;
create function edf.backtest(
    training_data text,
    strategy      text     default 'xgboost',
    parameters    jsonb    default '{}',
    features      jsonb    default '{}',
    horizon       interval default '72 hours',
    schedule      jsonb    default '{}',
    regressor_forecasts text default null,
    candidates    jsonb    default null,
    levels double precision[] default '{0.05,0.1,0.25,0.5,0.75,0.9,0.95}',
    issue_hours   integer[] default null,
    availability  interval default null,
    workers       integer  default 1
) returns table (
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
language plpgsql stable
as $$
begin
    perform edf.require('training_data', training_data is not null), edf.require('strategy', strategy is not null),
            edf.require('parameters', parameters is not null), edf.require('features', features is not null),
            edf.require('horizon', horizon is not null), edf.require('schedule', schedule is not null),
            edf.require('levels', levels is not null and array_position(levels, null) is null),
            edf.require('workers', workers is not null);
    if candidates is not null and parameters <> '{}' then
        raise exception 'parameters and candidates cannot be combined: each candidate has its own "parameters"'
            using errcode = 'invalid_parameter_value', hint = 'As in [{"strategy": "xgboost", "parameters": {"eta": 0.1}}].';
    end if;
    return query
    select b.*, levels from edf.backtest_series(
        edf.series_of(training_data, regressor_forecasts),
        coalesce(candidates, jsonb_build_array(jsonb_build_object('strategy', strategy, 'parameters', parameters))),
        features, horizon, edf.schedule_of(schedule), issue_hours, availability, levels, workers) as b;
end;
$$;
comment on function edf.backtest is
$$Rolling-origin evaluation: the forecasts that would have been issued in the past, one row per candidate, issue and
step ahead.

schedule: when forecasts are issued and models are fitted, a JSON object of first_origin (by default test_period, 70
days, before the end), last_origin (by default the end), step (1 day), refit (14 days) and training_window (by
default all history). Every step a forecast is issued from what was known then; every refit the model is fitted again
on all that was known, or on the newest training_window of it (forecasts may read further back).
candidates: several recipes in one call, a JSON array of strategies and of objects such as {"name": "trees",
"strategy": "xgboost", "parameters": {}, "features": {}}; their features override those of the call, and the column
candidate has their names. By default there is one, of strategy and parameters, named after the strategy.
regressor_forecasts, issue_hours, availability and a column received_at: as in edf.train, so that weather and demand
are read as they were known; without issue_hours a model is fitted for the hour of its first issue. actual is NULL
where the value was treated as a spike. levels: of the quantiles in quantile_values. workers: threads, 1 to 64, that
share the fits of all candidates; the result is the same. Fewer fits of a long series run in parallel, so that their
feature tables stay below 600 MB. Nothing is written: edf.keep_backtest stores a backtest. Score the rows with
edf.score. Source: Tashman (2000).
Limits: 100 candidates, 200 levels, 3,000 steps ahead; candidates x origins x (steps ahead and one day) x (9 +
levels) is at most 25 million numbers, 200 MB.
Memory: twice that for the forecasts, plus that of edf.train for each worker.
Errors: as edf.train; with several candidates the message names the candidate.$$;
revoke all on function edf.backtest from public;
create or replace function edf.backtest_settings(given jsonb, set_by_caller text[] default '{}') returns jsonb
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
create or replace function edf.open_tuning(
    subject text, strategy text, space jsonb, metric text, query text, regressor_forecasts text, settings jsonb, before timestamptz, seed integer
) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    tuning bigint;
begin
    perform edf.require('subject', subject is not null), edf.require('strategy', strategy is not null),
            edf.require('space', space is not null), edf.require('metric', metric is not null),
            edf.require('query', query is not null), edf.require('settings', settings is not null),
            edf.require('before', before is not null), edf.require('seed', seed is not null);
    -- Concurrent calls find the same one.
    perform pg_advisory_xact_lock(hashtextextended('edf.tunings ' || open_tuning.subject, 0));
    select t.tuning_id into tuning
    from edf.tunings as t
    where (t.subject, t.strategy, t.space, t.metric, t.query, t.settings, t.before, t.seed)
        = (open_tuning.subject, open_tuning.strategy, open_tuning.space, open_tuning.metric, open_tuning.query, open_tuning.settings,
           open_tuning.before, open_tuning.seed)
      and t.regressor_forecasts is not distinct from open_tuning.regressor_forecasts;
    if not found then
        insert into edf.tunings (subject, strategy, space, metric, query, regressor_forecasts, settings, before, seed, created_by)
        values (open_tuning.subject, open_tuning.strategy, open_tuning.space, open_tuning.metric, open_tuning.query,
                open_tuning.regressor_forecasts, open_tuning.settings, open_tuning.before, open_tuning.seed, edf.acting_role())
        returning tuning_id into tuning;
    end if;
    return tuning;
end;
$$;
create or replace function edf.register_trial(
    tuning_id bigint, number integer, parameters jsonb, score double precision, origins bigint, seconds double precision, error text
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform edf.require('tuning_id', tuning_id is not null), edf.require('number', number is not null),
            edf.require('parameters', parameters is not null), edf.require('seconds', seconds is not null);
    perform from edf.tunings where tunings.tuning_id = register_trial.tuning_id for key share;
    if not found then
        raise exception 'there is no tuning %', tuning_id
            using errcode = 'undefined_object', hint = 'It was deleted during the search: tune again.';
    end if;
    insert into edf.trials (tuning_id, number, parameters, state, score, origins, seconds, error, created_by)
    values (register_trial.tuning_id, register_trial.number, register_trial.parameters,
            case when register_trial.score is null then 'failed' else 'succeeded' end, register_trial.score, register_trial.origins,
            register_trial.seconds, register_trial.error, edf.acting_role());
end;
$$;
comment on function edf.register_trial is 'Writes a trial; called by edf.tune. Errors: 42704 no such tuning.';
comment on function edf.best_parameters is
$$The hyperparameters of the best trial of a subject's newest tuning, for parameters of edf.train; those that were
not tuned have their defaults.

strategy: by default that of the newest tuning. Errors: 42704 no trial.$$;
create or replace function edf.rows_before(query text, before timestamptz, known_at boolean default false) returns text
language plpgsql stable
as $$
declare
    conditions text;
begin
    if query is null then
        return null;
    end if;
    perform edf.require('before', before is not null);
    -- edf.series_of rejects columns of other types. ISO 8601 is independent of the session's settings.
    select string_agg(format('q.%I < %L', c.name, to_jsonb(before) #>> '{}'), ' and ') into conditions
    from edf.columns_of(query) with ordinality as c (name, type, at)
    where at <= case when known_at then 2 else 1 end and type = 'timestamp with time zone';
    return format(e'select * from (\n%s\n) as q where %s', rtrim(query, e' \t\r\n;'), coalesce(conditions, 'true'));
end;
$$;
create or replace procedure edf.tune(
    subject       text,
    training_data text,
    strategy      text        default 'xgboost',
    space         jsonb       default null,
    trials        integer     default 30,
    time_limit    interval    default null,
    before        timestamptz default null,
    metric        text        default 'rmse',
    settings      jsonb       default '{}',
    regressor_forecasts text  default null,
    seed          integer     default 0
)
language plpgsql
as $$
declare
    started    constant timestamptz := pg_catalog.clock_timestamp();
    expression text;
    used       jsonb;
    -- Does not change the result.
    workers    jsonb;
    whole      jsonb;
    tuning     bigint;
    data       text;
    vintages   text;
    past       jsonb;
    tried      integer;
    parameters jsonb;
    began      timestamptz;
    took       double precision;
    score      double precision;
    origins    bigint;
    state      text;
    message    text;
    best       record;
begin
    perform edf.require('subject', subject is not null), edf.require('training_data', training_data is not null),
            edf.require('strategy', strategy is not null), edf.require('trials', trials is not null), edf.require('seed', seed is not null);
    if trials < 1 then
        raise exception 'trials is %, at least one is needed', trials
            using errcode = 'invalid_parameter_value',
                  hint = 'It counts all trials of this search, including those of earlier calls.';
    end if;
    if time_limit <= interval '0' then
        raise exception 'time_limit is %, it must be above zero', time_limit
            using errcode = 'invalid_parameter_value', hint = 'Leave it out for no limit.';
    end if;
    expression := edf.tuning_metric(metric);
    whole := edf.tuning_space(strategy, space);
    used := edf.backtest_settings(settings, array['strategy', 'parameters', 'candidates']);
    workers := used -> 'workers';
    used := used - 'workers';
    before := coalesce(before, edf.end_of_target(training_data)
                       - pg_catalog.make_interval(secs => extract(epoch from (edf.schedule_of(used -> 'schedule')).test_period)::double precision));
    data := edf.rows_before(training_data, before);
    vintages := edf.rows_before(regressor_forecasts, before, known_at => true);
    -- An error in the query or the settings would fail every trial, so it is raised at once.
    perform from edf.run_backtest(data, used || '{"strategy": "seasonal_naive", "parameters": {}, "candidates": null, "workers": 1}', vintages);
    tuning := edf.open_tuning(subject, strategy, whole, metric, training_data, regressor_forecasts, used, before, seed);
    commit;

    loop
        select pg_catalog.count(*), coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('parameters', t.parameters, 'score', t.score) order by t.number), '[]')
        into tried, past
        from edf.trials as t where t.tuning_id = tuning;
        exit when tried >= trials or pg_catalog.clock_timestamp() - started >= time_limit;
        -- The lock ends with the trial, so that a cancelled call leaves none behind.
        if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('edf.trials', tuning)) then
            raise exception 'another call is running this search'
                using errcode = 'object_in_use', hint = 'Wait for it, or use another seed.';
        end if;
        parameters := edf.next_trial(strategy, whole, past, seed);
        if parameters is null then
            raise notice 'all points of the space have been tried';
            exit;
        end if;
        began := pg_catalog.clock_timestamp();
        score := null;
        origins := null;
        message := null;
        begin
            execute pg_catalog.format(
                'with backtest as materialized (select * from edf.run_backtest($1, $2, $3)) select %s, count(distinct issued_at) from backtest', expression)
            into score, origins
            using data, used || pg_catalog.jsonb_build_object('strategy', strategy, 'parameters', parameters, 'candidates', null, 'workers', workers), vintages;
            if score is null then
                message := pg_catalog.format('%s has no value on these hours', metric);
            end if;
        exception when others then
            get stacked diagnostics state = returned_sqlstate, message = message_text;
            message := state || ': ' || message;
        end;
        took := extract(epoch from pg_catalog.clock_timestamp() - began);
        perform edf.register_trial(tuning, tried + 1, parameters, score, origins, took, message);
        commit;
        select t.score, t.number into best from edf.trials as t where t.tuning_id = tuning and t.state = 'succeeded' order by t.score, t.number limit 1;
        raise notice 'trial % of %: %, % s (best % at trial %): %', tried + 1, trials, coalesce(metric || ' ' || pg_catalog.round(score::numeric, 4), message),
            pg_catalog.round(took::numeric, 1), coalesce(pg_catalog.round(best.score::numeric, 4)::text, 'none'), coalesce(best.number::text, '-'), parameters;
    end loop;
end;
$$;
comment on procedure edf.tune is
$$Searches for the hyperparameters with which a strategy forecasts a subject best: each trial is a backtest, and a
row of edf.trials. edf.best_parameters returns the best ones, for edf.train.

Each trial is committed: a cancelled call keeps the completed trials, and the same call again continues the search.
For that reason it cannot run inside a transaction. A failed trial is a row with its error.
subject, training_data, strategy, regressor_forecasts: as in edf.train. space: the values to try of each
hyperparameter, a range or a list, such as {"eta": {"low": 0.01, "high": 0.3, "log": true}, "max_depth": {"low": 3,
"high": 8}, "half_life_days": [0, 90]}; by default that of the strategy, see edf.tuning_space. trials: their number,
including those of earlier calls. time_limit: after it, no further trial starts. before: rows from that time on are
not read; by default it is test_period before the end, so that a backtest over that period remains a test. metric:
mape, smape, wape, rmse, mae, pinball, crps or rcrps. settings: arguments of edf.backtest by name, such as
{"schedule": {"refit": "28 days"}, "workers": 2}; origins are in the test_period before the time before. seed: of the
search; the same seed repeats it.
The search: tree-structured Parzen estimators (Bergstra et al., 2011), starting at the defaults of the strategy.
Errors: 22023 an unknown hyperparameter, metric or setting, an empty range, a wrong limit; 42704 an unknown strategy;
55006 another call is running this search; and those of the query.$$;
comment on column edf.backtests.settings is 'Arguments of edf.backtest, with the defaults filled in.';
comment on table edf.backtest_forecasts is
    'The forecasts of stored backtests: one row per candidate, origin and step ahead.';
comment on view edf.kept_forecasts is
$$The forecasts of stored backtests as edf.backtest returned them, for edf.score: one row per backtest, candidate,
origin and step ahead.$$;
comment on view edf.kept_quantiles is
    'The quantiles of stored backtests: one row per backtest, candidate, origin, step ahead and quantile.';
create or replace function edf.register_backtest(
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
create or replace function edf.keep_backtest(
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
create function edf.forecast(
    subject    text,
    input_data text,
    horizon    interval    default '72 hours',
    issued_at  timestamptz default null,
    regressor_forecasts text default null,
    levels double precision[] default '{0.05,0.1,0.25,0.5,0.75,0.9,0.95}'
) returns table (
    valid_at   timestamptz,
    lead_hours double precision,
    yhat       double precision,
    yhat_lower double precision,
    yhat_upper double precision,
    model_id   bigint,
    quantile_values double precision[],
    quantiles double precision[],
    confidence double precision
)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    model edf.models;
begin
    perform edf.require('subject', forecast.subject is not null), edf.require('input_data', input_data is not null),
            edf.require('horizon', horizon is not null),
            edf.require('levels', levels is not null and array_position(levels, null) is null);
    select * into model from edf.models where models.subject = forecast.subject and status = 'approved';
    if not found then
        raise exception 'no approved model forecasts "%"', forecast.subject
            using errcode = 'undefined_object',
                  hint = 'Approve one: select edf.approve_model(model_id) from edf.models where subject = ... and status = ''pending''.';
    end if;
    return query
    select p.valid_at, p.lead_hours, p.yhat, p.yhat_lower, p.yhat_upper, model.model_id, p.quantile_values, levels, p.confidence
    from edf.predict(model.artifact, edf.series_of(input_data, regressor_forecasts), horizon, forecast.issued_at, levels) as p;
end;
$$;
comment on function edf.forecast is
$$Forecasts a subject with its approved model; one row per step ahead.

input_data: a query of (time, target, regressors...) as in edf.train: history at least as long as the longest lag,
and with regressors also the hours ahead, their target NULL. issued_at: the first step to forecast, by default the
first at which all of the input was known; later targets are not read, nor those with a later received_at. Without
that column, rows are assumed to be available as in training. Leads are counted from the newest known row: the later
the data, the longer the lead. regressor_forecasts: as in edf.train; it is also used to forecast the days since the
training again, for strategies that adapt to their errors. A regressor far outside its training range is treated as
missing: a warning names it.
Returns valid_at (start of the step), lead_hours (from the issue to the end of the step), yhat with its 90 % interval
in the unit of the target, the model, quantile_values at the levels quantiles, and confidence: from 1, where the
inputs are like the training set, down to 0. It is the mean score of the step's regressors (1 inside the training
range, falling to 0 at a distance of one width of the range; 0 where missing or implausible) times that of the target
over the newest four weeks, in which the weight of a step halves with each week and an unknown step scores 0; usual
delays do not lower it. The intervals do not depend on it. Errors: 22000 too little history, 22004 a NULL argument,
22023 a wrong argument or horizon, 42704 no approved model, XX001 a damaged artifact.$$;
revoke all on function edf.forecast from public;
create function edf.train(
    subject       text,
    training_data text,
    strategy      text     default 'xgboost',
    parameters    jsonb    default '{}',
    features      jsonb    default '{}',
    horizon       interval default '72 hours',
    regressor_forecasts text default null,
    issue_hours   integer[] default null,
    availability  interval default null
) returns bigint
language plpgsql
as $$
declare
    fitted record;
begin
    perform edf.require('subject', subject is not null), edf.require('training_data', training_data is not null),
            edf.require('strategy', strategy is not null), edf.require('parameters', parameters is not null),
            edf.require('features', features is not null), edf.require('horizon', horizon is not null);
    select * into strict fitted
    from edf.fit(strategy, edf.series_of(training_data, regressor_forecasts), parameters, features, horizon, issue_hours, availability);
    return edf.register_model(
        subject, strategy, fitted.artifact, fitted.parameters_used, fitted.features_used, fitted.feature_names,
        fitted.training_start, fitted.training_end, fitted.training_rows, fitted.metrics);
end;
$$;
comment on function edf.train is
$$Trains a model on a query and writes it to edf.models as pending; returns its id.

subject: what the model forecasts, any name. training_data: a query of (time timestamptz, target, regressors...),
columns by position, one row per step, NULL where a value is missing; a column received_at (timestamptz) says when
each row was first known. strategy: ensemble, lear, xgboost, sarimax, prophet, mstl, profile or seasonal_naive; solar
for the generation of a roof; global trains on one series what edf.train_global trains on many.
parameters: hyperparameters of the strategy. features: preset (basic, advanced or linear), time_zone, latitude and
longitude, past (regressors known only up to the issue time), fit_bases, non_negative, and any field of the preset,
such as lags_h. horizon: the longest lead. regressor_forecasts: a query of (time, received_at, regressors...),
forecasts of some of the regressors; a training row for a forecast issued at T reads, for times from T on, the newest
row with received_at <= T, or training_data's value if there is none.
issue_hours: the hours of the local day at which forecasts will be issued, by default that at which training_data
ends; at other hours the model forecasts from the newest of its times of day. availability: how long after its end a
row is known, if there is no received_at.
A value of the target far outside its recent range is treated as a spike: a notice reports it, and metrics -> spikes
lists it. A series that was never negative has no negative forecast, unless features say {"non_negative": false}.
Limits: 400,000 rows, 3,000 steps ahead, 200 values in a list of the features; rows x features of the feature table,
and of the training matrix, are at most 150 million numbers each, 600 MB. Memory: five times the numbers of the
queries while they are read (eight bytes each), then four bytes for each number of the table and of the matrix, and
as much again for trees.
Errors: 22000 too little history, NaN or infinite values, irregular steps; 22004 a NULL argument; 22023 a wrong
argument; 42704 an unknown strategy.$$;
revoke all on function edf.train from public;
create function edf.features(
    input_data text,
    features   jsonb       default '{}',
    horizon    interval    default '72 hours',
    issued_at  timestamptz default null,
    regressor_forecasts text default null,
    availability interval  default null
) returns table (
    valid_at   timestamptz,
    lead_hours double precision,
    feature    text,
    unit       text,
    value      double precision,
    known      text
)
language plpgsql stable
as $$
begin
    perform edf.require('input_data', input_data is not null), edf.require('features', features is not null),
            edf.require('horizon', horizon is not null);
    -- $4 is issued_at, which as a name would be read as an output or as a field of the argument features.
    return query
    select f.* from edf.feature_rows(edf.series_of(input_data, regressor_forecasts), features, horizon, $4, availability) as f;
end;
$$;
comment on function edf.features is
$$The features that a forecast issued at issued_at reads: one row per step ahead and feature. value is NULL where it
is not known at that lead; known says when it is known. The features of training are computed by the same code.
regressor_forecasts, availability and a column received_at: as in edf.train. Limits and memory: as edf.train. Errors:
as edf.train.$$;
revoke all on function edf.features from public;
create function edf.train_global(
    subject       text,
    training_data text,
    parameters    jsonb    default '{}',
    features      jsonb    default '{}',
    horizon       interval default '72 hours',
    issue_hours   integer[] default null,
    availability  interval default null
) returns bigint
language plpgsql
as $$
declare
    fitted edf.fitted;
begin
    perform edf.require('subject', subject is not null), edf.require('training_data', training_data is not null),
            edf.require('parameters', parameters is not null), edf.require('features', features is not null),
            edf.require('horizon', horizon is not null);
    fitted := (
        select edf.fit_panel(p.name, p.series, parameters, features, horizon, issue_hours, availability)
        from edf.panel_of(training_data) as p);
    return edf.register_model(
        subject, 'global', fitted.artifact, fitted.parameters_used, fitted.features_used, fitted.feature_names,
        fitted.training_start, fitted.training_end, fitted.training_rows, fitted.metrics);
end;
$$;
comment on function edf.train_global is
$$Trains one model on several series, for those with little or no history, and writes it to edf.models as pending;
returns its id.

subject: what the series have in common, such as an archetype of buildings. training_data: a query of (series, time
timestamptz, target, regressors...), columns by position, one row per series and step, NULL where a value is missing.
Regressors that are constant within a series, such as a floor area, distinguish the series. parameters of strategy
global: size (the regressor that demand is proportional to), prior_days, max_rows, trees (as of xgboost). features,
horizon, issue_hours, availability: as in edf.train.
Series with less than eight days of demand are left out. metrics -> held_out lists them, and has the errors for new
series: each series is forecast in its newest weeks by a model of other series that ends before them, as if it had
begun at most a week before. Beside them are the errors of seasonal naive where the week before is known. Forecast a
new series with edf.forecast(subject, input_data, issued_at => ...): its target may be NULL throughout.
Source: Montero-Manso and Hyndman (2021). Memory: eight bytes for each number of the query, which is read series by
series; then max_rows x features x eight bytes for training.
Errors: as edf.train; 22023 fewer than two series, or series whose steps differ.$$;
revoke all on function edf.train_global from public;
comment on function edf.fit is
    'Fits a model over arrays and returns its artifact; called by edf.train. Errors: as edf.train.';
revoke all on function edf.fit from public;
comment on function edf.predict is
    'Forecasts with an artifact over arrays; called by edf.forecast. Errors: as edf.forecast.';
revoke all on function edf.predict from public;
comment on function edf.backtest_series is
    'Rolling-origin evaluation over arrays; called by edf.backtest. Errors: as edf.train.';
revoke all on function edf.backtest_series from public;
comment on function edf.feature_rows is 'Features over arrays; called by edf.features. Errors: as edf.train.';
revoke all on function edf.feature_rows from public;
comment on function edf.next_trial is
$$The next parameters that edf.tune tries, given the trials so far (a JSON array of parameters and score, null for a
failed trial); NULL when all of the space has been tried. Limits: 10,000 trials, 200 values in a list. Errors: as
edf.tuning_space.$$;
comment on function edf.register_hours is
$$Energy in kWh per UTC hour from from_at until to_at, from the readings of one cumulative register that reports
changes; readings in any order.

For a register of another quantity, such as litres of water, energy_kwh is the amount in its unit, and so are
resolution_kwh, jitter_kwh and width_kwh; max_kw is the maximum in an hour.

The register is interpolated at the start of each hour, so that hours add up to its difference. quality: measured,
interpolated, estimated or missing. known_at: when the last reading that the hour depends on was received;
rests_on_silence: whether the hour also depends on the silence after the last reading. settings: sample_minutes,
max_silence_h, max_interpolation_h, max_gap_h, long_gaps, resolution_kwh, jitter_kwh, jitter_h, width_kwh, max_kw.
heard_at: a silent register counts as unchanged until then, for at most max_silence_h. replaced_at: when the meter
was replaced by one that starts at zero. profile: 24 weights of the hours of the day in time_zone, to distribute gaps
longer than max_interpolation_h where long_gaps is profile; profile_known_at: hours distributed by the profile are
known no earlier than that.
Pass the readings inside the range, the nearest one on either side, and those up to four times jitter_h before the
first of these and twice jitter_h after the last. Limits: a range of ten years. Memory: 200 bytes per reading or
hour. A gap of more than ten years is distributed evenly. Errors: 22004 a NULL, 22023 a wrong argument.$$;
comment on function edf.validate_json is
$$Validates a document (JSON text) against a JSON Schema: one row per violation, with its path, what is wrong, and
what is allowed (the schema's description). A valid document has none.

Keywords: type, enum, const, minimum, exclusiveMinimum, maximum, pattern, minItems, maxItems, uniqueItems, items,
properties, additionalProperties, propertyNames, required, if, then, else, $ref within the schema. At most 1,000
violations are returned. Errors: 22004 a NULL, 22023 an unsupported keyword or a recursive schema.$$;
comment on function edf.history_hours is
    'The hours of history before its issue time that a forecast of this recipe reads. Errors: as edf.train.';
comment on function edf.parse_meter_messages is
$$Parses meter messages (JSON text): one row per reading, with the index of its message in the array (at) and the
unit of the value if the message names it. What cannot be read is a row with reason_code and reason.$$;
comment on function edf.cancel_after is
$$Cancels the current statement after this much more time, with the error of statement_timeout (57014). That setting
is read when a statement begins, so a procedure cannot limit itself with it. An earlier limit still applies. The
limit ends with the statement.

timeout: 1 millisecond to 24 days. Errors: 22004 a NULL, 22023 another duration.$$;
comment on function edf.convert_unit is
$$Converts a value to another unit, by default to the one that edf uses for the quantity: kWh, litres, degrees
Celsius, percent, W/m2. NULL if the units measure different quantities.

Supported are energies (Wh, kWh, MWh, GWh, J, kJ, MJ, GJ), volumes (mL, dL, L, hL, m3), temperatures (degC, degF, K),
shares (%, fraction, oktas) and irradiances (W/m2, kW/m2, and the energy of an hour in Wh/m2, kWh/m2, J/m2, kJ/m2,
MJ/m2, J/cm2), in any common spelling; any other unit converts only to itself.$$;
comment on function edf.parse_weather_document is
$$Parses an Open-Meteo style document (JSON text): one row per hour, its values converted from hourly_units to the
units of the columns; radiation is the mean of the hour that ends at its label. A document that cannot be read is a
row with reason_code and reason.$$;

-- A restore by several workers brings rows in any order.
alter table edf.model_events drop constraint model_events_model_id_fkey;
alter table edf.backtest_forecasts drop constraint backtest_forecasts_backtest_id_fkey;
alter table edf.trials drop constraint trials_tuning_id_fkey;
create function edf.delete_children() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'TRUNCATE' then
        execute format('truncate edf.%I', tg_argv[0]);
    else
        execute format('delete from edf.%I as child using gone where child.%I = gone.%2$I', tg_argv[0], tg_argv[1]);
    end if;
    return null;
end;
$$;
comment on function edf.delete_children() is
$$Deletes the rows of a child table when those that they belong to are deleted; the table and the common column are
the trigger's arguments.$$;
revoke all on function edf.delete_children() from public;

create function edf.keep_ids_ahead() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    sequence constant regclass := pg_get_serial_sequence(format('%I.%I', tg_table_schema, tg_table_name), tg_argv[0]);
    highest  bigint;
    counted  bigint;
begin
    execute format('select max(%I) from added', tg_argv[0]) into highest;
    -- last_value of a new sequence has not been used yet.
    execute format('select last_value - (not is_called)::integer from %s', sequence) into counted;
    if highest > counted then
        perform setval(sequence, highest);
    end if;
    return null;
end;
$$;
comment on function edf.keep_ids_ahead() is
$$Moves a sequence past ids that were inserted explicitly, as by COPY from another database; the column is the
trigger's argument.$$;
revoke all on function edf.keep_ids_ahead() from public;

create function edf.record_deletions() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into edf.model_events (model_id, event, reason, happened_by)
    select model_id, 'deleted', format('%s, of "%s", checksum %s', status, subject, checksum), edf.acting_role()
    from edf.models
    where tg_op = 'TRUNCATE' or model_id = old.model_id;
    return old;
end;
$$;
comment on function edf.record_deletions() is
    'Records an event when a model is deleted; the events of the model are retained.';
revoke all on function edf.record_deletions() from public;

create trigger record_deletions before delete on edf.models for each row execute function edf.record_deletions();
create trigger record_deletions_of_all before truncate on edf.models for each statement execute function edf.record_deletions();
create trigger keep_ids_ahead after insert on edf.models referencing new table as added
    for each statement execute function edf.keep_ids_ahead('model_id');
create trigger keep_ids_ahead after insert on edf.model_events referencing new table as added
    for each statement execute function edf.keep_ids_ahead('event_id');
create trigger delete_forecasts after delete on edf.backtests referencing old table as gone
    for each statement execute function edf.delete_children('backtest_forecasts', 'backtest_id');
create trigger truncate_forecasts after truncate on edf.backtests for each statement execute function edf.delete_children('backtest_forecasts');
create trigger keep_ids_ahead after insert on edf.backtests referencing new table as added
    for each statement execute function edf.keep_ids_ahead('backtest_id');
create trigger delete_trials after delete on edf.tunings referencing old table as gone
    for each statement execute function edf.delete_children('trials', 'tuning_id');
create trigger truncate_trials after truncate on edf.tunings for each statement execute function edf.delete_children('trials');
create trigger keep_ids_ahead after insert on edf.tunings referencing new table as added
    for each statement execute function edf.keep_ids_ahead('tuning_id');

create function edf.export_models(subjects text[] default null) returns setof jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select to_jsonb(models) || jsonb_build_object(
        'artifact', encode(models.artifact, 'base64'),
        'events', (select jsonb_agg(to_jsonb(events) - 'event_id' - 'model_id' order by event_id) from edf.model_events as events where events.model_id = models.model_id))
    from edf.models
    where (subjects is null or subject = any (subjects)) and artifact <> ''
    order by models.model_id
$$;
comment on function edf.export_models(text[]) is
$$Models of these subjects (by default all) for edf.import_model in another database: one document each, with its
artifact and events. A model whose artifact was emptied is left out.

Into a file: \copy (select edf.export_models()) to 'models.copy'.$$;
revoke all on function edf.export_models(text[]) from public;

create function edf.import_model(model jsonb) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    given    edf.models;
    bytes    bytea;
    imported bigint;
begin
    perform edf.require('model', model is not null);
    begin
        bytes := decode(model ->> 'artifact', 'base64');
        given := jsonb_populate_record(null::edf.models, model - 'artifact');
    exception when data_exception then
        raise exception 'not a document of a model: %', sqlerrm
            using errcode = 'invalid_parameter_value', hint = 'Pass a document of edf.export_models.';
    end;
    if num_nulls(given.subject, given.strategy, bytes, given.checksum, given.parameters, given.features, given.feature_names, given.training_start,
                 given.training_end, given.training_rows, given.metrics) > 0 then
        raise exception 'not a document of a model: %',
            'subject, strategy, artifact, checksum, parameters, features, feature_names, training_start, '
            'training_end, training_rows or metrics is missing'
            using errcode = 'invalid_parameter_value', hint = 'Pass a document of edf.export_models.';
    end if;
    if encode(sha256(bytes), 'hex') <> given.checksum then
        raise exception 'the artifact of model % of "%" does not match its checksum', given.model_id, given.subject
            using errcode = 'data_corrupted', hint = 'Export it again.';
    end if;
    perform edf.require_kind(given.subject, given.strategy);
    perform pg_advisory_xact_lock(hashtextextended('edf.models ' || given.subject, 0));
    select model_id into imported from edf.models where (subject, checksum) = (given.subject, given.checksum) order by model_id limit 1;
    if found then
        return imported;
    end if;
    insert into edf.models (
        subject, strategy, artifact, checksum, parameters, features, feature_names,
        training_start, training_end, training_rows, metrics, created_at, created_by
    )
    values (
        given.subject, given.strategy, bytes, given.checksum, given.parameters, given.features, given.feature_names,
        given.training_start, given.training_end, given.training_rows, given.metrics, coalesce(given.created_at, now()), edf.acting_role()
    )
    returning model_id into imported;
    insert into edf.model_events (model_id, event, reason, happened_by)
    values (imported, 'trained', format('imported: model %s of another database, trained there by %s', model ->> 'model_id', given.created_by), edf.acting_role());
    return imported;
end;
$$;
comment on function edf.import_model(jsonb) is
$$Imports a model of another database, a document of edf.export_models, as pending, with an id of this database: each
database decides on approval itself. A model that already exists is left as it is. Returns the model's id.

From a file: create temp table models (model jsonb); \copy models from 'models.copy'; select edf.import_model(model)
from models.
Errors: 22023 it is not such a document, or its subject has models of the other kind; XX001 its artifact is damaged.$$;
revoke all on function edf.import_model(jsonb) from public;

-- Governance: every decision has its event, and events stay.
alter table edf.model_events drop constraint model_events_event_check;
alter table edf.model_events add constraint model_events_event_check
    check (event in ('trained', 'approved', 'rejected', 'retired', 'restored', 'emptied', 'deleted'));
alter table edf.model_events add column session_role text;
alter table edf.model_events alter column session_role set default session_user;
alter table edf.model_events add column person text;
alter table edf.model_events alter column person set default nullif(current_setting('edf.person', true), '');
comment on column edf.models.strategy is
    'How it forecasts: seasonal_naive, profile, mstl, prophet, sarimax, lear, xgboost, ensemble, global, solar.';
comment on column edf.models.status is
    'pending -> approved or rejected; approved -> retired when another model of the subject is approved; retired -> approved by edf.rollback_model.';
comment on column edf.models.artifact is 'The fitted model as versioned bytes that end in their SHA-256. Empty: see edf.empty_model.';
comment on column edf.models.checksum is 'SHA-256 of the artifact as it was trained, in hexadecimal.';
comment on table edf.model_events is 'Who did what to which model, when and why. Append-only, for every role.';
comment on column edf.model_events.happened_by is 'The role that acted: the one of SET ROLE, else the session''s.';
comment on column edf.model_events.session_role is
    'The role that logged in; NULL: recorded by a release that did not store it.';
comment on column edf.model_events.person is
$$The person for whom an application acts that serves many people with one role, from the setting edf.person; NULL:
not set.$$;

-- The state machine is a trigger, so that it applies to every statement.
create or replace function edf.guard_model() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    owner constant oid := (select relowner from pg_class where oid = tg_relid);
begin
    if tg_op = 'INSERT' then
        -- Rows of a dump contain decisions, and only the owner restores them.
        if pg_has_role(current_user, owner, 'member') and pg_has_role(edf.acting_role(), owner, 'member') then
            return new;
        end if;
        if new.status <> 'pending' or num_nonnulls(new.decided_at, new.decided_by) > 0 or new.created_by <> edf.acting_role()
           or new.checksum <> encode(sha256(new.artifact), 'hex') then
            raise exception 'a model of "%" must be inserted as pending, by the role that trained it, with its checksum',
                new.subject
                using errcode = 'object_not_in_prerequisite_state', hint = 'edf.train and edf.register_model write such a row.';
        end if;
        return new;
    end if;
    if (new.model_id, new.subject, new.strategy, new.checksum, new.parameters, new.features, new.feature_names, new.training_start, new.training_end,
        new.training_rows, new.metrics, new.created_at, new.created_by)
        is distinct from
       (old.model_id, old.subject, old.strategy, old.checksum, old.parameters, old.features, old.feature_names, old.training_start, old.training_end,
        old.training_rows, old.metrics, old.created_at, old.created_by)
       or new.artifact <> old.artifact and not (new.artifact = '' and new.status = old.status and old.status in ('rejected', 'retired'))
       or new.status = old.status and (new.decided_at, new.decided_by) is distinct from (old.decided_at, old.decided_by) then
        raise exception 'model % cannot be changed once it is trained', old.model_id
            using errcode = 'object_not_in_prerequisite_state', hint = 'Train another model.';
    end if;
    if new.status <> old.status
       and (old.status, new.status) not in (('pending', 'approved'), ('pending', 'rejected'), ('approved', 'retired'), ('retired', 'approved')) then
        raise exception 'model % is %, it cannot become %', old.model_id, old.status, new.status
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Only a pending model can be approved or rejected. Train another one.';
    end if;
    if (new.status <> old.status or new.artifact <> old.artifact) and not exists (
        select from edf.model_events
        where model_id = old.model_id and happened_at = now()
          and event = case when new.artifact <> old.artifact then 'emptied' when old.status = 'retired' then 'restored' else new.status end
    ) then
        raise exception 'model % would become % without an event that says who did it and why', old.model_id, new.status
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Use edf.approve_model, edf.reject_model, edf.rollback_model or edf.empty_model.';
    end if;
    return new;
end;
$$;
comment on function edf.guard_model() is
$$Enforces the life cycle of models: they are inserted as pending, do not change once trained, and each change of
their status needs an event. Errors: 55000 for any other change.$$;
drop trigger guard_model on edf.models;
create trigger guard_model before insert or update on edf.models for each row execute function edf.guard_model();

create function edf.keep_events() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'events of models cannot be changed or deleted'
        using errcode = 'object_not_in_prerequisite_state',
              hint = 'Correct a decision by another one, which adds an event.';
end;
$$;
comment on function edf.keep_events() is 'Keeps edf.model_events append-only, for its owner too. Errors: 55000.';
create trigger keep_events before update or delete on edf.model_events for each row execute function edf.keep_events();
create trigger keep_events_whole before truncate on edf.model_events for each statement execute function edf.keep_events();
-- Also in a session that turns triggers off.
alter table edf.model_events enable always trigger keep_events, enable always trigger keep_events_whole;

create function edf.require_model(model_id bigint) returns edf.models
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    model edf.models;
begin
    select * into model from edf.models where models.model_id = require_model.model_id;
    if not found then
        raise exception 'there is no model %', coalesce(require_model.model_id::text, 'null')
            using errcode = 'undefined_object', hint = 'select model_id, subject, status from edf.models lists them.';
    end if;
    return model;
end;
$$;
comment on function edf.require_model(bigint) is
    'A model by its id, read with the rights of the caller. Errors: 42704 no such model.';

create function edf.locked_model(model_id bigint) returns edf.models
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    model edf.models;
begin
    perform edf.require('model_id', model_id is not null);
    model := edf.require_model(model_id);
    -- Decisions about a subject are serialised: the second sees the result of the first.
    perform pg_advisory_xact_lock(hashtextextended('edf.models ' || model.subject, 0));
    select * into model from edf.models where models.model_id = locked_model.model_id for update;
    return model;
end;
$$;
comment on function edf.locked_model is 'A model, locked with its subject until the end of the transaction. Errors: 42704 no such model.';
revoke all on function edf.locked_model from public;

create function edf.require_artifact(model edf.models) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if model.artifact = '' then
        raise exception 'the artifact of model % was emptied', model.model_id
            using errcode = 'object_not_in_prerequisite_state', hint = 'Train another model; edf.model_events says why it was emptied.';
    end if;
    if encode(sha256(model.artifact), 'hex') <> model.checksum then
        raise exception 'the artifact of model % does not match its checksum', model.model_id
            using errcode = 'data_corrupted', hint = 'Restore the row from a backup, or train the model again.';
    end if;
end;
$$;
comment on function edf.require_artifact is
    'Raises an error if a model cannot be used: 55000 its artifact was emptied, XX001 its artifact is damaged.';
revoke all on function edf.require_artifact from public;

create function edf.retire_approved(subject text, reason text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    champion bigint;
begin
    select model_id into champion from edf.models where models.subject = retire_approved.subject and status = 'approved';
    if found then
        insert into edf.model_events (model_id, event, reason, happened_by) values (champion, 'retired', retire_approved.reason, edf.acting_role());
        update edf.models set status = 'retired' where model_id = champion;
    end if;
end;
$$;
comment on function edf.retire_approved is 'Retires the approved model of a subject, if it has one.';
revoke all on function edf.retire_approved from public;

create or replace function edf.decide_model(model_id bigint, decision text, reason text) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    model constant edf.models := edf.locked_model(model_id);
begin
    if model.status = decision then
        raise exception 'model % is already %', model_id, decision
            using errcode = 'object_not_in_prerequisite_state', hint = 'There is nothing to do.';
    elsif model.status <> 'pending' then
        raise exception 'model % is %, it cannot become %', model_id, model.status, decision
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Only a pending model can be decided on. edf.rollback_model restores the previous one.';
    end if;
    if decision = 'approved' then
        perform edf.require_artifact(model);
        perform edf.retire_approved(model.subject, 'replaced by model ' || model.model_id);
    end if;
    insert into edf.model_events (model_id, event, reason, happened_by)
    values (decide_model.model_id, decision, decide_model.reason, edf.acting_role());
    update edf.models set status = decision, decided_at = now(), decided_by = edf.acting_role() where models.model_id = decide_model.model_id;
    return model_id;
end;
$$;
comment on function edf.decide_model is
    'Approves or rejects a model; called by edf.approve_model and edf.reject_model. Returns the model''s id.';
revoke all on function edf.decide_model from public;

create or replace function edf.approve_model(model_id bigint, reason text default null) returns bigint
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$ select edf.decide_model(model_id, 'approved', reason) $$;
comment on function edf.approve_model is
$$Approves a pending model: its subject is forecast with it from now on, and the model approved before is retired in
the same transaction. Returns the model's id. Errors: 42704 no such model, 55000 it is not pending, XX001 its
artifact is damaged.$$;
revoke all on function edf.approve_model from public;

create or replace function edf.reject_model(model_id bigint, reason text) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform edf.require('reason', reason is not null);
    return edf.decide_model(model_id, 'rejected', reason);
end;
$$;
comment on function edf.reject_model is
    'Rejects a pending model, with the reason; it can never be approved. Returns the model''s id. Errors: 42704 no such model, 55000 it is not pending.';
revoke all on function edf.reject_model from public;

create function edf.rollback_model(subject text, reason text) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    champion bigint;
    model    edf.models;
begin
    perform edf.require('subject', subject is not null), edf.require('reason', reason is not null);
    perform pg_advisory_xact_lock(hashtextextended('edf.models ' || subject, 0));
    select model_id into champion from edf.models where models.subject = rollback_model.subject and status = 'approved';
    if not found then
        raise exception 'no model of "%" is approved', subject
            using errcode = 'undefined_object',
                  hint = 'select model_id, subject, status from edf.models lists models; approve a pending one.';
    end if;
    -- The model that the champion replaced when it was first approved: another call goes one model further back.
    select models.* into model
    from edf.model_events as retired
    join edf.models using (model_id)
    where models.subject = rollback_model.subject and retired.event = 'retired' and model_id <> champion
      and retired.event_id < (select min(event_id) from edf.model_events where model_id = champion and event = 'approved')
    order by retired.event_id desc
    limit 1;
    if not found then
        raise exception 'model % is the first approved model of "%"', champion, subject
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'There is no earlier model to roll back to. Approve a pending one.';
    end if;
    perform edf.require_artifact(model);
    perform edf.retire_approved(subject, format('rolled back to model %s: %s', model.model_id, reason));
    insert into edf.model_events (model_id, event, reason, happened_by)
    values (model.model_id, 'restored', format('instead of model %s: %s', champion, reason), edf.acting_role());
    update edf.models set status = 'approved', decided_at = now(), decided_by = edf.acting_role() where models.model_id = model.model_id;
    return model.model_id;
end;
$$;
comment on function edf.rollback_model is
$$Undoes an approval: the model that was approved before is approved again, and the current one is retired. Returns
the id of the model that now forecasts. Errors: 42704 no model is approved; 55000 there is no earlier model, or its
artifact was emptied; XX001 its artifact is damaged.$$;
revoke all on function edf.rollback_model from public;

create function edf.empty_model(model_id bigint, reason text) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    model constant edf.models := edf.locked_model(model_id);
begin
    perform edf.require('reason', reason is not null);
    if model.status not in ('rejected', 'retired') then
        raise exception 'model % is %, its artifact is needed', model_id, model.status
            using errcode = 'object_not_in_prerequisite_state', hint = 'Only rejected and retired models can be emptied.';
    end if;
    if model.artifact <> '' then
        insert into edf.model_events (model_id, event, reason, happened_by)
        values (empty_model.model_id, 'emptied', empty_model.reason, edf.acting_role());
        update edf.models set artifact = '' where models.model_id = empty_model.model_id;
    end if;
    return length(model.artifact);
end;
$$;
comment on function edf.empty_model is
$$Empties the artifact of a rejected or retired model permanently. Its row, metrics, checksum and events are
retained, so that its forecasts can be traced; it cannot forecast again. Returns the size of the artifact in bytes, 0
if it was already empty. Errors: 42704 no such model, 55000 it is pending or approved.$$;
revoke all on function edf.empty_model from public;

create function edf.xgboost_files(artifact bytea) returns table (issue_slot integer, lead_day integer, ubj bytea, around jsonb)
    immutable strict language c as 'MODULE_PATHNAME', 'xgboost_files_wrapper';
comment on function edf.xgboost_files is
    'The trees of an artifact as files of XGBoost; called by edf.export_xgboost. Errors: as edf.export_xgboost.';
revoke all on function edf.xgboost_files from public;

create function edf.export_xgboost(model_id bigint) returns table (
    issue_slot    integer,
    lead_day      integer,
    ubj           bytea,
    feature_names text[],
    around        jsonb
)
language plpgsql stable
as $$
declare
    model edf.models;
begin
    perform edf.require('model_id', model_id is not null);
    model := edf.require_model(model_id);
    if model.strategy <> 'xgboost' then
        raise exception 'model % is of strategy %, which cannot be exported to XGBoost', model_id, model.strategy
            using errcode = 'feature_not_supported', hint = 'Only models of strategy xgboost are exported.';
    end if;
    perform edf.require_artifact(model);
    return query select f.issue_slot, f.lead_day, f.ubj, model.feature_names, f.around from edf.xgboost_files(model.artifact) as f;
end;
$$;
comment on function edf.export_xgboost is
$$The trees of a model of strategy xgboost as files in XGBoost's UBJ format: one row per local time of day at which
its forecasts start (issue_slot, the hour for hourly data) and day of lead, the last of which is also used for all
later days. In Python, xgboost.Booster().load_model(bytearray(ubj)) loads a file and predicts the same.

feature_names: the columns, in order, as returned by edf.features; NULL is missing, and booleans are 0 and 1. around:
base, if it is not null, is added to the prediction of the trees: intercept plus weight x (feature - mean) of each of
its terms whose feature is not missing, clamped to least and most. asinh_unit, if it is not null: the sum is
asinh(demand / asinh_unit), before it is clamped. edf.forecast also corrects forecasts within the day and clamps
demand at zero, which the files do not contain.
Errors: 22004 a NULL argument, 42704 no such model, 0A000 another strategy, 55000 its artifact was emptied, XX001 its
artifact is damaged.$$;
revoke all on function edf.export_xgboost from public;

create function edf.fit_xgboost_files(
    series edf.series, issue_slots integer[], lead_days integer[], files bytea[], trained_until timestamptz, features jsonb, horizon interval,
    availability interval
) returns table (
    artifact bytea, parameters_used jsonb, features_used jsonb, feature_names text[], training_start timestamptz, training_end timestamptz,
    training_rows bigint, metrics jsonb
)
    language c as 'MODULE_PATHNAME', 'fit_xgboost_files_wrapper';
comment on function edf.fit_xgboost_files is
$$A model of trees that were trained elsewhere, over arrays; called by edf.import_xgboost. Errors: as
edf.import_xgboost.$$;
revoke all on function edf.fit_xgboost_files from public;

create function edf.import_xgboost(
    subject       text,
    training_data text,
    files         jsonb,
    trained_until timestamptz,
    features      jsonb    default '{}',
    horizon       interval default '72 hours',
    regressor_forecasts text default null,
    availability  interval default null
) returns bigint
language plpgsql
as $$
declare
    slots  integer[];
    days   integer[];
    trees  bytea[];
    fitted record;
begin
    perform edf.require('subject', subject is not null), edf.require('training_data', training_data is not null),
            edf.require('files', files is not null), edf.require('trained_until', trained_until is not null),
            edf.require('features', features is not null), edf.require('horizon', horizon is not null);
    begin
        select coalesce(array_agg((file ->> 'issue_slot')::integer order by n), '{}'), coalesce(array_agg((file ->> 'lead_day')::integer order by n), '{}'),
            coalesce(array_agg(decode(file ->> 'ubj', 'base64') order by n), '{}')
        into slots, days, trees
        from jsonb_array_elements(files) with ordinality as given (file, n);
    exception when data_exception then
        raise exception 'files cannot be read: %', sqlerrm
            using errcode = 'invalid_parameter_value', hint = 'An array of {"issue_slot": 5, "lead_day": 1, "ubj": "in base64"}.';
    end;
    if jsonb_path_exists(files, '$[*].around ? (@.base != null || @.asinh_unit != null)') then
        raise exception 'files whose around has a base or asinh_unit cannot be imported'
            using errcode = 'feature_not_supported', hint = 'Train with parameters {"base": "mean", "target": "plain"}.';
    end if;
    select * into strict fitted
    from edf.fit_xgboost_files(
        edf.series_of(training_data, regressor_forecasts), slots, days, trees, trained_until, features, horizon, availability);
    return edf.register_model(
        subject, 'xgboost', fitted.artifact, fitted.parameters_used, fitted.features_used, fitted.feature_names,
        fitted.training_start, fitted.training_end, fitted.training_rows, fitted.metrics,
        format('imported: trees of %s files, trained elsewhere until %s', cardinality(slots),
               to_char(trained_until at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')));
end;
$$;
comment on function edf.import_xgboost is
$$Registers trees that were trained elsewhere, for example by XGBoost in Python, as a pending model of strategy
xgboost; returns its id. edf.forecast predicts the same as Python does from the rows of edf.features.

files: a JSON array of objects with issue_slot (row of the local day at which forecasts start, the hour for hourly
data), lead_day (from 1; the last one is also used for all later days) and ubj, the file in XGBoost's UBJ format
(booster.save_raw('ubj')) in base64, as returned by edf.export_xgboost for a model with base mean and target plain.
Each file names its features, which must be those that edf.features returns for training_data and features, in that
order; its booster is gbtree, its objective reg:squarederror, reg:absoluteerror or reg:pseudohubererror, and all of
its trees are used. trained_until: the end of the training range of the trees; at least fourteen days of forecasts
after it are needed for intervals and metrics. The other arguments are those of edf.train; training_data includes the
history before trained_until that the features read.
Errors: as edf.train; 22023 a file that cannot be read, or has other features; 22000 too few days after
trained_until; 0A000 files with a base or another scale.$$;
revoke all on function edf.import_xgboost from public;

create function edf.draw_scenarios(
    series integer[], valid_at timestamptz[], lead_hours double precision[], quantile_values double precision[], quantiles double precision[],
    residual_series integer[], residual_issued_at timestamptz[], residual_lead_hours double precision[], residual_errors double precision[],
    scenarios integer, seed bigint
) returns table (scenario integer, scenario_values double precision[], origins bigint)
    language c immutable parallel safe as 'MODULE_PATHNAME', 'draw_scenarios_wrapper';
create function edf.interpolate_quantiles(quantile_values double precision[], quantiles double precision[], levels double precision[]) returns double precision[]
    language c immutable parallel safe as 'MODULE_PATHNAME', 'interpolate_quantiles_wrapper';
create function edf.energy_score(actual double precision[], scenarios double precision[]) returns double precision
    language c immutable parallel safe as 'MODULE_PATHNAME', 'energy_score_wrapper';
create function edf.variogram_score(actual double precision[], scenarios double precision[]) returns double precision
    language c immutable parallel safe as 'MODULE_PATHNAME', 'variogram_score_wrapper';
comment on function edf.draw_scenarios is
    'Scenarios over arrays, one row each; called by edf.scenarios. Errors: as edf.scenarios.';
revoke all on function edf.draw_scenarios from public;
comment on function edf.interpolate_quantiles is
$$Quantiles of a forecast at other levels than its own, such as 10, 25, 75 and 90 % of a forecast with 5, 50 and 95
%. Between two levels the value is linear in the standard normal quantile of the level, and it is extrapolated beyond
the outer two (the two-piece normal distribution; Wallis, 2014); it is negative only if a given quantile is.
edf.scenarios draws from the same distribution.

quantile_values: the values at quantiles, two or more, ascending. levels: up to 200, ascending, between 0 and 1.
Quantiles that the model itself forecasts (argument levels of edf.forecast) are better where available. Errors: 22023
quantiles or levels that do not ascend or differ in number; 22000 NaN or infinite values; 22004 a NULL.$$;
comment on function edf.energy_score is
$$Energy score of scenarios, in the unit of actual. The paths follow one another, each as long as actual. Errors:
22023 paths of another length, too many; 22004 a NULL; 22000 NaN or infinite values.$$;
comment on function edf.variogram_score is
$$Variogram score of order 0.5 of scenarios, in the unit of actual. The paths follow one another, each as long as
actual. Errors: as edf.energy_score.$$;

create function edf.scenarios(
    forecasts text,
    residuals text,
    scenarios integer default 100,
    seed      bigint  default 0
) returns table (
    scenario   integer,
    series     text,
    valid_at   timestamptz,
    lead_hours double precision,
    value      double precision,
    origins    bigint
)
language plpgsql stable
as $$
declare
    known text[];
    types text[];
    given text;
    found record;
begin
    perform edf.require('forecasts', forecasts is not null), edf.require('residuals', residuals is not null),
            edf.require('scenarios', scenarios is not null), edf.require('seed', seed is not null);
    select array_agg(c.name), array_agg(c.type) into known, types from edf.columns_of(forecasts) as c;
    foreach given in array array['series', 'valid_at', 'lead_hours'] loop
        perform edf.require_column('forecasts', given, known);
    end loop;
    if not exists (select from edf.score_inputs(known, types) as i where i.name = 'quantiles') then
        perform edf.require_column('forecasts', 'quantile_values', known), edf.require_column('forecasts', 'quantiles', known);
    end if;
    foreach given in array array['series', 'issued_at', 'lead_hours', 'actual', 'yhat'] loop
        perform edf.require_column('residuals', given, array(select c.name from edf.columns_of(residuals) as c));
    end loop;
    execute format(
        $query$
        with edf_forecasts as materialized (
            select q.series::text as series, q.valid_at::timestamptz as valid_at, q.lead_hours::double precision as lead_hours,
                %3$s as quantile_values, %4$s as quantiles
            from (
            %1$s
            ) as q
        ),
        edf_members as materialized (
            select series, row_number() over (order by series)::integer - 1 as place
            from (select distinct series from edf_forecasts) as named
        ),
        edf_steps as (
            select place, edf_forecasts.* from edf_forecasts join edf_members using (series)
        ),
        edf_residuals as materialized (
            select place, r.issued_at::timestamptz as issued_at, r.lead_hours::double precision as lead_hours,
                r.actual::double precision - r.yhat::double precision as error
            from (
            %2$s
            ) as r
            join edf_members on edf_members.series = r.series::text
        )
        select
            (select count(*) from edf_members) as members,
            (select min(valid_at) from edf_forecasts where quantile_values is null or quantiles is distinct from (select quantiles from edf_forecasts limit 1))
                as unlike_at,
            (select min(valid_at) from (select valid_at from edf_forecasts group by series, valid_at having count(*) > 1) as twice) as forecast_twice_at,
            (select min(issued_at) from (select issued_at from edf_residuals group by place, issued_at, lead_hours having count(*) > 1) as twice)
                as residual_twice_at,
            (select min(series) from edf_members where place not in (select place from edf_residuals where error is not null)) as unknown,
            (select array_agg(series order by place, valid_at) from edf_steps) as series,
            (select array_agg(place order by place, valid_at) from edf_steps) as places,
            (select array_agg(valid_at order by place, valid_at) from edf_steps) as valid_at,
            (select array_agg(lead_hours order by place, valid_at) from edf_steps) as lead_hours,
            (select array_agg(value order by place, valid_at, n) from edf_steps cross join unnest(quantile_values) with ordinality as q (value, n))
                as quantile_values,
            (select quantiles from edf_forecasts limit 1) as quantiles,
            (select array_agg(place order by issued_at, place, lead_hours) from edf_residuals where error is not null) as r_places,
            (select array_agg(issued_at order by issued_at, place, lead_hours) from edf_residuals where error is not null) as r_issued_at,
            (select array_agg(lead_hours order by issued_at, place, lead_hours) from edf_residuals where error is not null) as r_lead_hours,
            (select array_agg(error order by issued_at, place, lead_hours) from edf_residuals where error is not null) as r_error
        $query$,
        rtrim(forecasts, e' \t\r\n;'), rtrim(residuals, e' \t\r\n;'),
        (select i.expression from edf.score_inputs(known, types) as i where i.name = 'quantile_values'),
        (select i.expression from edf.score_inputs(known, types) as i where i.name = 'quantiles'))
    into found;
    if found.members = 0 then
        raise exception 'the query of forecasts returns no row' using errcode = 'data_exception', hint = 'Check its conditions.';
    elsif found.forecast_twice_at is not null or found.residual_twice_at is not null then
        raise exception 'a series is listed twice for one step: %',
            coalesce('forecasts at ' || found.forecast_twice_at, 'residuals issued at ' || found.residual_twice_at)
            using errcode = 'invalid_parameter_value', hint = 'Choose one forecast of each series, such as its newest.';
    elsif found.unlike_at is not null then
        raise exception 'a forecast at % has no quantiles, or other levels than the rest', found.unlike_at
            using errcode = 'data_exception', hint = 'Forecast all series with the same levels.';
    elsif found.unknown is not null then
        raise exception 'no residual of series "%" is known', found.unknown
            using errcode = 'data_exception', hint = 'Give residuals of every series: actual and yhat, by series, issued_at and lead_hours.';
    end if;
    return query
    select d.scenario, s.series, s.valid_at, s.lead_hours, s.value, d.origins
    from edf.draw_scenarios(
        found.places, found.valid_at, found.lead_hours, found.quantile_values, found.quantiles,
        coalesce(found.r_places, '{}'), coalesce(found.r_issued_at, '{}'), coalesce(found.r_lead_hours, '{}'), coalesce(found.r_error, '{}'),
        scenarios, seed) as d
    cross join lateral unnest(found.series, found.valid_at, found.lead_hours, d.scenario_values) as s (series, valid_at, lead_hours, value);
end;
$$;
comment on function edf.scenarios is
$$Draws joint scenarios of several series over all steps ahead, such as 100 possible paths of the next 72 hours of
demand and of solar generation: one row per scenario, series and step. Each step is distributed as its quantiles say;
steps and series of one scenario are correlated like the errors of past forecasts.

Method: the Schaake shuffle (Clark et al., 2004) on ranks of forecast errors, a form of ensemble copula coupling
(Schefzik et al., 2013). edf.score_scenarios scores them.
forecasts: a query with the columns series, valid_at, lead_hours and quantiles, either the arrays quantile_values and
quantiles or columns such as q05 and q50; two levels or more, the same for all series. residuals: a query with
series, issued_at, lead_hours, actual and yhat. An origin is used if the residuals of all its series and steps are
known, and were known when the first of the forecasts was issued; origins: how many were used. A dozen are too few,
60 or more are good. seed: the same seed draws the same scenarios.
Limits: 10,000 scenarios, 25 million values. Memory: 8 bytes per value, 100 per residual.
Errors: 22023 a missing column, a series twice, too many scenarios; 22000 no row, different levels, no origin at
which all residuals are known, NaN or infinite values; and those of the queries.$$;
revoke all on function edf.scenarios from public;

create function edf.score_scenarios(scenarios text) returns table (
    issued_at       timestamptz,
    energy_score    double precision,
    variogram_score double precision,
    scenarios_n     bigint,
    steps_n         bigint
)
language plpgsql stable
as $$
declare
    known text[];
    given text;
    found record;
begin
    perform edf.require('scenarios', scenarios is not null);
    known := array(select c.name from edf.columns_of(scenarios) as c);
    foreach given in array array['scenario', 'series', 'valid_at', 'value', 'actual'] loop
        perform edf.require_column('scenarios', given, known);
    end loop;
    for found in execute format(
        $query$
        with edf_rows as (
            select %2$s as issued_at, q.scenario::integer as scenario, q.series::text as series, q.valid_at::timestamptz as valid_at,
                q.value::double precision as value, q.actual::double precision as actual
            from (
            %1$s
            ) as q
            where q.actual is not null
        )
        select issued_at, array_agg(value order by scenario, series, valid_at) as paths,
            array_agg(actual order by series, valid_at) filter (where scenario = first) as actual,
            count(distinct scenario) as scenarios, count(*) filter (where scenario = first) as steps
        from (select *, min(scenario) over (partition by issued_at) as first from edf_rows) as numbered
        group by issued_at
        order by issued_at
        $query$, rtrim(scenarios, e' \t\r\n;'), case when 'issued_at' = any (known) then 'q.issued_at::timestamptz' else 'null::timestamptz' end)
    loop
        if cardinality(found.paths) <> found.scenarios * found.steps then
            raise exception 'not all scenarios have the same steps%', coalesce(' at ' || found.issued_at, '')
                using errcode = 'data_exception', hint = 'Each scenario has one row for each series and valid_at.';
        end if;
        issued_at := found.issued_at;
        energy_score := edf.energy_score(found.actual, found.paths);
        variogram_score := edf.variogram_score(found.actual, found.paths);
        scenarios_n := found.scenarios;
        steps_n := found.steps;
        return next;
    end loop;
end;
$$;
comment on function edf.score_scenarios is
$$Scores scenarios: one row per issued_at if the query has that column, else one row.

scenarios: a query with the columns scenario, series, valid_at, value and actual; steps whose actual is NULL are left
out. energy_score (Gneiting and Raftery, 2007) and variogram_score (of order 0.5, mean over the pairs of steps;
Scheuerer and Hamill, 2015) are in the unit of the target, and lower is better. Both are proper; the variogram score
is more sensitive to wrong correlations between steps and series.
Limits: 10 billion differences, such as 100 scenarios of 1,000 steps. Errors: 22023 a missing column; 22000 scenarios
of different steps; 22023 too many.$$;
revoke all on function edf.score_scenarios from public;

create function edf.forecast_chart(
    hour_at timestamptz[], actual double precision[], yhat double precision[], yhat_lower double precision[], yhat_upper double precision[],
    solar double precision[] default null, title text default '', time_zone text default 'UTC', width integer default 800, height integer default 320
) returns text
    language c immutable parallel safe as 'MODULE_PATHNAME', 'forecast_chart_wrapper';
comment on function edf.forecast_chart is
$$A forecast as an SVG image: the 90 % interval as a band, the forecast, actuals and solar generation, with a title
and a description in words.

hour_at: starts of the hours of actual, yhat, yhat_lower, yhat_upper and solar, in kWh; NULL is unknown. title: at
most 120 characters. time_zone: of the labels of the hours. width, height: in pixels, 200 to 4,000. Limit: 840 hours.
Errors: 22023 an unknown time zone or size, columns of unequal length, too many hours; 22000 NaN or infinite values;
22004 a NULL.$$;

create function edf.contributions(artifact bytea, series edf.series, horizon interval, issued_at timestamptz)
    returns table (valid_at timestamptz, lead_hours double precision, feature text, value double precision, contribution double precision)
    language c as 'MODULE_PATHNAME', 'contributions_of_wrapper';
comment on function edf.contributions is
    'Contributions to a forecast, over arrays; called by edf.explain. Errors: as edf.explain.';
revoke all on function edf.contributions from public;
create function edf.explain(
    subject    text,
    input_data text,
    horizon    interval    default '72 hours',
    issued_at  timestamptz default null,
    regressor_forecasts text default null,
    model_id   bigint      default null
) returns table (
    valid_at     timestamptz,
    lead_hours   double precision,
    feature      text,
    value        double precision,
    contribution double precision
)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    model edf.models;
begin
    perform edf.require('subject', explain.subject is not null), edf.require('input_data', input_data is not null),
            edf.require('horizon', horizon is not null);
    select * into model
    from edf.models
    where models.subject = explain.subject
      and (models.model_id = explain.model_id or explain.model_id is null and status = 'approved');
    if not found then
        raise exception '% forecasts "%"', coalesce('no model ' || explain.model_id, 'no approved model'), explain.subject
            using errcode = 'undefined_object', hint = 'select model_id, subject, status from edf.models lists them.';
    end if;
    perform edf.require_artifact(model);
    return query
    select c.valid_at, c.lead_hours, c.feature, c.value, c.contribution
    from edf.contributions(model.artifact, edf.series_of(input_data, regressor_forecasts), horizon, explain.issued_at) as c;
end;
$$;
comment on function edf.explain is
$$Explains a forecast: for each step ahead one row for each feature that the model reads. The contributions of a step
add up to yhat of edf.forecast.

The arguments are those of edf.forecast; model_id: another model of the subject than the approved one, such as a
pending one. value: the value of the feature, NULL where it is missing or the row is not a feature. contribution: in
the unit of the target. For trees it is the SHAP value (Lundberg and Lee, 2017) given the training set, for a linear
function weight x (value - mean), which is the SHAP value of independent features; with a logarithmic target both are
rescaled in proportion. Members of an ensemble contribute theirs times their weights.
Names in parentheses are not features: (base), the forecast at average features, per hour where the model has a
function for each hour; (recent errors), the correction by the errors of the last hours and days; (bounds), the
effect of clamping; (history) of strategies that repeat the past; (trend) and (seasons); (irradiance), (usual sky)
and (last day) of solar. Contributions explain the model, not the cause of demand: correlated features, such as
temperature_c and hdd, share a contribution.
Memory: 16 bytes per step and feature, twice that for an ensemble. Errors: as edf.forecast; 42704 the model is of
another subject; 55000 its artifact was emptied; 0A000 its trees were trained by an earlier release: train it again.$$;
revoke all on function edf.explain from public;

create function edf.feature_importance(model_id bigint) returns table (
    feature           text,
    mean_contribution double precision,
    share             double precision
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    model edf.models;
begin
    perform edf.require('model_id', model_id is not null);
    model := edf.require_model(model_id);
    if jsonb_typeof(model.metrics -> 'importance') is distinct from 'object' then
        raise exception 'the importance of the features of model % was not measured when it was trained', model_id
            using errcode = 'feature_not_supported',
                  hint = 'Train it again: earlier releases did not measure it. Trees of more than 64 levels have none.';
    end if;
    return query
    select i.name, i.value::double precision, i.value::double precision / sum(i.value::double precision) over ()
    from jsonb_each_text(model.metrics -> 'importance') as i (name, value)
    order by 2 desc, 1;
end;
$$;
comment on function edf.feature_importance is
$$The importance of each feature for a model, the most important first: mean_contribution is the mean absolute
contribution, as returned by edf.explain, to forecasts of up to twelve issues spread over the history at training, in
the unit of the target; share is its part of the total. (base) is left out. For an ensemble the weights and
corrections at the end of its training are used.

This is the usual global SHAP importance (Lundberg et al., From local explanations to global understanding with
explainable AI for trees, 2020), the same for all strategies, and not the gain of the trees' splits, which favours
features with many values (Strobl et al., Bias in random forest variable importance measures, 2007). It does not say
how accurate a model would be without the feature: correlated features share the importance. Errors: 22004 a NULL
argument, 42704 no such model, 0A000 it was not measured.$$;
revoke all on function edf.feature_importance from public;

-- A key that no dump contains: it is in a file of the server's data directory, the only file that this function reads.
-- Every role could read a setting, and a role that makes pseudonyms should not read other files of the server.
create function edf.pseudonym_key() returns bytea
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    written constant text := btrim(pg_read_file('edf_pseudonyms.key', 0, 1000, true), E' \r\n');
begin
    if (written ~ '^([0-9a-f]{2}){32,}$') is not true then
        raise exception 'this server has no key for pseudonyms'
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Write 64 or more hexadecimal digits to edf_pseudonyms.key in the data directory.';
    end if;
    return decode(written, 'hex');
end;
$$;
comment on function edf.pseudonym_key() is
$$The key for pseudonyms: hexadecimal digits in the file edf_pseudonyms.key of the server's data directory, so that
no dump contains it. Errors: 55000 there is no key.$$;
revoke all on function edf.pseudonym_key() from public;

-- Models of anomalies.
comment on column edf.models.subject is
    'What the model forecasts or finds anomalies in: a building''s id, a meter, any name.';
comment on column edf.models.strategy is
    'How it forecasts: seasonal_naive, profile, mstl, prophet, sarimax, lear, xgboost, ensemble, global, solar; or how it finds anomalies: edf.anomaly_strategies().';
comment on column edf.models.features is
$$Feature spec, with the defaults filled in; of anomaly models for each feature its median, its spread and the share
of rows in which it was known.$$;
comment on column edf.models.training_rows is
    'Rows between start and end whose target was known; of anomaly models those with enough known values.';
comment on column edf.models.metrics is
$$held_out: rmse, mae (unit of the target) and mape_pct of the model and of seasonal naive on the newest block, which
is not trained on; importance: see edf.feature_importance. Of anomaly models see docs/anomaly_models.md.$$;
-- Anomaly models, in the same registry as models of forecasts.

create function edf.anomaly_strategies() returns text[]
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return array['expected_energy', 'isolation_forest', 'local_outlier_factor', 'alert_probability'];
comment on function edf.anomaly_strategies() is 'The strategies of edf.train_anomaly_model.';

create function edf.require_kind(subject text, strategy text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    other edf.models;
begin
    perform edf.require('subject', subject is not null), edf.require('strategy', strategy is not null);
    select * into other
    from edf.models
    where models.subject = require_kind.subject
      and (models.strategy = any (edf.anomaly_strategies())) <> (require_kind.strategy = any (edf.anomaly_strategies()))
    limit 1;
    if found then
        raise exception '"%" has models of strategy %: a model of strategy % needs another subject',
            subject, other.strategy, strategy
            using errcode = 'invalid_parameter_value', hint = format('Choose another name, such as %L.', strategy || ' of ' || subject);
    end if;
end;
$$;
comment on function edf.require_kind(text, text) is
$$Raises 22023 if a subject already has models of the other kind, of forecasts or of anomalies. A subject has one
approved model, so approving one kind would retire the other.$$;
revoke all on function edf.require_kind(text, text) from public;

create function edf.anomaly_model(model_id bigint) returns edf.models
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    model edf.models;
begin
    perform edf.require('model_id', model_id is not null);
    model := edf.require_model(model_id);
    if model.strategy <> all (edf.anomaly_strategies()) then
        raise exception 'model % of "%" is a forecasting model (strategy %), not an anomaly model',
            model_id, model.subject, model.strategy
            using errcode = 'feature_not_supported',
                  hint = 'Train one with edf.train_anomaly_model, for another subject.';
    end if;
    perform edf.require_artifact(model);
    return model;
end;
$$;
comment on function edf.anomaly_model(bigint) is
$$A model of edf.train_anomaly_model whose artifact is intact. Errors: 42704 no such model, 0A000 it is a forecasting
model, 55000 its artifact was emptied, XX001 its artifact is damaged.$$;
revoke all on function edf.anomaly_model(bigint) from public;

-- Any query as the rows of an anomaly detector.

create type edf.observations as (
    keys     text[],
    names    text[],
    features double precision[],
    target   double precision[],
    groups   text[],
    days     double precision[]
);
comment on type edf.observations is
$$Rows as arrays: their keys, the names of the features, the features one column after the other, the target or
label, the group of each row, and its time in days since 1970; the last three are NULL if there is no such column.$$;

-- No pinned search_path: the query is the caller's and is read as the caller would read it.
create function edf.observations_of(query text, parameters jsonb, features text[] default null, needs_target boolean default true) returns edf.observations
language plpgsql stable
as $$
declare
    numbers constant text[] := array['double precision', 'real', 'numeric', 'integer', 'bigint', 'smallint', 'boolean'];
    -- The parameters are those of edf.read_anomaly_parameters, which has rejected other types.
    target  text := parameters ->> 'target';
    unit    constant text := parameters ->> 'group';
    clock   text := parameters ->> 'time';
    known   text[];
    types   text[];
    chosen  text[];
    given   text;
    wrong   record;
    observations edf.observations;
begin
    perform edf.require('query', query is not null), edf.require('parameters', parameters is not null), edf.require('needs_target', needs_target is not null);
    select array_agg(c.name order by c.at), array_agg(c.type order by c.at) into known, types
    from edf.columns_of(query) with ordinality as c (name, type, at);
    if not needs_target and target <> all (known) then
        target := null;
    end if;
    foreach given in array array_remove(array[target, unit, clock], null) || coalesce(features, '{}') loop
        perform edf.require_column('observations', given, known);
    end loop;
    if clock is null and types[1] in ('date', 'timestamp with time zone') then
        clock := known[1];
    end if;
    chosen := coalesce(
        features,
        case when jsonb_typeof(parameters -> 'features') = 'array' then array(select jsonb_array_elements_text(parameters -> 'features')) end,
        array(
            select c.name from unnest(known[2:]) with ordinality as c (name, at)
            where c.name <> all (array_remove(array[target, parameters ->> 'target', unit, clock], null)) order by c.at));
    select c.name, c.type, c.needed into wrong
    from (
        select k.name, k.type,
            case when k.name = clock then array['date', 'timestamp with time zone'] when k.name = target or k.name = any (chosen) then numbers end as needed
        from unnest(known, types) as k (name, type)
    ) as c
    where c.type <> all (c.needed)
    limit 1;
    if found then
        raise exception 'column % is of type %; it must be one of %', wrong.name, wrong.type, array_to_string(wrong.needed, ', ')
            using errcode = 'invalid_parameter_value',
                  hint = 'Leave it out, cast it, or name the columns to read in the parameter features.';
    end if;
    foreach given in array chosen loop
        perform edf.require_column('observations', given, known);
    end loop;
    execute format(
        e'select array_agg(q.%1$I::text), %2$s, %3$s, %4$s, %5$s from (select * from (\n%6$s\n) as q) as q',
        known[1],
        edf.columns_as_array(array(
            select edf.number_of(c.name, types[array_position(known, c.name)]) from unnest(chosen) with ordinality as c (name, at) order by c.at)),
        coalesce('array_agg(' || edf.number_of(target, types[array_position(known, target)]) || ')', 'null::double precision[]'),
        coalesce('array_agg(q.' || quote_ident(unit) || '::text)', 'null::text[]'),
        coalesce('array_agg(extract(epoch from q.' || quote_ident(clock) || ')::double precision / 86400)', 'null::double precision[]'),
        rtrim(query, e' \t\r\n;'))
    into observations.keys, observations.features, observations.target, observations.groups, observations.days;
    observations.names := chosen;
    if observations.keys is null then
        -- Without a row an aggregate is NULL.
        return row('{}', chosen, '{}', case when target is not null then '{}'::double precision[] end,
            case when unit is not null then '{}'::text[] end, case when clock is not null then '{}'::double precision[] end)::edf.observations;
    end if;
    if array_position(observations.keys, null) is not null or array_position(observations.groups, null) is not null then
        raise exception 'column % is NULL in a row', concat_ws(' or ', known[1], unit)
            using errcode = 'data_exception', hint = 'Every row needs a key and a group; leave out other rows.';
    end if;
    return observations;
end;
$$;
comment on function edf.observations_of(text, jsonb, text[], boolean) is
$$Runs a query of (key, columns...), the key being the first column, and returns its rows as arrays. parameters:
names of the columns target, group and time, and of the features, by default all other columns, which must be numbers
or booleans; complete, as edf.read_anomaly_parameters returns them. Without a time the key is the time, if it is a
date or timestamptz. features: used instead of those of the parameters. needs_target: whether the query must have the
target.

Memory: five times the numbers, eight bytes each. Errors: 22023 a wrong query, a missing column or columns of other
types; 22000 a NULL key or group; 22004 a NULL argument.$$;
revoke all on function edf.observations_of(text, jsonb, text[], boolean) from public;

create function edf.read_anomaly_parameters(strategy text, parameters jsonb) returns jsonb
    language c immutable parallel safe as 'MODULE_PATHNAME', 'read_anomaly_parameters_wrapper';
create function edf.fit_anomalies(strategy text, observations edf.observations, parameters jsonb, prior bytea)
    returns table (artifact bytea, parameters_used jsonb, features_used jsonb, feature_names text[], training_rows bigint, metrics jsonb)
    language c immutable parallel safe as 'MODULE_PATHNAME', 'fit_anomalies_wrapper';
create function edf.anomaly_scores(artifact bytea, observations edf.observations)
    returns table (n bigint, score double precision, is_anomaly boolean, expected double precision, lower double precision, upper double precision, tail_probability double precision, raw_score double precision, cusum double precision, run_days integer)
    language c immutable parallel safe as 'MODULE_PATHNAME', 'anomaly_scores_wrapper';
create function edf.own_anomaly_scores(strategy text, observations edf.observations, parameters jsonb)
    returns table (n bigint, score double precision, is_anomaly boolean, expected double precision, lower double precision, upper double precision, tail_probability double precision, raw_score double precision, cusum double precision, run_days integer)
    language c immutable parallel safe as 'MODULE_PATHNAME', 'own_anomaly_scores_wrapper';
create function edf.anomaly_parts(artifact bytea, observations edf.observations)
    returns table (feature text, value double precision, typical double precision, contribution double precision, would_explain double precision)
    language c immutable parallel safe as 'MODULE_PATHNAME', 'anomaly_parts_wrapper';
comment on function edf.read_anomaly_parameters is
    'Parameters of edf.train_anomaly_model for a strategy, with the defaults filled in. Errors: 22023 an unknown name or a wrong value; 42704 an unknown strategy; 22004 a NULL.';
comment on function edf.fit_anomalies is
    'Fits an anomaly model over arrays; called by edf.train_anomaly_model. Errors: as edf.train_anomaly_model.';
revoke all on function edf.fit_anomalies from public;
comment on function edf.anomaly_scores is
    'Scores rows with an artifact, over arrays; called by edf.score_anomalies. Errors: as edf.score_anomalies.';
revoke all on function edf.anomaly_scores from public;
comment on function edf.own_anomaly_scores is
$$Scores rows with a model that is fitted on the same rows, over arrays; called by edf.detect_anomalies. Errors: as
edf.train_anomaly_model.$$;
revoke all on function edf.own_anomaly_scores from public;
comment on function edf.anomaly_parts is
    'Contributions to the score of a row, over arrays; called by edf.explain_anomaly. Errors: as edf.explain_anomaly.';
revoke all on function edf.anomaly_parts from public;

create function edf.train_anomaly_model(
    subject        text,
    query          text,
    strategy       text   default 'expected_energy',
    parameters     jsonb  default '{}',
    prior_model_id bigint default null
) returns bigint
language plpgsql
as $$
declare
    prior  edf.models;
    used   jsonb;
    rows   edf.observations;
    fitted record;
    first  double precision;
    last   double precision;
begin
    perform edf.require('subject', subject is not null), edf.require('query', query is not null), edf.require('strategy', strategy is not null),
            edf.require('parameters', parameters is not null);
    used := edf.read_anomaly_parameters(strategy, parameters);
    perform edf.require_kind(subject, strategy);
    if prior_model_id is not null then
        prior := edf.anomaly_model(prior_model_id);
    end if;
    rows := edf.observations_of(query, used, prior.feature_names);
    select * into strict fitted from edf.fit_anomalies(strategy, rows, parameters, prior.artifact);
    select min(day), max(day) into first, last from unnest(rows.days) as day;
    return edf.register_model(
        subject, strategy, fitted.artifact, fitted.parameters_used, fitted.features_used, fitted.feature_names,
        coalesce(to_timestamp(first * 86400), now()), coalesce(to_timestamp((floor(last) + 1) * 86400), now()), fitted.training_rows,
        fitted.metrics, case when prior_model_id is not null then format('its prior is that of model %s', prior_model_id) end);
end;
$$;
comment on function edf.train_anomaly_model is
$$Trains an anomaly model on the rows of a query and writes it to edf.models as pending; returns its id. It is
approved, rejected and rolled back like a model of forecasts.

subject: any name. A subject has one approved model, so each strategy needs a subject of its own, other than those of
forecasts. query: its first column is the key of a row, such as a day; the other columns are features, numbers or
booleans, NULL where a value is missing, except those that parameters name: target, group (such as the apartment;
each group has its own weights), time (date or timestamptz, by default the key if it is one), features (an array:
only these are read).
strategy, and its further parameters:
expected_energy explains the target, such as energy in kWh per day, by the features: Bayesian linear regression with
conjugate priors (Gelman et al., Bayesian Data Analysis, 2013). The prior is estimated from all groups (empirical
Bayes), or that of prior_model_id, an earlier model of the same features. Rows further than trim (4) robust standard
deviations from a Huber fit are not trained on. alarm_share (0.01): share of normal rows that may be alarms; side:
both, upper or lower; noise_by_level (true): noise grows with the level; runs (true): small deviations over many days
are detected, by CUSUM (Page, 1954) with run_drift (0.5) and one false alarm in run_arl_days (730), calibrated by
simulation to the correlation of days; max_gap_days (7): after a longer gap a run restarts.
isolation_forest (Liu, Ting and Zhou, 2008): alarm_share, trees (200), sample (256), seed. A row with a missing value
follows both branches of a split.
local_outlier_factor (Breunig et al., 2000): alarm_share, neighbours (20), max_rows (5000) that are stored for
comparison, scale (true), seed. Distances between rows with missing values use the features that both have.
alert_probability: how likely alerts are real, by logistic regression on detectors' scores; target is true, false or
NULL (not labelled). base_rate (0.01), weight (1 for each decade of rarity) and weights by name define the prior,
precision (1) its precision; without labels the model is the prior. alarm_probability (0.5); scores (true): features
are scores between 0 and 1.
Limits: 1,000,000 rows, 200 features, 75 million numbers. Memory: seven times the numbers. Errors: 22000 too few
rows, NaN or infinite values, no convergence, a NULL key or group; 22004 a NULL argument; 22023 wrong columns or
parameters, a subject that has forecasting models; 42704 an unknown strategy or prior model; 55000 the artifact of
the prior model was emptied; 0A000 the prior model is a forecasting model.$$;
revoke all on function edf.train_anomaly_model from public;

create function edf.score_anomalies(model_id bigint, query text) returns table (
    key              text,
    score            double precision,
    is_anomaly       boolean,
    expected         double precision,
    lower            double precision,
    upper            double precision,
    tail_probability double precision,
    raw_score        double precision,
    cusum            double precision,
    run_days         integer
)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    model edf.models;
    rows  edf.observations;
begin
    perform edf.require('model_id', score_anomalies.model_id is not null), edf.require('query', query is not null);
    model := edf.anomaly_model(score_anomalies.model_id);
    rows := edf.observations_of(query, model.parameters, model.feature_names, model.strategy = 'expected_energy');
    return query
    select k.key, s.score, s.is_anomaly, s.expected, s.lower, s.upper, s.tail_probability, s.raw_score, s.cusum, s.run_days
    from edf.anomaly_scores(model.artifact, rows) as s
    join unnest(rows.keys) with ordinality as k (key, n) using (n)
    order by n;
end;
$$;
comment on function edf.score_anomalies is
$$Scores each row of a query with a model of edf.train_anomaly_model: one row per row, in its order. The query has
the columns that the model was trained on, by name, the key first; others are ignored.

score: between 0 and 1, one minus the probability that a normal row is as unusual, so that scores of all strategies
can be compared; for alert_probability the probability that the alert is real. is_anomaly: whether this detector
raises an alarm. All are NULL where fewer than half of the features are known, or the target is not: unknown values
raise no alarm. expected, lower and upper: for expected_energy the expected target and the bounds beyond which
is_anomaly is true, in its unit; for alert_probability lower and upper are the 90 % interval of the probability.
tail_probability: exact posterior predictive (Student t) probability of a day as far from its expectation, which the
score calibrates with the days of the training set. raw_score: the normal score of the day; the isolation score,
usually about 0.5; the outlier factor, usually about 1; the log-odds. cusum, run_days: the cumulative sum of a run of
days in standard deviations, negative where they are low, and days since it was zero; rows of a group are read in
order of their time, so the query of a day begins some weeks before it.
Memory: six times the numbers of the query, and the model. Errors: as edf.train_anomaly_model; 42704 no such model;
55000 its artifact was emptied; XX001 its artifact is damaged; 0A000 it is a forecasting model.$$;
revoke all on function edf.score_anomalies from public;

create function edf.detect_anomalies(
    subject    text,
    query      text,
    strategy   text  default null,
    parameters jsonb default '{}'
) returns table (
    key              text,
    score            double precision,
    is_anomaly       boolean,
    expected         double precision,
    lower            double precision,
    upper            double precision,
    tail_probability double precision,
    raw_score        double precision,
    cusum            double precision,
    run_days         integer,
    model_id         bigint
)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    model  edf.models;
    chosen text := coalesce(strategy, case when parameters ? 'target' then 'expected_energy' else 'isolation_forest' end);
    rows   edf.observations;
begin
    perform edf.require('subject', subject is not null), edf.require('query', query is not null), edf.require('parameters', parameters is not null);
    select * into model from edf.models where models.subject = detect_anomalies.subject and status = 'approved';
    if found then
        return query select s.*, model.model_id from edf.score_anomalies(model.model_id, query) as s;
        return;
    end if;
    rows := edf.observations_of(query, edf.read_anomaly_parameters(chosen, parameters));
    return query
    select k.key, s.score, s.is_anomaly, s.expected, s.lower, s.upper, s.tail_probability, s.raw_score, s.cusum, s.run_days, null::bigint
    from edf.own_anomaly_scores(chosen, rows, parameters) as s
    join unnest(rows.keys) with ordinality as k (key, n) using (n)
    order by n;
end;
$$;
comment on function edf.detect_anomalies is
$$Scores each row of any query: with the approved model of the subject, or without one with a model that is fitted on
the rows of the query and not stored. Columns as edf.score_anomalies, and model_id, NULL without an approved model.

query, strategy and parameters: as in edf.train_anomaly_model; strategy and parameters are only used if no model is
approved. strategy: by default expected_energy if the parameters name a target, else isolation_forest. With
expected_energy each row is scored by the posterior without it (in closed form). Faults among the rows make others
look less unusual, and many similar ones look normal: an approved model that was trained on other days detects more.
Errors: as edf.train_anomaly_model; 0A000 the approved model of the subject is a forecasting model.$$;
revoke all on function edf.detect_anomalies from public;

create function edf.explain_anomaly(model_id bigint, features jsonb) returns table (
    feature       text,
    value         double precision,
    typical       double precision,
    contribution  double precision,
    would_explain double precision
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    model  edf.models;
    target text;
    unit   text;
    name   text;
    given  jsonb;
    number double precision;
    numbers double precision[] := '{}';
begin
    perform edf.require('model_id', explain_anomaly.model_id is not null), edf.require('features', features is not null);
    if jsonb_typeof(features) <> 'object' then
        raise exception 'features are given in a JSON object, not in %', left(features::text, 200)
            using errcode = 'invalid_parameter_value', hint = 'select edf.explain_anomaly(model_id, to_jsonb(q)) from (...) as q gives a row.';
    end if;
    model := edf.anomaly_model(explain_anomaly.model_id);
    target := case when model.strategy = 'expected_energy' then model.parameters ->> 'target' end;
    unit := model.parameters ->> 'group';
    foreach name in array model.feature_names || array_remove(array[target], null) loop
        given := nullif(features -> name, 'null');
        begin
            number := case jsonb_typeof(given) when 'boolean' then (given::text = 'true')::integer else (given::text)::double precision end;
        exception when data_exception then
            raise exception 'feature "%" cannot be %', name, left(given::text, 200)
                using errcode = 'invalid_parameter_value',
                      hint = 'Features are numbers or booleans; null or no entry is a missing value.';
        end;
        numbers := numbers || number;
    end loop;
    return query
    select p.*
    from edf.anomaly_parts(
        model.artifact,
        row(array['1'], model.feature_names, numbers[:cardinality(model.feature_names)],
            case when target is not null then numbers[cardinality(model.feature_names) + 1:] end,
            case when unit is not null then array[coalesce(features ->> unit, '')] end, null)::edf.observations) as p;
end;
$$;
comment on function edf.explain_anomaly is
$$Explains the score of a row by a model of edf.train_anomaly_model: one row per feature; names in parentheses are
not features.

features: a row of the query that edf.score_anomalies reads, as a JSON object of to_jsonb; a value that is missing or
null is unknown, names that the model does not read are ignored. value: the feature's value; typical: its median in
the training set; both in the feature's unit. contribution: for expected_energy what the feature adds to a typical
day of this group, in the unit of the target; (base) is the typical day and (unexplained) the residual, and all add
up to the target. would_explain: the change of the feature that would explain the whole residual, in the feature's
unit; NULL if its weight may be zero. For isolation_forest and local_outlier_factor the contribution is how much the
raw score exceeds the one with a typical value of this feature alone; of two features that are only unusual together,
each has the whole. For alert_probability it is what the score adds to the log-odds.
Errors: 22004 a NULL argument, 22023 a value that is not a number, 42704 no such model, 55000 its artifact was
emptied, XX001 its artifact is damaged, 0A000 it is a forecasting model.$$;
revoke all on function edf.explain_anomaly from public;
comment on function edf.portfolio_quantiles is
    'Quantiles of sums over arrays; called by edf.portfolio. Errors: as edf.portfolio.';
comment on function edf.tuning_space is
$$The complete search space of edf.tune for a strategy; NULL is the strategy's default. Errors: 22023 an unknown
hyperparameter, an empty range, values of another type; 42704 an unknown strategy.$$;
comment on function edf.gauge_hours is
$$Time-weighted mean per UTC hour from from_at until to_at, from the readings of one gauge, in its unit; readings in
any order.

Each value is valid until the next one, for at most max_silence_h. quality and the other arguments: as in
edf.register_hours. Errors: 22023 a wrong argument.$$;
comment on function edf.read_features is
$$A strategy's feature spec, with its defaults filled in. Errors: 22023 an unknown name or a wrong value; 42704 an
unknown strategy.$$;
comment on table edf.backtests is 'Backtests stored by edf.keep_backtest. Deleting one deletes its forecasts.';
comment on function edf.register_backtest is
    'Writes a backtest and its forecasts; called by edf.keep_backtest. Returns the backtest''s id.';
comment on aggregate edf.crps(double precision, double precision[], double precision[]) is
$$Continuous ranked probability score, in the unit of the target: twice the pinball loss, each quantile weighted by
the share of levels nearest to it. An approximation, coarse if there are few quantiles. Laio and Tamea (2007),
OpenSTEF 4.$$;
comment on aggregate edf.peak_error(double precision, double precision) is
$$Difference between the highest predicted and the highest actual value, whenever they occurred, in percent of the
latter; group by day for the daily peak. BigDEAL Challenge 2022: Shukla and Hong (2024).$$;
comment on function edf.mean_value is 'The mean; final function of the metrics that are means.';
comment on function edf.require_known is
    'Raises 22023 for a name that is not known, and suggests the nearest known one.';
comment on function edf.diebold_mariano is
$$The Diebold-Mariano test: is forecast a better or worse than b by more than chance? One row: n pairs,
mean_difference of the losses (a minus b: below zero where a is better), statistic and p_value.

errors_a, errors_b: errors at the same steps in order of time; steps with a NULL are left out. horizon: steps ahead
of the forecasts; the variance includes autocovariances up to lag horizon - 1. power: of the loss, 1 absolute, 2
squared. alternative: two_sided, less (a is better), greater. kernel: bartlett (Newey and West), rectangular (as in
the paper of 1995; its variance may be negative, which gives no statistic).
statistic and p_value (Student t, n - 1 degrees of freedom) are corrected for small samples. They are NULL if the
difference of the losses is constant, as for identical forecasts, or there are no more pairs than horizon. Diebold
and Mariano (1995); Harvey, Leybourne and Newbold (1997).
Errors: 22023 arrays of unequal length or an argument out of range, 22000 NaN or infinite values.$$;
comment on function edf.require_column is 'Raises 22023 if a query does not have a column.';
comment on column edf.models.training_end is 'End of the training range, not included.';
comment on function edf.columns_of is
$$Names and types of a query's columns, without running it. Errors: 22023 an empty query, two columns of the same
name.$$;
comment on function edf.score_metrics is
    'The metrics of edf.score, in its order: unit, the columns of the forecasts that each reads, and its expression.';
comment on function edf.score_inputs is
$$The inputs of metrics in a query with these columns, and the expression of each over the query q.

Quantiles: columns named by their percentage (q05, q50, q97_5, each also as yhat_q05), or the arrays quantile_values
and quantiles.
Errors: 22023 a column that is not a number.$$;
comment on function edf.tuning_metric is
    'The expression of a metric that edf.tune can minimise. Errors: 22023 another metric.';
comment on function edf.rows_before is
$$A query restricted to rows before a time; with known_at also to those whose second column, when they were known, is
before it.$$;
comment on table edf.tunings is 'The arguments of searches by edf.tune. Deleting one deletes its trials.';
comment on column edf.tunings.space is 'The values to try of each hyperparameter: a range or a list.';
comment on column edf.tunings.metric is 'The error to minimise, of the forecasts of all origins.';
comment on column edf.tunings.settings is 'Arguments of the backtest of each trial, with the defaults filled in.';
comment on column edf.tunings.before is 'Rows from this time on are not read.';
comment on table edf.trials is 'The trials of a tuning: hyperparameters, and the error of a backtest with them.';
comment on column edf.trials.origins is 'Number of origins of the backtest.';
comment on function edf.open_tuning is
    'Returns the id of the tuning with these arguments, and creates it if there is none; called by edf.tune.';
