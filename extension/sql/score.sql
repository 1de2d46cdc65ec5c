-- No pinned search_path: the query is the caller's and is read as the caller would read it.
create function edf.score(
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
revoke all on function edf.score from public;
