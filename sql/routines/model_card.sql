create or replace function energy.markdown_table(header text[], cells text[]) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select concat_ws(e'\n',
        '| ' || array_to_string(header, ' | ') || ' |',
        '|' || repeat('---|', cardinality(header)),
        (select string_agg(line, e'\n' order by at)
         from (
             select (n - 1) / cardinality(header) as at,
                 '| ' || string_agg(replace(replace(coalesce(cell, ''), '|', '\|'), e'\n', ' '), ' | '
                     order by n) || ' |' as line
             from unnest(cells) with ordinality as listed (cell, n)
             group by 1
         ) as lines))
$$;
comment on function energy.markdown_table(text[], text[]) is 'A table in Markdown: the cells row by row.';
revoke all on function energy.markdown_table(text[], text[]) from public;

create or replace function energy.model_card(model_id bigint) returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    model    edf.models;
    training energy.trainings;
    scores   text[];
    weather  text[];
    decided  text[];
    matters  text[];
    stressed text[];
    code     energy.deployments;
    served   record;
    finds    boolean;
begin
    model := edf.require_model(model_card.model_id);
    finds := model.strategy = any (edf.anomaly_strategies());
    select * into training from energy.trainings where trainings.model_id = model.model_id;
    select * into code from energy.deployments where deployed_at <= model.created_at order by deployed_at desc limit 1;
    select array_agg(cell order by strategy <> model.strategy, strategy, lead_day, at) into scores
    from energy.model_scores
    cross join lateral unnest(array[
        case strategy when model.strategy then 'this model' when 'champion' then 'the model approved then'
            else replace(strategy, '_', ' ') end,
        case lead_day when 0 then 'all' else lead_day::text end, n::text, round(rmse_kwh::numeric, 3)::text,
        round(mae_kwh::numeric, 3)::text,
        round(mape_pct::numeric, 1)::text, round(coverage_pct::numeric, 1)::text]) with ordinality as cells (cell, at)
    where model_scores.model_id = model.model_id;
    select array_agg(cell order by lead_day, at) into weather
    from energy.training_weather
    cross join lateral unnest(array[lead_day::text, round((100 * forecast_share)::numeric)::text,
        round((100 * observation_share)::numeric)::text]) with ordinality as cells (cell, at)
    where training_weather.model_id = model.model_id;
    if jsonb_typeof(model.metrics -> 'importance') = 'object' then
        select array_agg(cell order by n, at) into matters
        from (
            select row_number() over () as n, feature, mean_contribution, share
            from edf.feature_importance(model.model_id) limit 10
        ) as most
        cross join lateral unnest(array[feature, round(mean_contribution::numeric, 3)::text,
            round(100 * share::numeric, 1)::text]) with ordinality as cells (cell, at);
    end if;
    select array_agg(cell order by scenario, rule, at) into stressed
    from energy.stress_tests
    cross join lateral unnest(array[scenario, rule, case when passed then 'yes' else 'no' end,
        round(value::numeric, 2)::text, round(limit_value::numeric, 2)::text])
        with ordinality as cells (cell, at)
    where stress_tests.model_id = model.model_id
      and tested_at = (select max(tested_at) from energy.stress_tests as newest where newest.model_id = model.model_id);
    select array_agg(cell order by event_id, at) into decided
    from edf.model_events
    cross join lateral unnest(array[to_char(happened_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), event,
        coalesce(person || ' as ', '') || happened_by || case when session_role <> happened_by
            then format(' (logged in as %s)', session_role) else '' end, reason]) with ordinality as cells (cell, at)
    where model_events.model_id = model.model_id;
    select count(*) as forecasts, count(consumption_kwh) as n, edf.rmse(consumption_kwh, yhat) as rmse,
        edf.mape(consumption_kwh, yhat) as mape,
        edf.coverage(consumption_kwh, yhat_lower, yhat_upper) as coverage
    into served
    from energy.forecasts
    left join energy.building_hours on building_hours.building_id = forecasts.building_id and hour_at = valid_at
    where forecasts.model_id = model.model_id
      and valid_at >= model.training_end;
    return concat_ws(e'\n\n',
        format('# Model %s: %s', model.model_id, model.subject),
        energy.markdown_table(array['', ''], array[
            'status', model.status || case when model.artifact = '' then ', its artifact has been emptied' else '' end,
            case when finds then 'finds' else 'forecasts' end,
            case when finds then 'unusual days of apartments of '
                    || case when training.archetype is not null then format('archetype "%s"', training.archetype)
                        else format('"%s"', coalesce(training.building_id, model.subject)) end
                when training.archetype is not null
                then format('hourly demand in kWh of buildings of archetype "%s" without a model of their own',
                    training.archetype)
                              else format('hourly demand in kWh of "%s"', model.subject) end,
            'strategy', model.strategy,
            'trained', format('%s UTC by %s, with edf %s, code %s',
                to_char(model.created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), model.created_by,
                              coalesce(code.edf_version, 'unknown'), coalesce(left(code.checksum, 12), 'unknown')),
            'trained on', format('%s rows from %s to %s UTC, as known at %s UTC', model.training_rows,
                to_char(model.training_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI'),
                                  to_char(model.training_end at time zone 'UTC', 'YYYY-MM-DD HH24:MI'),
                                  coalesce(to_char(training.known_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'),
                                      'an unknown time')),
            'configuration', coalesce(training.config_id::text, 'none: it was not trained by the pipeline'),
            'artifact', format('%s bytes, SHA-256 %s', length(model.artifact), model.checksum)]),
        '## Evaluation',
        case when scores is null then 'It has no scores: it was not evaluated by the pipeline.'
             else case when finds then 'The newest days, judged by the same recipe without them: days of apartments, '
                     'errors in kWh a day, and the share of days that is no alarm.'
                     else 'Rolling origin before the training''s end, RMSE and MAE in kWh, coverage of the 90 % '
                     'interval.'
                 end || e'\n\n'
                  || energy.markdown_table(array[case when finds then 'model' else 'forecast' end, 'day of lead',
                      case when finds then 'days' else 'hours' end, 'RMSE', 'MAE', 'MAPE %',
                      'coverage %'], scores) end,
        case when model.status = 'pending' then
            coalesce('It fails evaluation.gate: ' || nullif(array_to_string(energy.gate_failures(model.model_id), '; '),
                ''), 'It passes evaluation.gate as currently configured.') end,
        case when stressed is not null then
            '## Stress test' || e'\n\n' || energy.markdown_table(array['scenario', 'rule', 'passed', 'found',
                'let pass'], stressed) end,
        case when not finds then '## Service' end,
        case when finds then null
             when served.n = 0 then format('It has forecast %s hours; none of them has a known demand yet.',
            served.forecasts)
             else format('It has forecast %s hours; demand is known for %s: RMSE %s kWh, MAPE %s %%, %s %% inside the '
                         '90 %% interval.', served.forecasts, served.n,
                         round(served.rmse::numeric, 3), coalesce(round(served.mape::numeric, 1)::text, '-'),
                         round(served.coverage::numeric, 1)) end,
        '## Inputs',
        format('%s features: %s.', cardinality(model.feature_names),
            coalesce(nullif(array_to_string(model.feature_names, ', '), ''), 'none')),
        case when matters is not null
            then energy.markdown_table(array['matters most', 'mean contribution, kWh', 'share %'], matters) end,
        case when weather is not null and not finds
            then energy.markdown_table(array['day of lead', 'weather as forecast %', 'as observed %'], weather) end,
        case when not finds then
            format('Spikes removed from the demand: %s.', coalesce(jsonb_array_length(model.metrics -> 'spikes'), 0))
        end,
        '## Recipe',
        format(e'```json\n%s\n```',
            jsonb_pretty(jsonb_build_object('parameters', model.parameters, 'features', model.features))),
        '## Decisions',
        energy.markdown_table(array['when (UTC)', 'what', 'who', 'why'], decided),
        '## Limits',
        case when finds then 'It knows the days of its training window. An unusual day is not always a fault, and a '
            'fault that lasted through the whole window looks usual.'
        else 'It knows the weather and the usage of its training window: column confidence of energy.forecasts measures '
        'how similar an hour is. It does not anticipate changes of use, tenants or heating.' end);
end;
$$;
comment on function energy.model_card(bigint) is
$$Model card in Markdown: training window, recipe, inputs, evaluation, stress test, accuracy in service, decisions,
limits; for a model that forecasts or one that finds anomalies. Errors: 42704 no such model.$$;
revoke all on function energy.model_card(bigint) from public;
