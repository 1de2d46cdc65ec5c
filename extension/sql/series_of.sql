-- Any query as a series.

-- No pinned search_path: the query is the caller's and is read as the caller would read it.
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
