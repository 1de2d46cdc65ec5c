create or replace procedure energy.gate_models()
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    gate      constant jsonb := energy.current_config() #> '{evaluation,gate}';
    candidate record;
    most      double precision;
    reason    text;
    state     text;
    message   text;
    advice    text;
begin
    for candidate in
        -- Mean squares: seasonal naive may have fewer hours.
        with scored as (
            select model_id, archetype,
                scores.strategy = models.strategy as is_model,
                scores.strategy = 'seasonal_naive' as is_naive,
                n, rmse_kwh, coverage_pct
            from edf.models
            join energy.model_scores as scores using (model_id)
            left join energy.trainings using (model_id)
            where status = 'pending'
        )

        select model_id, archetype,
            sqrt(sum(n * rmse_kwh ^ 2) filter (where is_model) / nullif(sum(n) filter (where is_model), 0)
               / nullif(sum(n * rmse_kwh ^ 2) filter (where is_naive) / nullif(sum(n) filter (where is_naive), 0), 0)) as rmse_ratio,
            sum(n * coverage_pct) filter (where is_model) / nullif(sum(n) filter (where is_model), 0) as coverage_pct
        from scored
        group by model_id, archetype
    loop
        -- Seasonal naive is asked for hours of which it knows the week before; a newcomer's model does not.
        most := case when candidate.archetype is null then gate ->> 'max_rmse_ratio'
                     else coalesce(gate ->> 'max_newcomer_rmse_ratio', '1') end;
        reason := concat_ws('; ',
            case when (candidate.rmse_ratio <= most) is not true then
                format('RMSE is %s of seasonal naive''s, at most %s is let pass',
                       coalesce(round(candidate.rmse_ratio::numeric, 3)::text, 'unknown'), most) end,
            case when candidate.archetype is null and (candidate.coverage_pct >= (gate ->> 'min_coverage_pct')::double precision) is not true then
                format('the interval covers %s %% of the hours, at least %s %% are asked',
                       coalesce(round(candidate.coverage_pct::numeric, 1)::text, 'unknown'), gate ->> 'min_coverage_pct') end);
        begin
            if reason <> '' then
                perform edf.reject_model(candidate.model_id, 'gate: ' || reason);
            end if;
        exception when others then
            -- Somebody may have decided on it at the same time.
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            perform energy.record_job_run(
                'gate_models', (select building_id from energy.trainings where model_id = candidate.model_id), energy.clock(), clock_timestamp(),
                'failed', 0, state, format('model %s: %s', candidate.model_id, message), advice, candidate.archetype);
        end;
    end loop;
end;
$$;
comment on procedure energy.gate_models() is
$$Rejects pending models whose backtest fails the configured gate, with the reason; the others stay pending for a person to approve.

The gate: RMSE over all leads against seasonal naive, and the coverage of the interval (evaluation.gate in config/edf.yaml). A model of an archetype is held to the
first alone, at max_newcomer_rmse_ratio, by its errors as those of newcomers: its intervals are made of these, so that their coverage there says nothing. A model that cannot be rejected is a row of
energy.job_runs; the others go on.$$;
revoke all on procedure energy.gate_models() from public;
