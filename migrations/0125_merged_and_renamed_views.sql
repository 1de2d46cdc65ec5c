-- Schema staging held one view, which moves to schema processed. The calendar of buildings had nearly the name of
-- energy.building_days, which holds energies. dbt's views are renamed here, so that those that read them stay.
alter view if exists staging.stg_raw__meter_readings set schema processed;
alter view if exists processed.int_building_days rename to int_building_calendar;
do $$
begin
    drop schema staging;
exception when dependent_objects_still_exist then
    raise warning 'schema staging is kept: it has objects that are not of the pipeline';
end;
$$;
comment on schema processed is 'dbt: readings without duplicates, hours and days of apartments and buildings, calendars.';

-- Only tests called it.
drop function if exists energy.newcomer_query(text, timestamptz, interval);
-- Without cloud cover, which no model reads.
drop function if exists energy.weather_as_of(text, timestamptz, timestamptz, timestamptz);
