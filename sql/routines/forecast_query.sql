create or replace function energy.forecast_query(building_id text, issued_at timestamptz, horizon interval) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- The grid has every hour: one that was not known at the issue time is a row without demand, not a gap.
    -- Weather is observed where the observation was known, else as the newest run known foretold it.
    select format(
        $query$
        select grid.valid_at,
            case when past.received_at <= %2$L then past.consumption_kwh end as consumption_kwh,
            coalesce(case when past.weather_received_at <= %2$L then past.temperature_c end, runs.temperature_c) as temperature_c,
            coalesce(case when past.weather_received_at <= %2$L then past.ghi_w_m2 end, runs.ghi_w_m2) as ghi_w_m2,
            calendar.is_holiday, calendar.is_day_before_holiday, calendar.is_day_after_holiday, calendar.is_bridge_day,
            calendar.days_until_next_holiday, calendar.days_since_last_holiday, calendar.is_school_holiday,
            calendar.is_christmas_period, calendar.is_event
        from generate_series(%2$L::timestamptz - %4$L::interval, %2$L::timestamptz + %3$L::interval - interval '1 hour',
                             interval '1 hour') as grid (valid_at)
        join raw.buildings on buildings.building_id = %1$L
        -- The dates, a day wider than any zone needs, are all of the calendar that is made.
        left join processed.int_building_days as calendar
            on calendar.building_id = %1$L
            and calendar.local_date = (grid.valid_at at time zone buildings.time_zone)::date
            and calendar.local_date >= (%2$L::timestamptz - %4$L::interval)::date - 1
            and calendar.local_date <= (%2$L::timestamptz + %3$L::interval)::date + 1
        left join features.fct_training_samples as past
            on past.building_id = %1$L and past.valid_at = grid.valid_at and past.valid_at < %2$L
        left join (
            select distinct on (valid_at) valid_at, temperature_c, ghi_w_m2
            from features.fct_forecast_inputs
            where building_id = %1$L and weather_received_at <= %2$L
              and valid_at >= %2$L::timestamptz - %4$L::interval and valid_at < %2$L::timestamptz + %3$L::interval
            order by valid_at, weather_issued_at desc
        ) as runs on runs.valid_at = grid.valid_at
        $query$,
        building_id, issued_at, horizon, energy.current_config() #>> '{inference,history}');
$$;
comment on function energy.forecast_query(text, timestamptz, interval) is
$$The query that a building is forecast from, for edf.forecast: recent hours and the hours ahead, as they were known at issued_at.

Only rows with received_at <= issued_at are used. Of an hour that was corrected later its first value is no longer kept, so that it is missing.$$;
revoke all on function energy.forecast_query(text, timestamptz, interval) from public;
