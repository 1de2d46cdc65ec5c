create or replace function energy.naive_of_newcomers(training_query text, horizon interval, left_out text[])
returns table (origins bigint, n bigint, naive_n bigint, mape_pct double precision, rmse_kwh double precision, mae_kwh double precision)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query execute format(
        $query$
        with panel as (
            select building_id, valid_at, consumption_kwh from (%s) as panel
            where building_id <> all ($1)
        ),

        spans as (
            select building_id, max(valid_at) filter (where consumption_kwh is not null) + interval '1 hour' as end_at, min(valid_at) as first_at
            from panel
            group by building_id
        ),

        -- Of the newest eight weeks, or whole days where there are less.
        counted as (
            select building_id, end_at,
                end_at - least(interval '1344 hours', floor(extract(epoch from end_at - first_at) / 86400) * interval '24 hours') as from_at
            from spans
        ),

        origins as (
            select building_id, end_at, birth_at + age * interval '24 hours' as issued_at
            from counted
            cross join lateral generate_series(from_at, end_at - interval '1 hour', interval '672 hours') as birth_at
            cross join generate_series(0, 6) as age
            where birth_at + age * interval '24 hours' < end_at
        ),

        pairs as (
            select issued_at, hours.consumption_kwh as actual, before.consumption_kwh as naive
            from origins
            join panel as hours
                on hours.building_id = origins.building_id
                and hours.valid_at >= issued_at and hours.valid_at < least(issued_at + $2, end_at)
            left join panel as before
                on before.building_id = hours.building_id and before.valid_at = hours.valid_at - interval '168 hours'
            where hours.consumption_kwh is not null
        )

        select (select count(*) from origins), count(*), count(naive), edf.mape(actual, naive), edf.rmse(actual, naive), edf.mae(actual, naive)
        from pairs
        $query$,
        training_query)
    using left_out, horizon;
end;
$$;
comment on function energy.naive_of_newcomers(text, interval, text[]) is
$$The errors that seasonal naive would have had where metrics -> held_out of a global model has those of newcomers: on the same hours, but with the
demand of a week before, which a newcomer has not.

n: hours that the model was scored on; naive_n: those of them that have a week before. Two lives of each series begin in its newest eight weeks, four weeks apart; each
is forecast daily in its first week. origins is what held_out counts too.$$;
revoke all on function energy.naive_of_newcomers(text, interval, text[]) from public;

create or replace function energy.train_archetype(archetype text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    version  constant bigint := energy.current_config_id();
    config   constant jsonb := (select config from energy.configs where config_id = version);
    horizon  constant interval := config #>> '{inference,horizon}';
    query    constant text := energy.archetype_training_query(train_archetype.archetype, energy.clock());
    zones    text[];
    features jsonb;
    held_out jsonb;
    model    bigint;
begin
    select array_agg(distinct time_zone order by time_zone),
        jsonb_build_object('latitude', avg(latitude), 'longitude', avg(longitude)) || (config -> 'features')
        || jsonb_build_object('time_zone', min(time_zone))
    into zones, features
    from raw.buildings where buildings.archetype = train_archetype.archetype;
    if zones is null then
        raise exception 'there is no building of archetype "%"', train_archetype.archetype
            using errcode = 'undefined_object', hint = 'select distinct archetype from raw.buildings lists archetypes.';
    end if;
    if cardinality(zones) > 1 then
        raise exception 'the buildings of archetype "%" lie in several time zones: %', train_archetype.archetype, array_to_string(zones, ', ')
            using errcode = 'invalid_parameter_value',
                  hint = 'A model goes by one clock on the wall: give the buildings of each zone an archetype of their own in raw.buildings.';
    end if;
    model := edf.train_global(energy.archetype_subject(train_archetype.archetype), query, '{"size": "apartments"}', features, horizon);
    insert into energy.trainings (model_id, config_id, archetype, known_at)
    values (model, version, train_archetype.archetype, energy.clock());
    select metrics -> 'held_out' into held_out from edf.models where model_id = model;
    insert into energy.model_scores (model_id, strategy, lead_day, n, mape_pct, rmse_kwh, mae_kwh)
    select model, scores.*
    from energy.naive_of_newcomers(query, horizon, array(select jsonb_array_elements_text(held_out -> 'left_out'))) as naive
    cross join lateral (values
        ('global', 0, naive.n, (held_out #>> '{model,mape_pct}')::double precision, (held_out #>> '{model,rmse}')::double precision,
         (held_out #>> '{model,mae}')::double precision),
        ('seasonal_naive', 0, naive.naive_n, naive.mape_pct, naive.rmse_kwh, naive.mae_kwh)
    ) as scores;
    return model;
end;
$$;
comment on function energy.train_archetype(text) is
$$Trains one model of all buildings of an archetype, for those that have no model of their own, with features as configured: edf.train_global on
energy.archetype_training_query, the number of apartments being the size. Its place is the mean of theirs.

Returns the id of the pending model, whose subject is energy.archetype_subject(archetype). Its scores in energy.model_scores, lead_day 0, are those of newcomers: each building
forecast by others as if it had just begun. Errors: as edf.train_global; 22023 several time zones; 42704 no building is of the archetype.$$;
revoke all on function energy.train_archetype(text) from public;
