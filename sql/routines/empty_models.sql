create or replace function energy.empty_models() returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    rule  constant jsonb := nullif(energy.governance() -> 'retention', 'null');
    model record;
    freed bigint := 0;
begin
    if rule is null then
        return 0;
    end if;
    -- Shadow forecasts were never served, so they need not be kept as a record.
    delete from energy.shadow_forecasts
    where model_id in (
        select model_id from energy.challenges
        group by model_id
        having max(coalesce(ended_at, 'infinity')) < now() - (rule ->> 'keep_months')::integer * interval '1 month');
    for model in
        with ended as (
            select model_id, status, max(happened_at) as at,
                row_number() over (partition by subject, status order by max(event_id) desc) as place
            from edf.models
            join edf.model_events using (model_id)
            where status in ('rejected', 'retired') and event in ('rejected', 'retired') and artifact <> ''
            group by model_id, subject, status
        )

        select model_id, status, at from ended
        where at < now() - (rule ->> 'keep_months')::integer * interval '1 month'
          -- Models that a rollback can restore.
          and (status = 'rejected' or place > (rule ->> 'keep_last')::integer)
        order by model_id
    loop
        freed := freed + edf.empty_model(
            model.model_id,
            format('governance.retention of configuration %s: %s on %s, kept for %s months; of each subject the last '
                   '%s retired are kept',
                   energy.current_config_id(), model.status, model.at::date, rule ->> 'keep_months',
                   rule ->> 'keep_last'));
    end loop;
    return freed;
end;
$$;
comment on function energy.empty_models() is
$$Empties the artifacts of rejected and retired models by governance.retention of the configuration: those that ended
more than keep_months ago, except the keep_last most recently retired of each subject. Rows, scores and events are kept,
so that energy.forecast_lineage stays complete; shadow forecasts of challenges that ended as long ago are deleted.
Returns the bytes freed.$$;
revoke all on function energy.empty_models() from public;
