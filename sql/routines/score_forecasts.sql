create or replace function energy.score_forecasts_of(building_ids text[], since timestamptz) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    written bigint;
begin
    with scored as (
        select building_id, local_date, lead_day, count(*)::integer as hours, sum(abs(actual)) as actual_kwh,
            edf.mape(actual, yhat) as mape_pct,
            edf.rmse(actual, yhat) as rmse_kwh, edf.mae(actual, yhat) as mae_kwh, edf.wape(actual, yhat) as wape_pct,
            edf.bias(actual, yhat) as bias_kwh,
            edf.coverage(actual, yhat_lower, yhat_upper) as coverage_pct,
            edf.pinball(actual, array[yhat_lower, yhat, yhat_upper],
                array[0.05, 0.5, 0.95]::double precision[]) as pinball_kwh
        from (
            select forecasts.building_id, (forecasts.valid_at at time zone buildings.time_zone)::date as local_date,
                ceil(greatest(lead_hours, 1) / 24.0)::integer as lead_day, hours.consumption_kwh as actual, yhat,
                yhat_lower, yhat_upper
            from raw.buildings
            join energy.forecasts using (building_id)
            join energy.building_hours as hours
                on (hours.building_id, hours.hour_at) = (forecasts.building_id, forecasts.valid_at)
            where buildings.building_id = any (building_ids) and hours.consumption_kwh is not null
              -- Whole local days.
              and forecasts.valid_at >= date_trunc('day', since at time zone time_zone) at time zone time_zone
              and hours.hour_at >= date_trunc('day', since at time zone time_zone) at time zone time_zone
        ) as issued
        group by building_id, local_date, lead_day
    )

    insert into energy.accuracy_days as kept
        (building_id, local_date, lead_day, hours, actual_kwh, mape_pct, rmse_kwh, mae_kwh, wape_pct, bias_kwh,
         coverage_pct, pinball_kwh)
    select building_id, local_date, lead_day, hours, actual_kwh, mape_pct, rmse_kwh, mae_kwh, wape_pct, bias_kwh,
        coverage_pct, pinball_kwh
    from scored
    on conflict on constraint accuracy_days_pkey do update
        set (hours, actual_kwh, mape_pct, rmse_kwh, mae_kwh, wape_pct, bias_kwh, coverage_pct, pinball_kwh)
          = (excluded.hours, excluded.actual_kwh, excluded.mape_pct, excluded.rmse_kwh, excluded.mae_kwh,
              excluded.wape_pct, excluded.bias_kwh,
             excluded.coverage_pct, excluded.pinball_kwh)
        where kept.* is distinct from excluded.*;
    get diagnostics written = row_count;
    return written;
end;
$$;
comment on function energy.score_forecasts_of(text[], timestamptz) is
$$Scores the forecasts of some buildings for the local days from that of a time on; energy.score_forecasts() calls
it. Returns the rows that changed.$$;
revoke all on function energy.score_forecasts_of(text[], timestamptz) from public;

create or replace procedure energy.score_forecasts(since timestamptz default null)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    from_at constant timestamptz := coalesce(score_forecasts.since, energy.clock() - interval '8 days');
begin
    if not pg_try_advisory_xact_lock(hashtextextended('energy.score_forecasts', 0)) then
        perform energy.record_job_run('score_forecasts', null, energy.clock(), clock_timestamp(), 'skipped',
            message => 'another run is in progress');
        return;
    end if;
    call energy.learn_weather_days();
    perform energy.run_by_building(
        'score_forecasts', array(select building_id from raw.buildings),
        format('select energy.score_forecasts_of($1, %L)', energy.iso(from_at)));
    perform energy.score_portfolios(from_at);
    perform energy.learn_portfolio_spreads();
end;
$$;
comment on procedure energy.score_forecasts(timestamptz) is
$$Scores issued forecasts against actuals: energy.accuracy_days, by building, local day and day of lead.

since: by default eight days ago, to include late readings and corrections; an earlier time scores again from there,
'-infinity' all. energy.learn_weather_days runs first for the days that are over; energy.score_portfolios and
energy.learn_portfolio_spreads run last for sums of buildings. A building that fails is recorded in energy.job_runs;
the others continue. Metrics are those of edf.score.$$;
revoke all on procedure energy.score_forecasts(timestamptz) from public;

-- Buildings without their own champion have no registered scores.
create or replace view energy.champion_scores as
select subject as building_id, model_id, lead_day, rmse_kwh, coverage_pct, known_at
from edf.models
join energy.model_scores using (model_id)
left join energy.trainings using (model_id)
where status = 'approved' and model_scores.strategy = models.strategy;
comment on view energy.champion_scores is
$$The evaluation with which the approved model of a building was registered, by day of lead, and the end of the data
that it was trained on.$$;

create or replace view energy.accuracy as
with

recent as (
    select building_id, lead_day, count(*) as days, sum(hours) as hours, sum(actual_kwh) as actual_kwh,
        sum(hours * mape_pct) / nullif(sum(hours) filter (where mape_pct is not null), 0) as mape_pct,
        sqrt(sum(hours * rmse_kwh ^ 2) / sum(hours)) as rmse_kwh, sum(hours * mae_kwh) / sum(hours) as mae_kwh,
        sum(hours * bias_kwh) / sum(hours) as bias_kwh, sum(hours * coverage_pct) / sum(hours) as coverage_pct,
        sum(hours * pinball_kwh) / sum(hours) as pinball_kwh
    from energy.accuracy_days
    where local_date >= (select (energy.clock() - look_back)::date from energy.monitoring_limits)
    group by building_id, lead_day
)

select recent.building_id, lead_day, days, hours, actual_kwh, mape_pct, recent.rmse_kwh, mae_kwh,
    100 * hours * mae_kwh / nullif(actual_kwh, 0) as wape_pct, bias_kwh,
    recent.coverage_pct, pinball_kwh, registered.rmse_kwh as registered_rmse_kwh,
    recent.rmse_kwh / nullif(registered.rmse_kwh, 0) as rmse_ratio
from recent
left join energy.champion_scores as registered using (building_id, lead_day);
comment on view energy.accuracy is
$$Accuracy of issued forecasts over the last monitoring.window, by building and day of lead, compared with the
champion's evaluation: rmse_ratio above 1 is worse than the evaluation. Errors in kWh per hour.$$;
