create or replace function energy.calendar_regressors() returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select string_agg(format('%I', attname), ', ' order by attnum)
        from pg_attribute
        where attrelid = 'processed.int_building_calendar'::regclass and attnum > 0 and not attisdropped
          and atttypid in ('boolean'::regtype, 'integer'::regtype)
    );
end;
$$;
comment on function energy.calendar_regressors() is
    'The columns of processed.int_building_calendar used by models, as a select list: all numeric and boolean columns.';
revoke all on function energy.calendar_regressors() from public;
