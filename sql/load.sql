-- Applied on every deploy, idempotent: routines, the API, grants. Run with psql as a superuser.
\set ON_ERROR_STOP on
begin;
-- edf_owner owns what is made here, and calls the extension.
grant usage on schema edf to edf_owner, pipeline, analyst;
set local role edf_owner;
\ir routines/clock.sql
\ir routines/current_config.sql
\ir routines/config_schema.sql
\ir routines/config_values.sql
\ir routines/config_errors.sql
\ir routines/reschedule_jobs.sql
\ir routines/load_config.sql
\ir routines/record_job_run.sql
\ir routines/schedules.sql
\ir routines/jobs.sql
\ir routines/run_by_building.sql
\ir routines/iso.sql
\ir routines/settings.sql
\ir routines/check_timescaledb.sql
\ir routines/storage.sql
\ir routines/make_partitions.sql
\ir routines/apply_retention.sql
\ir routines/enable_timescaledb.sql
\ir routines/hours_setting.sql
\ir routines/near.sql
\ir routines/topology.sql
\ir routines/check_topology.sql
\ir routines/ingest_meter_messages.sql
\ir routines/take_meter_messages.sql
\ir routines/ingest_meter_inbox.sql
\ir routines/replay_rejected.sql
\ir routines/ingest_weather.sql
\ir routines/weather_doors.sql
\ir routines/write_hours.sql
\ir routines/refresh_building_hours.sql
\ir routines/withdraw_readings.sql
\ir routines/rebuild_building_hours.sql
\ir routines/refresh_apartment_days.sql
\ir routines/learn_gap_profiles.sql
\ir routines/weather_as_of.sql
\ir routines/weather_reach.sql
\ir routines/forecast_slots.sql
\ir routines/calendar_regressors.sql
\ir routines/backfill_after.sql
\ir routines/archetype_subject.sql
\ir routines/apartments_of.sql
\ir routines/regressors.sql
\ir routines/building_inputs.sql
\ir routines/training_query.sql
\ir routines/forecast_query.sql
\ir routines/archetypes.sql
\ir routines/regressor_forecasts_query.sql
\ir routines/training_weather.sql
\ir routines/backtest_building.sql
\ir routines/overall_scores.sql
\ir routines/stress_test.sql
\ir routines/governance.sql
\ir routines/train_model.sql
\ir routines/train_archetype.sql
\ir routines/gate_models.sql
\ir routines/training_due.sql
\ir routines/queue_trainings.sql
\ir routines/training_steps.sql
\ir routines/train_models.sql
\ir routines/model_of_building.sql
\ir routines/challenges.sql
\ir routines/design_profiles.sql
\ir routines/design_forecast.sql
\ir routines/archetype_rules.sql
\ir routines/life_cycle.sql
\ir routines/empty_models.sql
\ir routines/forecast_lineage.sql
\ir routines/model_card.sql
\ir routines/record_deployment.sql
\ir routines/inputs_of_place.sql
\ir routines/forecast_sources.sql
\ir routines/issue_slot.sql
\ir routines/issue_batch.sql
\ir routines/claim_slots.sql
\ir routines/issue_forecasts.sql
\ir routines/work_on_forecasts.sql
\ir routines/watch_jobs.sql
\ir routines/run_job.sql
\ir routines/weather_likeness.sql
\ir routines/monitoring_limits.sql
\ir routines/score_forecasts.sql
\ir routines/drift.sql
\ir routines/freshness.sql
\ir routines/api_errors.sql
\ir routines/alert_deliveries.sql
\ir routines/alerts.sql
\ir routines/queues.sql
\ir routines/health.sql
\ir routines/request.sql
\ir api/check_token.sql
\ir api/forecasts.sql
\ir api/ingest_meter_messages.sql
\ir api/topology.sql
\ir api/models.sql
\ir api/alerts.sql
\ir pin_sessions.sql
select energy.define_jobs() where exists (select from energy.configs);
do $$ begin perform energy.record_deployment(); end; $$;
reset role;
\ir grants.sql
commit;
notify pgrst, 'reload schema';
