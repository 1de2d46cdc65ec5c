-- The technician's page: alerts about apartments, ranked by priority. It reads the views of the API with the caller's
-- rights.
create or replace function energy.page_value(value jsonb, unit text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
begin atomic
    -- A no-break space.
    select case jsonb_typeof(value)
        when 'number' then trim_scale(round((value #>> '{}')::numeric, 2)) || replace(unit, ' ', E'\u00a0')
        else left(value #>> '{}', 200) end;
end;
comment on function energy.page_value(jsonb, text) is
    'A value of the evidence formatted for pages, a number with its unit.';
revoke all on function energy.page_value(jsonb, text) from public;

create or replace function energy.page_evidence(evidence jsonb) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
begin atomic
    -- Keys carry units, as columns do.
    select string_agg(replace(detector, '_', ' ') || coalesce(': ' || said, ''), '. ' order by detector)
    from (
        select found.key as detector, string_agg(
            case when part.key = 'hours' then energy.page_value(part.value, ' h')
                 else replace(regexp_replace(part.key, '_(c|k|kwh|l|litres|share)$', ''), '_', ' ') || ' '
                    || energy.page_value(part.value, case substring(part.key from '_(c|k|kwh|l|litres|share)$')
                        when 'c' then ' °C' when 'k' then ' K' when 'kwh' then ' kWh' when 'l' then ' L'
                        when 'litres' then ' L' else '' end) end, ', ' order by part.key) as said
        from jsonb_each(case jsonb_typeof(evidence) when 'object' then evidence else '{}' end) as found
        left join lateral jsonb_each(case jsonb_typeof(found.value) when 'object' then found.value else '{}' end)
            as part on true
        group by found.key
    ) as detectors;
end;
comment on function energy.page_evidence(jsonb) is
    'The evidence of each detector as text: its name, then its values with units.';
revoke all on function energy.page_evidence(jsonb) from public;

create or replace function energy.page_alarms(standings text[], open_only boolean, building_id text) returns xml
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    select case when count(*) = 0 then xmlelement(name p, 'None.') else energy.page_table('cards',
        'The most probable faults first. Dates are those of the building.',
        array['Apartment', 'Score', 'Severity', 'What was found', 'Days', 'Status', 'What you found'],
        xmlagg(xmlelement(name tr, xmlattributes(alerts.alert_id as "data-row"),
            xmlelement(name th, xmlattributes('row' as scope),
                coalesce(nullif(alerts.apartment_id, ''), 'The whole building'),
                xmlelement(name small, alerts.building_id)),
            energy.page_cell('Score', xmlconcat(
                xmlelement(name span, energy.page_number(anomaly_score, 2)), energy.page_bar(anomaly_score))),
            energy.page_cell('Severity', energy.page_mark(
                case severity when 'critical' then 'bad' when 'warning' then 'warn' else 'good' end, severity)),
            energy.page_cell('What was found', coalesce(
                energy.page_evidence(evidence), array_to_string(detectors, ', '))),
            energy.page_cell('Days', case when last_date > first_date
                then format('%s: %s to %s', days, to_char(first_date, 'DD Mon'), to_char(last_date, 'DD Mon'))
                else to_char(first_date, 'DD Mon') end),
            energy.page_cell('Status', concat_ws(': ', case standing
                when 'alert' then regexp_replace(status, '^Resolved-', '') else replace(standing, '_', ' ') end,
                coalesce(resolved_by, taken_by), feedback_notes)),
            energy.page_cell('What you found', xmlconcat(
                case when status = 'Unseen' then energy.page_button('take_anomaly_alert',
                    jsonb_build_object('alert_id', alert_id), 'note', 'Note (optional)', 'Take',
                    'Take ' || alert_id, 'Yours: ' || alert_id, true) end,
                energy.page_button('resolve_anomaly_alert',
                    jsonb_build_object('alert_id', alert_id, 'outcome', 'true_positive'), 'note',
                    'What it was (optional)', 'A fault', 'A fault: ' || alert_id, 'A fault: ' || alert_id, true),
                energy.page_button('resolve_anomaly_alert',
                    jsonb_build_object('alert_id', alert_id, 'outcome', 'false_positive'), 'note',
                    'What it was (optional)', 'No fault', 'No fault: ' || alert_id, 'No fault: ' || alert_id,
                    true))))
            order by rank)) end
    from (
        select * from api.anomaly_alerts as listed
        where listed.standing = any (standings)
          and (page_alarms.building_id is null or listed.building_id = page_alarms.building_id)
          and (listed.status in ('Unseen', 'Investigating')) = open_only
        order by rank limit 100
    ) as alerts;
end;
comment on function energy.page_alarms(text[], boolean, text) is
    'Alerts with these standings, open or resolved, with the possible actions: /anomaly_alerts.';
revoke all on function energy.page_alarms(text[], boolean, text) from public;

create or replace function energy.technician_page(building_id text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    with

    buildings as materialized (
        select buildings.building_id, name from api.buildings
    )

    select energy.page('Apartments',
        case when (select count(*) from buildings) > 1 then xmlelement(name nav,
            xmlattributes('Your buildings' as "aria-label"),
            xmlelement(name a, xmlattributes('dashboard' as href,
                case when technician_page.building_id is null then 'page' end as "aria-current"), 'All '), (
            select xmlagg(xmlelement(name a, xmlattributes(
                energy.page_link(buildings.building_id) as href,
                case when buildings.building_id = technician_page.building_id then 'page' end as "aria-current"),
                name || ' ') order by buildings.building_id)
            from buildings)) end,
        case when (select count(*) from buildings) = 0
            then xmlelement(name p, 'You have no buildings yet. Ask the operator of this service for access.')
            else xmlconcat(
                energy.page_section('open', 'To look at',
                    energy.page_alarms('{alert}', true, technician_page.building_id), true),
                energy.page_section('listed', 'Below the threshold',
                    energy.page_alarms('{below_threshold,settling,withdrawn}', true, technician_page.building_id),
                    true),
                energy.page_section('resolved', 'Resolved',
                    energy.page_alarms('{alert}', false, technician_page.building_id), true)) end)
    where energy.check_page(
        building_id, technician_page.building_id in (select buildings.building_id from buildings), 1);
end;
comment on function energy.technician_page(text) is
$$The page of role technician: alerts about the apartments of their buildings, or of one of them. Errors: as
energy.check_page.$$;
revoke all on function energy.technician_page(text) from public;
