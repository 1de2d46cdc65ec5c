do $$
begin
    -- PostgREST responds with the media type that the function's return type is named after.
    if to_regtype('api."text/html"') is null then
        create domain api."text/html" as text;
    end if;
end;
$$;
comment on domain api."text/html" is 'A page in HTML.';

create or replace function api.dashboard(building_id text default null, lead_day integer default 1)
returns api."text/html"
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    -- With the caller's rights: each page shows only what the caller may read anyway.
    select case current_user
        when 'operator' then energy.operator_page(building_id, lead_day)
        when 'resident' then energy.resident_page(building_id)
        when 'technician' then energy.technician_page(building_id)
        else energy.supplier_page()
    end::api."text/html"
    from energy.page_headers();
end;
comment on function api.dashboard(text, integer) is
$$HTML page for browsers

An operator sees the overall status, alerts, models to decide on, and one building (`building_id`) with its forecasts as
of up to `lead_day` days ahead (1 to 7); a resident sees the coming days of their building, a technician the alerts
about apartments, a supplier the sum of its buildings.

Example: `GET /rpc/dashboard?building_id=all-homes&lead_day=1` with `Accept: text/html`$$;
revoke all on function api.dashboard(text, integer) from public;
grant execute on function api.dashboard(text, integer), energy.page_headers(), energy.operator_page(text, integer),
    energy.resident_page(text), energy.technician_page(text), energy.supplier_page(),
    energy.check_page(text, boolean, integer),
    energy.page(text, xml, xml), energy.page_style(), energy.page_script(),
    energy.page_section(text, text, xml, boolean), energy.page_number(double precision, integer),
    energy.page_percent(double precision, integer),
    energy.page_time(timestamptz, text), energy.page_tile(text, text, text, text, text),
    energy.page_cell(text, text), energy.page_table(text, text, text[], xml),
    energy.page_bar(double precision), energy.page_errors(text),
    energy.page_scale(double precision, double precision),
    energy.page_chart(text, text, text, timestamptz[], double precision[], double precision[], double precision[],
                      double precision[], double precision[]),
    energy.request_subject(), energy.iso(timestamptz) to operator, resident, supplier, technician;
grant execute on function energy.page_link(text, integer) to operator, resident, technician;
grant execute on function energy.page_alarms(text[], boolean, text), energy.page_evidence(jsonb),
    energy.page_value(jsonb, text), energy.page_mark(text, text),
    energy.page_cell(text, xml), energy.page_button(text, jsonb, text, text, text, text, text, boolean) to technician;
grant execute on function energy.page_clock(timestamptz, text), energy.page_ahead(text, text),
    energy.request_advice(text, double precision[], double precision[]), energy.page_advice(text, text),
    energy.page_week(text, text) to resident;
grant execute on function energy.page_tiles(), energy.page_alerts(), energy.page_models(),
    energy.page_buildings(api.buildings[], integer), energy.page_building(api.buildings[], text, integer),
    energy.page_jobs(),
    energy.page_mark(text, text), energy.page_cell(text, xml),
    energy.page_heatmap(text, text, timestamptz[], double precision[]),
    energy.page_button(text, jsonb, text, text, text, text, text, boolean) to operator;
