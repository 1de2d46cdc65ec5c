create or replace view energy.overall_scores as
select
    model_id,
    strategy,
    sum(n)::bigint as n,
    sum(n * mape_pct) / nullif(sum(n) filter (where mape_pct is not null), 0) as mape_pct,
    -- Weighted by hours: seasonal naive may have fewer of them.
    sqrt(sum(n * rmse_kwh ^ 2) / nullif(sum(n), 0)) as rmse_kwh,
    sum(n * mae_kwh) / nullif(sum(n), 0) as mae_kwh,
    sum(n * coverage_pct) / nullif(sum(n) filter (where coverage_pct is not null), 0) as coverage_pct
from energy.model_scores
group by model_id, strategy;
comment on view energy.overall_scores is 'energy.model_scores over all days of lead: one row per model and strategy.';
