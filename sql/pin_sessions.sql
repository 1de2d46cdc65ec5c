-- Pins the settings that affect results, so that each routine returns the same for every caller and connection:
-- otherwise the text of times, dates, intervals and numbers, day arithmetic and backslashes in patterns would depend on
-- the session. Procedures that commit cannot have SET clauses; they call pinned functions for computations. Applied
-- after the routines, whose definitions only set search_path.
do $$
declare
    routine regprocedure;
begin
    for routine in
        select oid from pg_proc
        where pronamespace in ('energy'::regnamespace, 'api'::regnamespace) and proowner = 'edf_owner'::regrole
          and exists (select from unnest(proconfig) as setting where setting like 'search_path=%')
    loop
        execute format('alter routine %s set timezone = %L', routine, 'UTC');
        execute format('alter routine %s set datestyle = %L', routine, 'ISO, MDY');
        execute format('alter routine %s set intervalstyle = %L', routine, 'postgres');
        execute format('alter routine %s set extra_float_digits = %L', routine, '1');
        execute format('alter routine %s set bytea_output = %L', routine, 'hex');
        execute format('alter routine %s set standard_conforming_strings = %L', routine, 'on');
        execute format('alter routine %s set quote_all_identifiers = %L', routine, 'off');
        execute format('alter routine %s set transform_null_equals = %L', routine, 'off');
        execute format('alter routine %s set array_nulls = %L', routine, 'on');
    end loop;
end;
$$;
