create or replace function energy.regressor_forecasts_query(building_id text, as_of timestamptz, since timestamptz default '-infinity')
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- A forecast that is asked for an hour at most inference.horizon before it reads the newest run received by then: runs received after
    -- the hour began, or followed by a newer one before anybody asked, are never read.
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

        -- A run that came after a newer one told nothing new.
        told as (
            select *, lead(received_at) over (partition by valid_at order by received_at) as followed_at
            from received
            where issued_at = newest_issued_at
        )

        select valid_at, received_at, temperature_c, ghi_w_m2
        from told
        where followed_at is null or followed_at > valid_at - %4$L::interval
        $query$,
        building_id, energy.iso(as_of), energy.iso(since), energy.exact((energy.current_config() #>> '{inference,horizon}')::interval));
$$;
comment on function energy.regressor_forecasts_query(text, timestamptz, timestamptz) is
$$The query of a building's weather as it was forecast, for regressor_forecasts of edf.train, edf.backtest and edf.forecast: hours from
since on, each run's values with when they were received, none after as_of; only runs that a forecast would have read.$$;
revoke all on function energy.regressor_forecasts_query(text, timestamptz, timestamptz) from public;

create or replace function energy.stored_regressor_forecasts(building_id text, as_of timestamptz, since timestamptz default '-infinity')
returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    query  constant text := energy.regressor_forecasts_query(building_id, as_of, since);
    stored boolean;
begin
    execute format('select exists (%s)', query) into stored;
    return case when stored then query end;
end;
$$;
comment on function energy.stored_regressor_forecasts(text, timestamptz, timestamptz) is
    'energy.regressor_forecasts_query, or NULL where no weather forecast is stored: then weather is read as observed.';
revoke all on function energy.stored_regressor_forecasts(text, timestamptz, timestamptz) from public;
