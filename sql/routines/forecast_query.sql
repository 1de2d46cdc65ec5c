create or replace function energy.forecast_query(building_id text, issued_at timestamptz, horizon interval) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- The grid has every hour: one that was not known at the issue time is a row without demand, not a gap.
    select format(
        $query$
        select grid.valid_at,
            case when hours.received_at <= %2$L then hours.consumption_kwh end as consumption_kwh,
            weather.temperature_c,
            weather.ghi_w_m2,
            %5$s
        from generate_series(%2$L::timestamptz - %4$L::interval, %2$L::timestamptz + %3$L::interval - interval '1 hour',
                             interval '1 hour') as grid (valid_at)
        join raw.buildings on buildings.building_id = %1$L
        -- The dates, a day wider than any zone needs, are all of the calendar that is made.
        left join processed.int_building_days as calendar
            on calendar.building_id = %1$L
            and calendar.local_date = (grid.valid_at at time zone buildings.time_zone)::date
            and calendar.local_date >= (%2$L::timestamptz - %4$L::interval)::date - 1
            and calendar.local_date <= (%2$L::timestamptz + %3$L::interval)::date + 1
        left join energy.building_hours as hours
            on hours.building_id = %1$L and hours.hour_at = grid.valid_at and hours.hour_at < %2$L
        left join energy.weather_as_of(
            (select weather_location_id from raw.buildings where building_id = %1$L), %2$L,
            %2$L::timestamptz - %4$L::interval, %2$L::timestamptz + %3$L::interval) as weather on weather.valid_at = grid.valid_at
        $query$,
        building_id, issued_at, horizon, energy.current_config() #>> '{inference,history}', energy.calendar_regressors());
$$;
comment on function energy.forecast_query(text, timestamptz, interval) is
$$The query that a building is forecast from, for edf.forecast: recent hours and the hours ahead, as they were known at issued_at.

Only rows with received_at <= issued_at are used; weather is that of energy.weather_as_of. Of an hour that was corrected later its first value is no longer kept, so
that it is missing.$$;
revoke all on function energy.forecast_query(text, timestamptz, interval) from public;
