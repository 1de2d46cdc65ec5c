create or replace procedure energy.gate_models()
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    gate      constant jsonb := energy.current_config() #> '{evaluation,gate}';
    candidate record;
    reason    text;
begin
    for candidate in
        select model_id,
            sqrt(sum(n * rmse_kwh ^ 2) filter (where scores.strategy = models.strategy)
               / nullif(sum(n * rmse_kwh ^ 2) filter (where scores.strategy = 'seasonal_naive'), 0)) as rmse_ratio,
            sum(n * coverage_pct) filter (where scores.strategy = models.strategy)
                / nullif(sum(n) filter (where scores.strategy = models.strategy), 0) as coverage_pct
        from edf.models
        join energy.model_scores as scores using (model_id)
        where status = 'pending'
        group by model_id
    loop
        reason := concat_ws('; ',
            case when (candidate.rmse_ratio <= (gate ->> 'max_rmse_ratio')::double precision) is not true then
                format('RMSE is %s of seasonal naive''s, at most %s is let pass',
                       coalesce(round(candidate.rmse_ratio::numeric, 3)::text, 'unknown'), gate ->> 'max_rmse_ratio') end,
            case when (candidate.coverage_pct >= (gate ->> 'min_coverage_pct')::double precision) is not true then
                format('the interval covers %s %% of the hours, at least %s %% are asked',
                       coalesce(round(candidate.coverage_pct::numeric, 1)::text, 'unknown'), gate ->> 'min_coverage_pct') end);
        if reason <> '' then
            perform edf.reject_model(candidate.model_id, 'gate: ' || reason);
        end if;
    end loop;
end;
$$;
comment on procedure energy.gate_models() is
$$Rejects pending models whose backtest fails the configured gate, with the reason; the others stay pending for a person to approve.

The gate: RMSE over all leads against seasonal naive, and the coverage of the interval (evaluation.gate in config/edf.yaml).$$;
revoke all on procedure energy.gate_models() from public;
