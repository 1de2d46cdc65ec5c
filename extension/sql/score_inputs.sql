-- The columns of a query of forecasts, and those that metrics read.

-- No pinned search_path: the query is the caller's and is read as the caller would read it.
create function edf.columns_of(query text) returns table (name text, type text)
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
comment on function edf.columns_of is
$$Names and types of a query's columns, without running it. Errors: 22023 an empty query, two columns of the same
name.$$;
revoke all on function edf.columns_of from public;

create function edf.score_metrics() returns table (metric text, unit text, reads text[], expression text)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    values
        ('mape',           'percent',        array['actual', 'yhat'], 'edf.mape(actual, yhat)'),
        ('smape',          'percent',        array['actual', 'yhat'], 'edf.smape(actual, yhat)'),
        ('wape',           'percent',        array['actual', 'yhat'], 'edf.wape(actual, yhat)'),
        ('rmse',           'unit of actual', array['actual', 'yhat'], 'edf.rmse(actual, yhat)'),
        ('mae',            'unit of actual', array['actual', 'yhat'], 'edf.mae(actual, yhat)'),
        ('mase',           'ratio',          array['actual', 'yhat', 'scale'], 'edf.mase(actual, yhat, scale)'),
        ('bias',           'unit of actual', array['actual', 'yhat'], 'edf.bias(actual, yhat)'),
        ('pinball',        'unit of actual', array['actual', 'quantile_values', 'quantiles'], 'edf.pinball(actual, quantile_values, quantiles)'),
        ('crps',           'unit of actual', array['actual', 'quantile_values', 'quantiles'], 'edf.crps(actual, quantile_values, quantiles)'),
        ('rcrps',          'ratio',          array['actual', 'quantile_values', 'quantiles'], 'edf.rcrps(actual, quantile_values, quantiles)'),
        ('coverage',       'percent',        array['actual', 'yhat_lower', 'yhat_upper'], 'edf.coverage(actual, yhat_lower, yhat_upper)'),
        ('interval_width', 'unit of actual', array['actual', 'yhat_lower', 'yhat_upper'],
            'edf.interval_width(yhat_lower, yhat_upper) filter (where actual is not null)'),
        ('peak_error',     'percent',        array['actual', 'yhat', 'issued_at', 'lead_hours'], 'min(peaks.peak_error)')
$$;
comment on function edf.score_metrics is
    'The metrics of edf.score, in its order: unit, the columns of the forecasts that each reads, and its expression.';

create function edf.score_inputs(names text[], types text[]) returns table (name text, expression text)
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
comment on function edf.score_inputs is
$$The inputs of metrics in a query with these columns, and the expression of each over the query q.

Quantiles: columns named by their percentage (q05, q50, q97_5, each also as yhat_q05), or the arrays quantile_values
and quantiles.
Errors: 22023 a column that is not a number.$$;
