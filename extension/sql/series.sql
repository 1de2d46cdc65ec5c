-- Any query as a series.

create type edf.series as (
    times           timestamptz[],
    target          double precision[],
    regressor_names text[],
    regressors      double precision[]
);
comment on type edf.series is
    'A series as arrays: times (start of each step), target, names of the regressors, and the regressors one column after the other.';

-- No pinned search_path: the query is the caller's and is read as the caller would read it.
create function edf.series_of(query text, known_at boolean default false) returns edf.series
language plpgsql stable
as $$
declare
    body    text := rtrim(query, e' \t\r\n;');
    names   text[];
    types   text[];
    columns text;
    second  text;
    series  edf.series;
begin
    if query is null then
        return row('{}'::timestamptz[], '{}'::double precision[], '{}'::text[], '{}'::double precision[])::edf.series;
    end if;
    if body = '' then
        raise exception 'the query is empty'
            using errcode = 'invalid_parameter_value', hint = 'Give a query of (time, target, regressors...).';
    end if;
    select array_agg(c.name order by c.at), array_agg(c.type order by c.at) into names, types
    from edf.columns_of(query) with ordinality as c (name, type, at);
    if cardinality(names) < 2 then
        raise exception 'the query''s columns are (%): a time, a target and regressors, each with its own name, are needed',
            array_to_string(names, ', ')
            using errcode = 'invalid_parameter_value', hint = 'Name the columns in the query with AS.';
    end if;
    if types[1] <> 'timestamp with time zone' then
        raise exception 'the first column, %, is of type %; it must be timestamptz', names[1], types[1]
            using errcode = 'invalid_parameter_value', hint = 'A timestamp without zone becomes one by: column AT TIME ZONE ''UTC''.';
    end if;
    if known_at and types[2] <> 'timestamp with time zone' then
        raise exception 'the second column, %, is of type %; it must be timestamptz: when the row was known', names[2], types[2]
            using errcode = 'invalid_parameter_value', hint = 'Regressor forecasts are a query of (time, received_at, regressors...).';
    end if;
    for at in case when known_at then 3 else 2 end .. cardinality(names) loop
        if types[at] not in ('double precision', 'real', 'numeric', 'integer', 'bigint', 'smallint', 'boolean') then
            raise exception 'column % is of type %; the target and regressors are numbers or booleans', names[at], types[at]
                using errcode = 'invalid_parameter_value', hint = 'Leave it out, or cast it to double precision.';
        end if;
    end loop;
    select string_agg(format('array_agg(q.%I::%s double precision)', name, case types[at] when 'boolean' then 'integer::' else '' end), ' || ' order by at)
    into columns
    from unnest(names) with ordinality as n(name, at)
    where at > 2;
    second := case when known_at then format('extract(epoch from q.%I)', names[2])
                   when types[2] = 'boolean' then format('q.%I::integer', names[2])
                   else format('q.%I', names[2]) end;
    execute format(
        e'select array_agg(q.%1$I), array_agg((%2$s)::double precision), $1, %3$s
          from (select * from (\n%4$s\n) as q order by q.%1$I) as q',
        names[1], second,
        coalesce(columns, '''{}''::double precision[]'), body)
    into series using names[3:];
    if series.times is null then
        raise exception 'the query returns no row' using errcode = 'data_exception', hint = 'Check its conditions.';
    end if;
    if array_position(series.times, null) is not null then
        raise exception 'column % is NULL in a row', names[1]
            using errcode = 'data_exception', hint = 'Every row needs its time; leave such rows out.';
    end if;
    return series;
end;
$$;
comment on function edf.series_of(text, boolean) is
$$Runs a query of (time timestamptz, target, regressors...), columns by position, and returns it as arrays ordered by time; a NULL query gives empty arrays.

known_at: the second column is no target but when the row was known (timestamptz), returned in seconds since 1970: regressors as they were forecast.
Errors: 22000 no row or a NULL time, 22023 an empty query, wrong columns or types.$$;

create function edf.require(name text, given boolean) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if given is not true then
        raise exception 'argument % is NULL', name
            using errcode = 'invalid_parameter_value', hint = 'Give it a value, or leave it out for its default.';
    end if;
end;
$$;
comment on function edf.require(text, boolean) is 'Refuses a NULL argument by its name (22023).';
