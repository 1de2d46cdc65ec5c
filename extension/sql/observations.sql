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
