-- The operator's page, section by section. Each reads the views of the API with the caller's rights; the buildings are
-- read once for the page.

-- Earlier versions read them in each section.
drop function if exists energy.page_buildings(integer) cascade;
drop function if exists energy.page_building(text, integer) cascade;

create or replace function energy.page_tiles() returns xml
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    select xmlelement(name div, xmlattributes('overview' as id, '' as "data-live"),
        xmlelement(name p, energy.page_mark(
            case status when 'ok' then 'good' when 'failing' then 'bad' else 'warn' end, split_part(words, ':', 1)),
            substr(words, length(split_part(words, ':', 1)) + 1)),
        xmlelement(name dl, xmlattributes('tiles' as class),
            energy.page_tile('forecast', 'Buildings forecast', format('%s of %s', buildings_forecast, buildings),
                case when buildings_forecast = buildings then 'good' else 'warn' end, 'with a fresh forecast'),
            energy.page_tile('late', 'Late', buildings_late::text,
                case when buildings_late = 0 then 'good' else 'bad' end, 'without one'),
            energy.page_tile('falling_back', 'Falling back', buildings_falling_back::text,
                case when buildings_falling_back = 0 then 'good' else 'warn' end, 'forecast without a model'),
            energy.page_tile('yesterday', 'Error yesterday',
                energy.page_percent(yesterday_wape_pct), null,
                case when yesterday_wape_pct is null then 'not scored yet' else 'WAPE, first day of lead' end),
            energy.page_tile('alerts', 'Open alerts', (critical_alerts + warning_alerts + info_alerts)::text,
                case when critical_alerts > 0 then 'bad' when warning_alerts > 0 then 'warn' else 'good' end,
                format('%s critical, %s warnings', critical_alerts, warning_alerts))))
    from api.health;
end;
comment on function energy.page_tiles() is 'Overall status: /health.';
revoke all on function energy.page_tiles() from public;

create or replace function energy.page_button(
    call text, body jsonb, field text, label text, verb text, title text, done text, is_optional boolean default false
) returns xml
language sql immutable
begin atomic
    select xmlelement(name button, xmlattributes(
        'button' as type, call as "data-call", body as "data-body", field as "data-field", label as "data-label",
        verb as "data-verb", title as "data-title", done as "data-done",
        case when is_optional then 'true' end as "data-optional", title as "aria-label"), verb);
end;
comment on function energy.page_button(text, jsonb, text, text, text, text, text, boolean) is
$$A button that asks for a text and posts it with body to a function of the API, as field. title and label: texts of the
dialog; done: the message on success. energy.page_script implements it.$$;
revoke all on function energy.page_button(text, jsonb, text, text, text, text, text, boolean) from public;

create or replace function energy.page_alerts() returns xml
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    select energy.page_section('alerts', 'Alerts',
        case when count(*) = 0 then xmlelement(name p, 'There are no open alerts.') else energy.page_table('cards',
            'What is wrong now, the worst first. Times are UTC.',
            array['Subject', 'Severity', 'What is wrong', 'Since', 'Seen by'],
            xmlagg(xmlelement(name tr, xmlattributes(alert_id as "data-row"),
                xmlelement(name th, xmlattributes('row' as scope), coalesce(nullif(subject, ''), rule)),
                energy.page_cell('Severity', energy.page_mark(
                    case severity when 'critical' then 'bad' when 'warning' then 'warn' else 'good' end, severity)),
                energy.page_cell('What is wrong', xmlconcat(
                    xmlelement(name span, message), xmlelement(name small, coalesce(advice, meaning, '–')))),
                energy.page_cell('Since', energy.page_time(opened_at)),
                case when acknowledged_at is not null
                     then energy.page_cell('Seen by', concat_ws(': ', acknowledged_by, note))
                     else energy.page_cell('Seen by', energy.page_button(
                         'acknowledge_alert', jsonb_build_object('alert_id', alert_id), 'note', 'Note (optional)',
                         'Acknowledge', 'Acknowledge: ' || message, 'Acknowledged: ' || message, true)) end)
            order by array_position(array['critical', 'warning', 'info'], severity), opened_at, alert_id)) end, true)
    from api.alerts where resolved_at is null;
end;
comment on function energy.page_alerts() is 'Open alerts, to acknowledge: /alerts.';
revoke all on function energy.page_alerts() from public;

create or replace function energy.page_models() returns xml
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    select energy.page_section('models', 'Models waiting for approval',
        case when count(*) = 0 then xmlelement(name p, 'There are no pending models.') else energy.page_table('cards',
            'Errors of a backtest in kWh per hour, over all days of lead. Times are UTC.',
            array['Model', 'Trained', 'RMSE', 'Approved now', 'Seasonal naive', 'MAPE', 'In 90 %', 'Found', 'Decision'],
            xmlagg(xmlelement(name tr, xmlattributes(model_id as "data-row"),
                xmlelement(name th, xmlattributes('row' as scope), subject,
                    xmlelement(name small, format('%s, model %s', strategy, model_id))),
                energy.page_cell('Trained', xmlconcat(
                    energy.page_time(trained_at), xmlelement(name small, 'by ' || trained_by))),
                energy.page_cell('RMSE', energy.page_number(rmse_kwh, 3)),
                energy.page_cell('Approved now', energy.page_number(champion_rmse_kwh, 3)),
                energy.page_cell('Seasonal naive', energy.page_number(naive_rmse_kwh, 3)),
                energy.page_cell('MAPE', energy.page_percent(mape_pct)),
                energy.page_cell('In 90 %', energy.page_percent(coverage_pct)),
                energy.page_cell('Found', concat_ws(
                    '. ', problem, 'Stress test: ' || nullif(array_to_string(stress_failures, '; '), ''))),
                energy.page_cell('Decision', xmlconcat(
                    energy.page_button('approve_model', jsonb_build_object('model_id', model_id), 'reason', 'Reason',
                        'Approve', format('Approve model %s of %s', model_id, subject),
                        format('Model %s of %s is approved.', model_id, subject)),
                    energy.page_button('reject_model', jsonb_build_object('model_id', model_id), 'reason', 'Reason',
                        'Reject', format('Reject model %s of %s', model_id, subject),
                        format('Model %s of %s is rejected.', model_id, subject)))))
            order by subject, model_id desc)) end, true)
    from api.models where status = 'pending';
end;
comment on function energy.page_models() is 'Pending models, to approve or reject with a reason: /models.';
revoke all on function energy.page_models() from public;

create or replace function energy.page_buildings(buildings api.buildings[], lead_day integer) returns xml
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    select energy.page_section('buildings', 'Buildings',
        case when count(*) = 0 then xmlelement(name p, 'There is none yet.') else energy.page_table('cards',
            'Those that need a look come first. Times are UTC.',
            array['Building', 'State', 'Last measurement', 'Forecast until', 'Issued', 'By', 'Error yesterday'],
            xmlagg(xmlelement(name tr, xmlattributes(building_id as "data-row"),
                xmlelement(name th, xmlattributes('row' as scope),
                    xmlelement(name a, xmlattributes(
                        energy.page_link(building_id, lead_day) || '#building' as href), building_id),
                    case when name <> building_id then xmlelement(name small, name) end),
                energy.page_cell('State', case
                    when is_late then energy.page_mark('bad', 'late')
                    when is_falling_back then energy.page_mark('warn', 'falling back')
                    else energy.page_mark('good', 'forecast') end),
                energy.page_cell('Last measurement', energy.page_time(measured_until)),
                energy.page_cell('Forecast until', energy.page_time(forecast_until)),
                energy.page_cell('Issued', energy.page_time(issued_at)),
                energy.page_cell('By', source),
                energy.page_cell('Error yesterday', energy.page_percent(yesterday_wape_pct)))
            order by is_late desc, is_falling_back desc, building_id)) end, true)
    from unnest(buildings);
end;
comment on function energy.page_buildings(api.buildings[], integer) is
    'Buildings, and how current measurements and forecasts are: rows of /buildings.';
revoke all on function energy.page_buildings(api.buildings[], integer) from public;

create or replace function energy.page_building(listed api.buildings[], building_id text, lead_day integer)
returns xml
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    with

    buildings as (
        select * from unnest(listed) as buildings
    ),

    chosen as materialized (
        select * from buildings
        where page_building.building_id is null or buildings.building_id = page_building.building_id
        order by is_late desc, is_falling_back desc, buildings.building_id limit 1
    ),

    measured as materialized (
        select valid_at, demand_kwh from api.measured_demand
        where measured_demand.building_id = (select chosen.building_id from chosen)
          and valid_at >= date_trunc('day', energy.clock(), 'UTC') - interval '15 days'
          and valid_at < energy.clock()
    ),

    -- Past hours as forecast lead_day days ahead, future hours by the newest forecast.
    forecast as (
        (
            select distinct on (valid_at) valid_at, demand_kwh, demand_lower_kwh, demand_upper_kwh
            from api.forecast_history
            where forecast_history.building_id = (select chosen.building_id from chosen)
              and valid_at >= date_trunc('hour', energy.clock(), 'UTC') - interval '7 days'
              and valid_at < date_trunc('hour', energy.clock(), 'UTC')
              and superseded_at is null and ceil(greatest(lead_hours, 1) / 24.0) = page_building.lead_day
            order by valid_at, issued_at desc
        )
        union all
        select valid_at, demand_kwh, demand_lower_kwh, demand_upper_kwh from api.forecasts
        where forecasts.building_id = (select chosen.building_id from chosen)
    ),

    hours as (
        select valid_at, measured.demand_kwh as measured_kwh, forecast.demand_kwh, demand_lower_kwh, demand_upper_kwh
        from forecast full join measured using (valid_at)
        where valid_at >= date_trunc('hour', energy.clock(), 'UTC') - interval '7 days'
    )

    select energy.page_section('building', 'Building ' || chosen.building_id, xmlconcat(
        xmlelement(name form, xmlattributes('get' as method, '#building' as action, 'choice' as class),
            xmlelement(name div, xmlelement(name label, xmlattributes('choose' as "for"), 'Building'),
                xmlelement(name "select", xmlattributes('choose' as id, 'building_id' as name), (
                    select xmlagg(xmlelement(name option, xmlattributes(
                        buildings.building_id as value,
                        case when buildings.building_id = chosen.building_id then 'selected' end as selected),
                        concat_ws(', ', buildings.building_id, nullif(buildings.name, buildings.building_id)))
                        order by buildings.building_id)
                    from buildings))),
            xmlelement(name div, xmlelement(name label, xmlattributes('lead' as "for"), 'Forecast made'),
                xmlelement(name "select", xmlattributes('lead' as id, 'lead_day' as name), (
                    select xmlagg(xmlelement(name option, xmlattributes(
                        day as value, case when day = lead_day then 'selected' end as selected),
                        format('%s to %s hours ahead', 24 * day - 23, 24 * day)) order by day)
                    from generate_series(1, greatest(3, lead_day)) as day))),
            xmlelement(name button, 'Show')),
        (
            select energy.page_chart('Measured and forecast.',
                format('The last seven days with the forecast of %s to %s hours ahead, then the newest forecast.',
                       24 * lead_day - 23, 24 * lead_day), chosen.time_zone,
                coalesce(array_agg(valid_at order by valid_at), '{}'), array_agg(measured_kwh order by valid_at),
                array_agg(demand_kwh order by valid_at), array_agg(demand_lower_kwh order by valid_at),
                array_agg(demand_upper_kwh order by valid_at))
            from hours
        ),
        xmlelement(name h3, 'Error by lead'),
        energy.page_errors(chosen.building_id),
        xmlelement(name h3, 'Demand by day and hour'),
        (
            select case when count(*) = 0 then xmlelement(name p, 'There are no measurements yet.')
                else energy.page_heatmap(
                    format('Measured demand in kWh per hour of the last days, by local hours (%s).', chosen.time_zone),
                    chosen.time_zone, array_agg(valid_at order by valid_at), array_agg(demand_kwh order by valid_at))
                end
            from measured
            where (valid_at at time zone chosen.time_zone)::date
                > (energy.clock() at time zone chosen.time_zone)::date - 14
        )), true)
    from chosen;
end;
comment on function energy.page_building(api.buildings[], text, integer) is
$$One of the rows of /buildings (NULL: the one that most needs attention): measured demand against the median forecast
lead_day days ahead, errors by day of lead, demand by day and hour. /measured_demand, /forecast_history, /forecasts,
/accuracy.$$;
revoke all on function energy.page_building(api.buildings[], text, integer) from public;

create or replace function energy.page_jobs() returns xml
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    select energy.page_section('jobs', 'Jobs',
        case when count(*) = 0 then xmlelement(name p, 'There is none yet.') else energy.page_table('cards',
            'The last run of each. Times are UTC, by the clock of the server.',
            array['Job', 'Last run', 'Started', 'Took', 'Next'],
            xmlagg(xmlelement(name tr, xmlattributes(job_name as "data-row"),
                xmlelement(name th, xmlattributes('row' as scope), job_name, xmlelement(name small, description)),
                energy.page_cell('Last run', xmlconcat(
                    energy.page_mark(case when is_late or last_status in ('failed', 'killed') then 'bad'
                        when last_status is null then 'warn' else 'good' end,
                        concat_ws(', ', coalesce(last_status, 'not yet'), case when is_late then 'late' end)),
                    case when last_message <> '' then xmlelement(name small, last_message) end)),
                energy.page_cell('Started', energy.page_time(last_started_at)),
                energy.page_cell(
                    'Took', round(extract(epoch from last_finished_at - last_started_at), 1) || E'\u00a0s'),
                energy.page_cell('Next', energy.page_time(next_run_at)))
            order by is_late desc, last_status in ('failed', 'killed') desc nulls last, job_name)) end, true)
    from api.jobs;
end;
comment on function energy.page_jobs() is 'Each job and its last run: /jobs.';
revoke all on function energy.page_jobs() from public;

create or replace function energy.operator_page(building_id text, lead_day integer) returns text
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    select energy.page('Operation', xmlelement(name nav, xmlattributes('Parts of the page' as "aria-label"), (
            select xmlagg(xmlelement(name a, xmlattributes('#' || part as href), name || ' ') order by n)
            from (values (1, 'alerts', 'Alerts'), (2, 'models', 'Models'), (3, 'buildings', 'Buildings'),
                (4, 'building', 'One building'), (5, 'jobs', 'Jobs')) as parts (n, part, name))),
        xmlconcat(energy.page_tiles(), energy.page_alerts(), energy.page_models(),
            energy.page_buildings(listed, lead_day), energy.page_building(listed, operator_page.building_id, lead_day),
            energy.page_jobs()))
    from (select coalesce(array_agg(buildings), '{}') as listed from api.buildings) as all_of
    where energy.check_page(
        operator_page.building_id,
        exists (select from unnest(listed) as known where known.building_id = operator_page.building_id), lead_day);
end;
comment on function energy.operator_page(text, integer) is
    'The page of role operator. Errors: as energy.check_page.';
revoke all on function energy.operator_page(text, integer) from public;
