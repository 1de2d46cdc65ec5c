create or replace function energy.page_errors(building_id text default null) returns xml
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    select case when count(*) = 0 then xmlelement(name p, 'No forecast was scored yet.') else energy.page_table(
        'numbers', 'Errors of the forecasts issued in the last days, by day of lead. kWh per hour.',
        array['Ahead'] || case when page_errors.building_id is null then array['Building'] end
            || array['WAPE', 'RMSE', 'RMSE promised', 'Bias', 'In 90 %'],
        xmlagg(xmlelement(name tr, xmlattributes(lead_day as "data-row"),
            xmlelement(name th, xmlattributes('row' as scope), format('%s to %s h', 24 * lead_day - 23, 24 * lead_day)),
            xmlforest(
                case when page_errors.building_id is null then scored.building_id end as td,
                xmlconcat(
                    xmlelement(name span, energy.page_percent(wape_pct)), energy.page_bar(wape_pct / highest)) as td,
                energy.page_number(rmse_kwh, 2) as td, energy.page_number(promised_rmse_kwh, 2) as td,
                energy.page_number(bias_kwh, 2) as td, energy.page_percent(coverage_pct) as td))
            order by scored.building_id, lead_day)) end
    from (
        select *, max(wape_pct) over () as highest from api.accuracy
        where page_errors.building_id is null or accuracy.building_id = page_errors.building_id
    ) as scored;
end;
comment on function energy.page_errors(text) is
    'Errors by day of lead, of a building (NULL: of all visible ones): /accuracy.';
revoke all on function energy.page_errors(text) from public;
