create or replace function energy.archetype_history() returns interval
language sql stable
set search_path = pg_catalog, pg_temp
return coalesce(energy.current_config() #>> '{training,archetype_history}', '180 days')::interval;
comment on function energy.archetype_history() is
$$Length of the history that the model of an archetype is trained on; all of its buildings are held in memory at
once.$$;
revoke all on function energy.archetype_history() from public;

create or replace function energy.archetype_zone(archetype text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$ select mode() within group (order by time_zone) from raw.buildings
    where buildings.archetype = archetype_zone.archetype $$;
comment on function energy.archetype_zone(text) is
    'The time zone used by the model of an archetype: the most common one of its buildings. NULL: it has no buildings.';
revoke all on function energy.archetype_zone(text) from public;

create or replace function energy.archetype_members(archetype text, before timestamptz) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Eight days are the minimum of strategy global. Ordering by hash gives a stable, unbiased sample.
    with taught as (
        select building_id
        from raw.buildings
        join energy.building_hours using (building_id)
        where buildings.archetype = archetype_members.archetype
          and time_zone = (select energy.archetype_zone(archetype_members.archetype))
          -- Buildings without apartments have no size.
          and exists (select from raw.apartments where apartments.building_id = buildings.building_id)
          and hour_at >= (select before - energy.archetype_history()) and hour_at < before and received_at <= before
        group by building_id
        having count(consumption_kwh) >= 8 * 24
        order by md5(building_id)
        limit (select coalesce((energy.current_config() #>> '{training,archetype_buildings}')::integer, 60))
    )

    select coalesce(array_agg(building_id order by building_id), '{}') from taught
$$;
comment on function energy.archetype_members(text, timestamptz) is
$$The buildings used to train the model of an archetype: those in its time zone with eight days of known demand at a
time; a sample if there are more than training.archetype_buildings.$$;
revoke all on function energy.archetype_members(text, timestamptz) from public;

create or replace function energy.archetype_training_query(building_ids text[], before timestamptz) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with members as (
        select building_id, weather_location_id,
            dense_rank() over (order by weather_location_id) as place,
            greatest(spans.first_at,
                date_trunc('hour', before - energy.exact(energy.archetype_history()), 'UTC')) as since,
            energy.apartments_of(building_id, before) as apartments
        from raw.buildings
        cross join lateral (select min(hour_at) as first_at from energy.building_hours as hours
            where hours.building_id = buildings.building_id) as spans
        where building_id = any (building_ids) and spans.first_at < date_trunc('hour', before, 'UTC')
    )

    -- Buildings at the same place share one weather query. Without members, the query returns no rows.
    select case when count(*) = 0 then
        format('select %L::text as building_id, inputs.*, 0 as apartments from (%s) as inputs', '',
            energy.building_inputs('', before, before, before))
    else format(
        'with %s %s',
        string_agg(distinct format('weather_%s as materialized (select * from energy.weather_as_of(%L, %L, %L, %L))',
            place, weather_location_id,
                                   energy.iso(before), energy.iso((select min(since) from members)),
                                   energy.iso(date_trunc('hour', before, 'UTC'))), ', '),
        string_agg(format('select %L::text as building_id, inputs.*, %s as apartments from (%s) as inputs', building_id,
            apartments,
                          energy.inputs_with_weather(format('weather_%s', place), building_id, before, since,
                              date_trunc('hour', before, 'UTC'),
                                                     energy.regressors_of(energy.current_config()))),
                   ' union all ' order by building_id))
    end
    from members
$$;
comment on function energy.archetype_training_query(text[], timestamptz) is
$$The query of several buildings for edf.train_global: energy.building_inputs of each as of a time, with its number
of apartments, limited to training.archetype_history.$$;
revoke all on function energy.archetype_training_query(text[], timestamptz) from public;
