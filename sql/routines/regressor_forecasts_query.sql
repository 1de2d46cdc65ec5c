create or replace function energy.weather_forecasts_query(building_id text, as_of timestamptz,
    since timestamptz default '-infinity')
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- A forecast is made for an hour at most inference.horizon ahead, from the newest run received by then: runs
    -- received after the hour began, or superseded before that time, are never used.
    select format(
        $query$
        with received as (
            select
                runs.valid_at, runs.received_at, runs.issued_at, runs.temperature_c, runs.ghi_w_m2,
                max(runs.issued_at) over (partition by runs.valid_at order by runs.received_at) as newest_issued_at
            from raw.weather_forecasts as runs
            join raw.buildings using (weather_location_id)
            where buildings.building_id = %1$L
              and runs.received_at <= %2$L
              and runs.received_at <= runs.valid_at
              and runs.valid_at >= %3$L
        ),

        -- Skips runs received after a newer one.
        told as (
            select *, lead(received_at) over (partition by valid_at order by received_at) as followed_at
            from received
            where issued_at = newest_issued_at
        )

        select valid_at, received_at, temperature_c, ghi_w_m2
        from told
        where followed_at is null or followed_at > valid_at - %4$L::interval
        $query$,
        building_id, energy.iso(as_of), energy.iso(since),
        energy.exact((energy.current_config() #>> '{inference,horizon}')::interval));
$$;
comment on function energy.weather_forecasts_query(text, timestamptz, timestamptz) is
$$The query of a building's historical weather forecasts: hours from since on, each run's values with when they were
received, none after as_of; only runs that a forecast would have used.$$;
revoke all on function energy.weather_forecasts_query(text, timestamptz, timestamptz) from public;

create or replace function energy.regressor_forecasts_query(building_id text, as_of timestamptz, since timestamptz,
    regressors text[]) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case when cardinality(regressors) = 0 then energy.weather_forecasts_query(building_id, as_of, since) else (
        select format(
            $query$
            with weather as (%1$s),

            -- A building's own value takes precedence over its region's once it is received.
            versions as (
                select name, valid_at, received_at, value from raw.regressors
                where name = any (%2$L) and received_at <= %4$L and valid_at >= %5$L and regressors.building_id = %3$L
                union all
                select name, valid_at, received_at, value from raw.regressors as wide
                where name = any (%2$L) and received_at <= %4$L and valid_at >= %5$L
                  and region = (select region from raw.buildings where building_id = %3$L)
                  and not exists (
                      select from raw.regressors as own
                      where own.building_id = %3$L and (own.name, own.valid_at) = (wide.name, wide.valid_at)
                        and own.received_at <= wide.received_at)
            ),

            events as (
                select valid_at, received_at, temperature_c, ghi_w_m2, null::text as name,
                    null::double precision as value from weather
                union all
                select valid_at, received_at, null, null, name, value from versions where received_at <= valid_at
                union all
                -- NaN before the first version: the value was unknown then, although the series has later ones.
                select valid_at, least(min(received_at), valid_at) - interval '366 days', null, null, name, 'NaN'
                from versions group by valid_at, name
            ),

            merged as (
                select valid_at, received_at, bool_or(name is null) as has_weather, max(temperature_c) as temperature_c,
                    max(ghi_w_m2) as ghi_w_m2%6$s
                from events
                group by valid_at, received_at
            ),

            -- Each value holds until the next one of its kind.
            numbered as (
                select *, count(*) filter (where has_weather) over known as weather_number%7$s
                from merged
                window known as (partition by valid_at order by received_at)
            )

            select valid_at, received_at,
                max(temperature_c) over (partition by valid_at, weather_number) as temperature_c,
                max(ghi_w_m2) over (partition by valid_at, weather_number) as ghi_w_m2%8$s
            from numbered
            $query$,
            energy.weather_forecasts_query(building_id, as_of, since), regressors, building_id, energy.iso(as_of),
            energy.iso(since),
            string_agg(format(', bool_or(name = %2$L) as has_%1$s, max(value) filter (where name = %2$L) as value_%1$s',
                at, name), '' order by at),
            string_agg(format(', count(*) filter (where has_%1$s) over known as number_%1$s', at), '' order by at),
            string_agg(format(', max(value_%1$s) over (partition by valid_at, number_%1$s) as %2$I', at, name), ''
                order by at))
        from unnest(regressors) with ordinality as named (name, at)
    ) end
$$;
comment on function energy.regressor_forecasts_query(text, timestamptz, timestamptz, text[]) is
$$The query of a building's regressors as known in advance, for regressor_forecasts of edf.train, edf.backtest and
edf.forecast: its weather forecasts (energy.weather_forecasts_query), and each version of its regressors, names in
raw.regressors, received before its hour began. It is NaN, read as missing, as long as no version was known.$$;
revoke all on function energy.regressor_forecasts_query(text, timestamptz, timestamptz, text[]) from public;

create or replace function energy.regressor_forecasts_query(building_id text, as_of timestamptz,
    since timestamptz default '-infinity')
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$ select energy.regressor_forecasts_query(building_id, as_of, since,
    energy.regressors_of(energy.current_config())) $$;
comment on function energy.regressor_forecasts_query(text, timestamptz, timestamptz) is
    'As with regressors, using the configured ones: the inputs of a training.';
revoke all on function energy.regressor_forecasts_query(text, timestamptz, timestamptz) from public;

create or replace function energy.stored_regressor_forecasts(building_id text, as_of timestamptz, since timestamptz,
    regressors text[])
returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    query  constant text := energy.regressor_forecasts_query(building_id, as_of, since, regressors);
    stored boolean;
begin
    execute format('select exists (%s)', query) into stored;
    return case when stored then query end;
end;
$$;
comment on function energy.stored_regressor_forecasts(text, timestamptz, timestamptz, text[]) is
$$energy.regressor_forecasts_query, or NULL if no values known in advance are stored: regressors are then used as
observed.$$;
revoke all on function energy.stored_regressor_forecasts(text, timestamptz, timestamptz, text[]) from public;

create or replace function energy.stored_regressor_forecasts(building_id text, as_of timestamptz,
    since timestamptz default '-infinity')
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$ select energy.stored_regressor_forecasts(building_id, as_of, since,
    energy.regressors_of(energy.current_config())) $$;
comment on function energy.stored_regressor_forecasts(text, timestamptz, timestamptz) is
    'As with regressors, using the configured ones: the inputs of a training.';
revoke all on function energy.stored_regressor_forecasts(text, timestamptz, timestamptz) from public;
