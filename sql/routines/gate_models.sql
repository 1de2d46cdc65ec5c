create or replace function energy.gate_failures(model_id bigint) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with scored as (
        select models.model_id, models.strategy = any (energy.anomaly_models()) as finds_anomalies, trainings.archetype, own.mape_pct, own.rmse_kwh, own.coverage_pct,
            own.rmse_kwh / nullif(naive.rmse_kwh, 0) as naive_ratio,
            champion.rmse_kwh is not null as has_champion,
            own.rmse_kwh / nullif(champion.rmse_kwh, 0) as champion_ratio
        from edf.models
        left join energy.trainings using (model_id)
        left join energy.overall_scores as own on own.model_id = models.model_id and own.strategy = models.strategy
        left join energy.overall_scores as naive on naive.model_id = models.model_id
            and naive.strategy = 'seasonal_naive'
        left join energy.overall_scores as champion on champion.model_id = models.model_id
            and champion.strategy = 'champion'
        where models.model_id = gate_failures.model_id
    ),

    -- Seasonal naive is evaluated on hours whose week before is known, which a newcomer does not have. The interval of
    -- a newcomer's model is made from its own errors, so that its coverage says nothing.
    limits as (
        select scored.*, gate,
            case when archetype is null then gate ->> 'max_rmse_ratio'
                else coalesce(gate ->> 'max_newcomer_rmse_ratio', '1') end::double precision as max_naive_ratio
        from scored cross join (select energy.current_config() #> '{evaluation,gate}' as gate) as configs
    )

    select case when finds_anomalies then array_remove(array[
        case when (100 - coverage_pct <= coalesce((gate ->> 'max_alarm_pct')::double precision, 5)) is not true then
            format('%s %% of the days that were held out are alarms, at most %s %% are let pass',
                   coalesce(round((100 - coverage_pct)::numeric, 1)::text, 'an unknown share, no'), coalesce(gate ->> 'max_alarm_pct', '5')) end
    ], null) else array_remove(array[
        case when (naive_ratio <= max_naive_ratio) is not true then
            format('RMSE is %s of seasonal naive''s, at most %s is allowed',
                coalesce(round(naive_ratio::numeric, 3)::text, 'unknown'), max_naive_ratio) end,
        case when archetype is null
            and (coverage_pct >= (gate ->> 'min_coverage_pct')::double precision) is not true then
            format('the interval covers %s %% of the hours, at least %s %% is required',
                   coalesce(round(coverage_pct::numeric, 1)::text, 'unknown'), gate ->> 'min_coverage_pct') end,
        case when nullif(gate -> 'max_mape_pct', 'null') is not null
            and (mape_pct <= (gate ->> 'max_mape_pct')::double precision) is not true then
            format('MAPE is %s %%, at most %s %% is allowed', coalesce(round(mape_pct::numeric, 1)::text, 'unknown'),
                gate ->> 'max_mape_pct') end,
        case when nullif(gate -> 'max_rmse_kwh', 'null') is not null
            and (rmse_kwh <= (gate ->> 'max_rmse_kwh')::double precision) is not true then
            format('RMSE is %s kWh, at most %s kWh is allowed', coalesce(round(rmse_kwh::numeric, 3)::text, 'unknown'),
                gate ->> 'max_rmse_kwh') end,
        case when has_champion and nullif(gate -> 'max_champion_rmse_ratio', 'null') is not null
                  and (champion_ratio <= (gate ->> 'max_champion_rmse_ratio')::double precision) is not true then
            format('RMSE is %s of the champion''s on the same hours, at most %s is allowed',
                   coalesce(round(champion_ratio::numeric, 3)::text, 'unknown'), gate ->> 'max_champion_rmse_ratio') end
    ], null) end
    from limits
$$;
comment on function energy.gate_failures(bigint) is
$$The checks of evaluation.gate in the configuration that a model fails, with the numbers; empty if it passes, NULL if
there is no such model. RMSE over all leads relative to seasonal naive and to the champion on the same hours, RMSE in
kWh, MAPE in percent, coverage of the 90 % interval. A model of an archetype is checked against max_newcomer_rmse_ratio,
with its errors on newcomers, and not for coverage; an anomaly model against max_alarm_pct.$$;
revoke all on function energy.gate_failures(bigint) from public;

create or replace procedure energy.gate_models()
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    candidate record;
    state     text;
    message   text;
    advice    text;
begin
    for candidate in
        select models.model_id, trainings.building_id, trainings.archetype,
            energy.gate_failures(models.model_id) as failures
        from edf.models
        left join energy.trainings using (model_id)
        where status = 'pending'
          and exists (select from energy.model_scores as scores where scores.model_id = models.model_id)
        order by models.model_id
    loop
        begin
            if candidate.failures <> '{}' then
                perform edf.reject_model(candidate.model_id, 'gate: ' || array_to_string(candidate.failures, '; '));
            else
                perform energy.auto_approve_model(candidate.model_id);
            end if;
        exception when others then
            -- Another session may have decided on it concurrently.
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            perform energy.record_job_run(
                'gate_models', candidate.building_id, energy.clock(), clock_timestamp(),
                'failed', 0, state, format('model %s: %s', candidate.model_id, message), advice, candidate.archetype);
        end;
    end loop;
end;
$$;
comment on procedure energy.gate_models() is
$$Checks pending models against evaluation.gate of the current configuration: models that fail are rejected, with the
numbers (energy.gate_failures); those that meet governance.auto_approve, if configured, are approved, and the rest stay
pending for a person to decide. energy.train_models does the same with each model that it trains. A model whose decision
fails is recorded in energy.job_runs; the others continue.$$;
revoke all on procedure energy.gate_models() from public;
