-- Grants of all roles; sql/grants.tsv is the resulting list. API roles have no access outside of schema api.
grant usage on schema raw, processed, features, energy to pipeline, analyst;

grant select on all tables in schema raw, energy to pipeline, analyst;
-- Only edf_owner is known to the nodes; the registry has the same artifacts.
revoke select on energy.node_models from pipeline, analyst;
grant insert on raw.sensors, raw.weather_forecasts, raw.weather_observations, raw.ingestions to pipeline;
grant insert, update on raw.meter_readings, raw.rejected_messages to pipeline;
grant insert, update, delete on raw.meter_inbox to pipeline;
grant insert on energy.forecasts, energy.model_scores, energy.trainings to pipeline;
-- Only the pipeline writes forecasts and scores; trainings by analysts write them through energy.train_model.
revoke insert on energy.forecasts, energy.model_scores, energy.trainings from analyst;
-- Configurations are written by energy.load_config, which validates them; job runs by energy.record_job_run.
revoke insert on energy.configs, energy.job_runs from pipeline, analyst;
grant insert, delete on energy.hours_due, energy.days_due, energy.buildings_due to pipeline;
grant insert, update on energy.meter_turns, energy.rejected_volumes to pipeline;
grant insert, update, delete on energy.building_spans, energy.building_heard, energy.apartment_hours,
    energy.measure_hours,
    energy.building_hours, energy.apartment_days, energy.apartment_features to pipeline;
-- Only the pipeline writes scores. Their evidence names rooms and temperatures, which analysts may not read.
grant insert, update, delete on energy.anomaly_scores, energy.anomaly_days, energy.anomaly_days_due to pipeline;
grant insert, update on energy.sensor_spans, energy.gap_profiles to pipeline;
grant insert, update on energy.accuracy_days, energy.alerts to pipeline;
grant update (checked_at) on energy.alert_rules to pipeline;
grant insert on energy.alert_deliveries to pipeline;
grant insert, update, delete on energy.weather_days to pipeline;
grant insert, update, delete on energy.portfolio_errors to pipeline;
grant insert, delete on energy.portfolio_spreads to pipeline;
grant execute on function energy.weather_likeness(text, timestamptz, timestamptz, timestamptz),
    energy.days_of_weather(text, timestamptz, timestamptz, timestamptz) to analyst;
grant execute on function energy.population_stability(double precision[], double precision[], integer),
    energy.page_hinkley(double precision[], double precision, double precision) to analyst;
grant execute on procedure energy.acknowledge_alert(bigint, text) to analyst;
-- Users maintain the calendar.
grant insert on raw.regressors to pipeline, analyst;
grant insert on raw.tariff_prices, raw.carbon_intensity to pipeline, analyst;
grant insert, update, delete on raw.tariffs, raw.building_tariffs to analyst;
grant delete on raw.tariff_prices, raw.carbon_intensity to analyst;
grant insert, update, delete on raw.holidays, raw.school_holidays, raw.calendar_events to analyst;

-- dbt drops and recreates its views: future ones are granted to the pipeline here, to other roles in dbt_project.yml.
grant select on all tables in schema processed, features to pipeline;
alter default privileges for role edf_owner in schema processed, features grant select on tables to pipeline;
alter default privileges for role edf_owner in schema processed, features
    revoke select on tables from analyst, dashboard;

grant execute on all routines in schema energy to pipeline;
grant execute on function energy.clock(), energy.current_config(), energy.backfill_after(),
    energy.building_inputs(text, timestamptz, timestamptz, timestamptz),
    energy.building_inputs(text, timestamptz, timestamptz, timestamptz, text[]),
    energy.inputs_with_weather(text, text, timestamptz, timestamptz, timestamptz, text[]),
    energy.regressors_of(jsonb), energy.served_regressors(text), energy.model_regressors(bigint),
    energy.approved_regressors(text, boolean),
    energy.regressor_joins(text[], text, timestamptz, timestamptz, timestamptz),
    energy.weather_forecasts_query(text, timestamptz, timestamptz),
    energy.regressor_forecasts_query(text, timestamptz, timestamptz, text[]),
    energy.stored_regressor_forecasts(text, timestamptz, timestamptz, text[]), energy.weather_reach(text, timestamptz),
    energy.iso(timestamptz), energy.exact(interval), energy.building_features(text),
    energy.backtest_building(text, jsonb, jsonb), energy.issue_hours(text, timestamptz),
    energy.training_query(text, timestamptz), energy.training_series(text, timestamptz), energy.evaluation_schedule(),
    energy.regressor_forecasts_query(text, timestamptz, timestamptz),
    energy.stored_regressor_forecasts(text, timestamptz, timestamptz),
    energy.forecast_query(text, timestamptz, interval), energy.forecast_query(text, timestamptz, interval, text[]),
    energy.train_model(text), energy.calendar_regressors(),
    energy.weather_as_of(text, timestamptz, timestamptz, timestamptz),
    energy.take_rejected(bigint[], text, boolean), energy.archetype_subject(text), energy.archetype_history(),
    energy.archetype_members(text, timestamptz), energy.archetype_zone(text),
    energy.archetype_training_query(text[], timestamptz),
    energy.apartments_of(text, timestamptz), energy.with_apartments(text, text, timestamptz),
    energy.train_archetype(text, jsonb, jsonb, timestamptz), energy.model_of_building(text),
    energy.backtest_recipes(text, jsonb, jsonb, timestamptz),
    energy.plan_trainings(text[], text[], text, jsonb, jsonb, boolean),
    energy.queue_trainings(text[], text[], text, jsonb, jsonb, text, boolean),
    energy.training_due(text, text, timestamptz, text), energy.training_job(text),
    energy.plan_anomaly_trainings(text[], text[], boolean), energy.queue_anomaly_trainings(text[], text[], boolean),
    energy.cancel_trainings(text, bigint, text[]), energy.claim_training(), energy.run_training_step(bigint, integer),
    energy.note_training_work(bigint, timestamptz, text), energy.start_challenge(bigint, integer, text),
    energy.check_timescaledb(), energy.gate_failures(bigint), energy.governance() to analyst;
grant execute on procedure energy.train_models(text[], text[], text, jsonb, jsonb, text),
    energy.work_on_trainings(bigint), energy.train_anomaly_models(text[], text[], boolean), energy.gate_models(),
    energy.load_config(jsonb), energy.restore_config(bigint),
    energy.replay_rejected(bigint[], text, boolean), energy.withdraw_readings(bigint[], timestamptz, timestamptz, text),
    energy.restore_readings(bigint),
    energy.continue_sensor(bigint, bigint, timestamptz), energy.set_sensor_validity(bigint, timestamptz, timestamptz),
    energy.set_apartment_validity(text, text, timestamptz, timestamptz) to analyst;
grant execute on function energy.current_config_id(), energy.config_schema(), energy.config_values(jsonb),
    energy.config_changes(bigint, bigint),
    energy.schedule_error(text), energy.config_secrets(jsonb), energy.measure_errors(jsonb), energy.rule_errors(jsonb),
    energy.config_errors(jsonb) to analyst;

-- For edf_owner: views read, and security definer routines train, with its rights.
grant select on edf.models, edf.model_events to edf_owner;
grant execute on function edf.train, edf.train_global, edf.fit_panel, edf.panel_of, edf.register_model, edf.fit,
    edf.forecast, edf.predict, edf.backtest,
    edf.backtest_series, edf.feature_rows, edf.columns_of, edf.checked_columns, edf.reject_model, edf.approve_model,
    edf.rollback_model, edf.empty_model,
    edf.scenarios, edf.draw_scenarios, edf.feature_importance, edf.pseudonym_key to edf_owner;
grant select on edf.models, edf.model_events to pipeline, analyst;
grant execute on function edf.train, edf.train_global, edf.fit_panel, edf.panel_of, edf.register_model, edf.fit,
    edf.forecast, edf.predict, edf.backtest, edf.backtest_series,
    edf.features, edf.feature_rows, edf.score, edf.columns_of, edf.checked_columns, edf.reject_model to pipeline,
    analyst;
grant select, delete on edf.backtests to analyst;
grant select on edf.backtest_forecasts, edf.kept_forecasts, edf.kept_quantiles to analyst;
grant select, delete on edf.tunings to analyst;
grant select on edf.trials to analyst;
grant execute on function edf.keep_backtest, edf.run_backtest, edf.register_backtest, edf.open_tuning,
    edf.register_trial, edf.rows_before,
    edf.end_of_target, edf.best_parameters, edf.portfolio, edf.portfolio_quantiles, edf.scenarios, edf.draw_scenarios,
    edf.score_scenarios to analyst;
grant execute on procedure edf.tune to analyst;
grant execute on function edf.explain, edf.contributions, edf.feature_importance, edf.require_artifact to analyst;
grant execute on function edf.train_anomaly_model, edf.score_anomalies, edf.explain_anomaly, edf.observations_of,
    edf.require_kind, edf.anomaly_model, edf.read_anomaly_parameters, edf.fit_anomalies,
    edf.anomaly_scores, edf.own_anomaly_scores, edf.anomaly_parts, edf.require_artifact to edf_owner, pipeline, analyst;
grant execute on function edf.detect_anomalies to analyst;
grant execute on function edf.export_models, edf.import_model, edf.export_xgboost, edf.xgboost_files,
    edf.import_xgboost, edf.fit_xgboost_files to analyst;

-- Approvals need role edf_approver and follow section governance of the configuration: see energy.approve_models.
revoke execute on function edf.approve_model from analyst;
grant usage on schema edf, raw, energy to edf_approver;
grant select on edf.models, edf.model_events, energy.model_scores, energy.overall_scores, energy.trainings,
    energy.training_weather, energy.training_runs,
    energy.training_steps, energy.training_progress, energy.stress_tests, energy.challenges, energy.shadow_forecasts,
    energy.configs, energy.deployments, energy.forecasts, energy.forecast_lineage, energy.building_hours,
    raw.buildings to edf_approver;
grant execute on function energy.compare_models(bigint, bigint, timestamptz, timestamptz, double precision, text),
    energy.model_card(bigint), energy.stress_test(bigint), energy.record_stress_test(bigint),
    energy.stress_failures(bigint),
    energy.gate_failures(bigint), energy.anomaly_models(), energy.governance(), energy.current_config(),
    energy.current_config_id(), energy.clock() to edf_approver, analyst;
grant execute on function energy.approve_models(text, text[], bigint[], boolean),
    energy.reject_models(text, text[], bigint[]), energy.rollback_model(text, text),
    energy.approval_problem(bigint, boolean), energy.start_challenge(bigint, integer, text),
    energy.serve_share(bigint, double precision, text) to edf_approver;
revoke execute on function energy.approve_models(text, text[], bigint[], boolean),
    energy.reject_models(text, text[], bigint[]), energy.rollback_model(text, text),
    energy.approval_problem(bigint, boolean), energy.auto_approve_model(bigint),
    energy.auto_approve_anomaly_model(bigint), energy.conclude_challenge(bigint)
        from pipeline;

-- Dashboards see no raw messages, no token subjects and no model artifacts.
grant usage on schema edf, raw, processed, features, energy to dashboard;
grant select on raw.buildings, raw.weather_locations, raw.weather_fetches, raw.weather_forecasts,
    raw.weather_observations, raw.ingestions,
    raw.withdrawals, raw.holidays, raw.school_holidays, raw.calendar_events, raw.regressors to dashboard;
grant select on energy.rejections to dashboard;
grant select on energy.building_hours, energy.building_days, energy.building_spans, energy.forecasts,
    energy.model_scores, energy.trainings, energy.training_weather, energy.job_runs, energy.training_runs,
    energy.training_steps,
    energy.training_progress, energy.stress_tests, energy.challenges, energy.shadow_forecasts, energy.overall_scores,
    energy.forecast_lineage, energy.deployments, energy.configs, energy.sensor_types, energy.quality_limits,
    energy.degree_day_bases, energy.anomaly_limits, energy.anomaly_rules, energy.anomaly_days,
    energy.refreshed_forecasts, energy.refresh_accuracy, energy.accuracy_days, energy.accuracy, energy.champion_scores,
    energy.error_drift, energy.feature_drift, energy.freshness,
    energy.alerts, energy.alert_rules, energy.alert_receivers, energy.alert_deliveries, energy.queues,
    energy.api_errors, energy.weather_days, energy.health, energy.jobs, energy.job_status,
    energy.late_jobs to dashboard;
grant select (model_id, subject, strategy, status, checksum, parameters, features, feature_names, training_start,
    training_end, training_rows, metrics,
              created_at, created_by, decided_at, decided_by) on edf.models to dashboard;
grant select on edf.model_events to dashboard;
-- Called by these views.
grant execute on function energy.clock(), energy.current_config(), energy.current_config_id(),
    energy.population_stability(double precision[], double precision[], integer),
    energy.page_hinkley(double precision[], double precision, double precision) to dashboard;

grant usage on schema raw, energy to weather;
grant select on raw.weather_locations to weather;
grant insert on raw.weather_fetches to weather;
grant execute on procedure energy.ingest_weather_forecast, energy.ingest_weather_observations to weather;
grant execute on function energy.take_weather_forecast, energy.take_weather_observations to weather;

grant usage on schema energy to alerts;
grant execute on function energy.claim_alerts(text, text, timestamptz, integer),
    energy.record_alerts(bigint[], integer, text, interval), energy.next_alert_at(text) to alerts;
revoke execute on function energy.claim_alerts(text, text, timestamptz, integer),
    energy.record_alerts(bigint[], integer, text, interval), energy.next_alert_at(text) from pipeline;

grant usage on schema energy to api_log;
grant execute on function energy.record_api_errors(jsonb) to api_log;
grant execute on function energy.record_api_reads(jsonb) to api_log;
revoke execute on function energy.record_api_errors(jsonb), energy.record_api_reads(jsonb) from pipeline;

-- Forecasts: due slots, and the rows that a revision replaces.
grant insert, update on energy.forecast_slots to pipeline;
grant insert on energy.superseded_forecasts, energy.refreshed_forecasts to pipeline;
grant delete on energy.forecasts to pipeline;
grant insert, delete on energy.solar_forecasts to pipeline;
-- Solar generation and tariffs: analysts train solar models and check tariffs.
grant execute on function energy.solar_subject(text), energy.solar_features(text),
    energy.solar_training_query(text, timestamptz),
    energy.train_solar_model(text), energy.grid_hours(text, timestamptz, timestamptz) to analyst;
grant select on energy.solar_forecasts, energy.solar_accuracy, raw.tariffs, raw.tariff_prices, raw.building_tariffs,
    raw.carbon_intensity to dashboard;
-- Read when analysts train.
grant execute on function energy.issue_times(text, timestamptz, timestamptz),
    energy.model_of_building(text, boolean, timestamptz), energy.model_known_at(bigint, timestamptz),
    energy.challenger_of(bigint, text), energy.quality_factor(text),
    energy.weather_hours(text, timestamptz, timestamptz, timestamptz) to analyst;

-- Jobs: only routines of the owner write job runs.
grant execute on function energy.schedule_field(text, integer, integer),
    energy.scheduled_near(text, timestamptz, boolean), energy.is_scheduled(text) to analyst, dashboard;

grant usage on schema api to authenticator, anonymous, supplier, resident, gateway, operator, technician;
-- Called by views of the API. Without usage on schema energy, API roles cannot name these functions.
grant execute on function energy.clock(), energy.current_config() to supplier, resident, operator, technician;
grant execute on function energy.anomaly_alert_id(text, text, date) to technician;

-- Life cycle: only routines of the owner write stages and events; analysts describe buildings and maintain the rules.
revoke insert, update, delete on energy.life_cycle_events, energy.building_stages, energy.design_profiles
    from pipeline, analyst;
grant insert, update, delete on energy.archetype_rules to analyst;
grant execute on function energy.suggest_archetype(text), energy.judge_stage(text),
    energy.approved_model(text, boolean),
    energy.usable_days(text, double precision), energy.compare_own_model(text, timestamptz),
    energy.archetype_by_rules(text, timestamptz), energy.design_profile_of(text, timestamptz),
    energy.builtin_design_profile(text),
    energy.sources_of(text, double precision) to analyst;
grant execute on procedure energy.describe_building(text, jsonb) to analyst;
grant select on energy.life_cycle_events, energy.building_stages, energy.archetype_rules,
    energy.design_profiles to dashboard;

-- API keys: secrets, and who may create them.
revoke all on energy.token_keys, energy.api_keys from pipeline, analyst;
revoke all on energy.api_reads from pipeline;
grant select (key_id, subject, role, note, created_at, created_by, expires_at, last_used_at, revoked_at, revoked_by)
    on energy.api_keys to analyst;
revoke execute on function energy.set_token_keys(jsonb), energy.rotate_signing_key(), energy.token_jwks(),
    energy.signed_token(jsonb), energy.create_api_key(text, text, interval, text), energy.revoke_api_key(text),
    energy.exchange_api_key(text) from pipeline;

-- Privacy: only the pipeline reads relations with ids of apartments, rooms or sensors; analysts get pseudonyms. Future
-- tables with such columns are private by default; exceptions are granted below.
do $$
declare
    relation record;
begin
    for relation in
        select pg_class.oid::regclass as name, relnamespace::regnamespace::text as schema,
            bool_or(attname in ('apartment_id', 'room_name', 'sensor_id', 'alert_id', 'sensor_ids'))
                and pg_class.oid not in ('energy.alerts'::regclass, 'energy.alert_deliveries'::regclass)
                or pg_class.oid in ('raw.meter_inbox'::regclass, 'raw.rejected_messages'::regclass) as is_private
        from pg_class
        join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
        where relnamespace::regnamespace::text in ('raw', 'processed', 'features', 'energy')
          and relkind in ('r', 'p', 'v', 'm', 'f')
        group by pg_class.oid
    loop
        if relation.is_private then
            execute format('revoke select on %s from analyst, dashboard', relation.name);
        elsif relation.schema in ('processed', 'features') then
            execute format('grant select on %s to analyst, dashboard', relation.name);
        end if;
    end loop;
end;
$$;
-- Columns needed to count apartments and sensors, and their validity.
grant select (building_id, valid_from, valid_to, added_at) on raw.apartments to analyst, dashboard;
grant select (sensor_id, building_id, sensor_type, settings, replaced_at, register_id, valid_from, valid_to)
    on raw.sensors to analyst;
grant select on raw.withdrawals to analyst, dashboard;
grant execute on function energy.pseudonymous_days(date, date, text[]),
    energy.pseudonymous_hours(timestamptz, timestamptz, text[]),
    energy.pseudonymous_measure_hours(timestamptz, timestamptz, text[]),
    energy.pseudonymous_anomaly_scores(date, date, text[]), energy.pseudonymous_features(date, date, text[]) to analyst;
grant select on energy.anomaly_figures, energy.anomaly_weights, energy.anomaly_thresholds, energy.anomaly_detectors,
    energy.anomaly_alert_settings, energy.anomaly_model_limits to dashboard;
-- Only routines of the owner write alerts about apartments.
revoke execute on function energy.pseudonyms(text[]), energy.pseudonymous_days(date, date, text[]),
    energy.pseudonymous_hours(timestamptz, timestamptz, text[]),
    energy.pseudonymous_measure_hours(timestamptz, timestamptz, text[]),
    energy.pseudonymous_anomaly_scores(date, date, text[]), energy.pseudonymous_features(date, date, text[]),
    energy.decide_anomaly_alert(text, text, text, text), energy.anomaly_alert_of_request(text),
    energy.open_anomaly_alert(energy.anomaly_findings, double precision) from pipeline;
