create or replace function energy.calendar_regressors() returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select string_agg(format('%I', attname), ', ' order by attnum)
        from pg_attribute
        where attrelid = 'processed.int_building_days'::regclass and attnum > 0 and not attisdropped
          and atttypid in ('boolean'::regtype, 'integer'::regtype)
    );
end;
$$;
comment on function energy.calendar_regressors() is
    'The columns of processed.int_building_days that models are given, as a list for a query: all that are numbers or booleans.';
revoke all on function energy.calendar_regressors() from public;
