//! Rules that hold for every object of the deployed database.

use edf_tests::{as_role, refusal};
use sqlx::query_scalar;

/// The query returns violations of a rule; there must be none.
async fn none(rule: &'static str) {
    let found: Vec<String> = query_scalar(rule).fetch_all(&mut as_role("postgres").await).await.unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn every_routine_has_a_comment() {
    none(
        "select oid::regprocedure::text from pg_proc
         where pronamespace in ('edf'::regnamespace, 'energy'::regnamespace, 'api'::regnamespace)
           and obj_description(oid, 'pg_proc') is null",
    )
    .await;
}

#[tokio::test]
async fn every_table_and_view_has_a_comment() {
    none(
        "select oid::regclass::text from pg_class
         where relnamespace::regnamespace::text in ('edf', 'raw', 'energy', 'api') and relkind in ('r', 'p', 'v', 'm')
           and obj_description(oid, 'pg_class') is null",
    )
    .await;
}

#[tokio::test]
async fn every_security_definer_function_pins_its_search_path() {
    none(
        "select oid::regprocedure::text from pg_proc
         where prosecdef and pronamespace::regnamespace::text
             in ('edf', 'raw', 'processed', 'features', 'energy', 'api')
           and not exists (select from unnest(proconfig) as setting where setting like 'search_path=%')",
    )
    .await;
}

#[tokio::test]
async fn api_roles_have_no_privilege_outside_schema_api() {
    none(
        "select role || ' may use schema ' || nspname
         from pg_namespace, unnest(array['anonymous', 'supplier', 'resident', 'gateway', 'operator', 'technician',
             'authenticator']) as role
         where nspname in ('edf', 'raw', 'processed', 'features', 'energy')
           and has_schema_privilege(role, oid, 'usage, create')
         union all
         select role || ' may read or write ' || oid::regclass
         from pg_class, unnest(array['anonymous', 'supplier', 'resident', 'gateway', 'operator', 'technician',
             'authenticator']) as role
         where relnamespace::regnamespace::text in ('edf', 'raw', 'processed', 'features', 'energy')
           and relkind in ('r', 'p', 'v', 'm')
           and has_table_privilege(role, oid, 'select, insert, update, delete, truncate, references, trigger')
         union all
         select role || ' may create in ' || nspname
         from pg_namespace, unnest(array['anonymous', 'supplier', 'resident', 'gateway', 'operator', 'technician',
             'authenticator']) as role
         where nspname in ('api', 'public') and has_schema_privilege(role, oid, 'create')
         union all
         select role || ' may write ' || oid::regclass
         from pg_class, unnest(array['anonymous', 'supplier', 'resident', 'gateway', 'operator', 'technician']) as role
         where relnamespace = 'api'::regnamespace
             and has_table_privilege(role, oid, 'insert, update, delete, truncate')",
    )
    .await;
}

#[tokio::test]
async fn public_may_not_execute_routines_of_energy_or_of_the_registry() {
    none(
        "select oid::regprocedure::text from pg_proc,
             aclexplode(coalesce(proacl, acldefault('f', proowner))) as privilege
         where privilege.grantee = 0
           and (pronamespace in ('energy'::regnamespace, 'api'::regnamespace)
                or pronamespace = 'edf'::regnamespace
                   and proname in ('train', 'register_model', 'approve_model', 'reject_model', 'decide_model', 'fit',
                       'predict',
                                   'forecast', 'explain', 'contributions', 'feature_importance', 'backtest',
                                       'backtest_series', 'features', 'feature_rows', 'score', 'columns_of',
                                           'checked_columns',
                                   'run_backtest', 'keep_backtest', 'register_backtest', 'tune', 'open_tuning',
                                       'register_trial',
                                   'rollback_model', 'empty_model', 'retire_approved', 'locked_model',
                                       'require_artifact', 'record_deletions',
                                   'best_parameters', 'portfolio', 'portfolio_quantiles', 'export_models',
                                       'import_model', 'export_xgboost', 'xgboost_files', 'import_xgboost',
                                           'fit_xgboost_files', 'scenarios', 'draw_scenarios', 'score_scenarios',
                                               'delete_children', 'keep_ids_ahead',
                                   'require_kind', 'anomaly_model', 'observations_of', 'train_anomaly_model',
                                       'score_anomalies', 'detect_anomalies', 'explain_anomaly', 'fit_anomalies',
                                           'anomaly_scores',
                                   'own_anomaly_scores', 'anomaly_parts'))",
    )
    .await;
}

#[tokio::test]
async fn public_may_read_nothing() {
    none(
        "select oid::regclass::text from pg_class, aclexplode(relacl) as privilege
         where privilege.grantee = 0
           and relnamespace::regnamespace::text in ('edf', 'raw', 'processed', 'features', 'energy', 'api')",
    )
    .await;
}

#[tokio::test]
async fn deployed_objects_belong_to_their_owner_role() {
    none(
        "select oid::regclass::text from pg_class
         where relnamespace::regnamespace::text in ('raw', 'processed', 'features', 'energy', 'api')
           and relowner <> 'edf_owner'::regrole
         union all
         select oid::regprocedure::text from pg_proc
         where pronamespace::regnamespace::text in ('energy', 'api') and proowner <> 'edf_owner'::regrole",
    )
    .await;
}

/// PostgREST puts the message of such an error into the status line.
#[tokio::test]
async fn errors_with_an_http_status_are_raised_in_one_place() {
    none(
        "select oid::regprocedure::text from pg_proc
         where pronamespace in ('energy'::regnamespace, 'api'::regnamespace)
             and prosrc ~* '(sqlstate|errcode *=) *''PT'",
    )
    .await;
}

#[tokio::test]
async fn every_api_view_is_a_security_barrier() {
    none(
        "select oid::regclass::text from pg_class
         where relnamespace = 'api'::regnamespace and relkind = 'v'
           and not coalesce(reloptions, '{}') && array['security_barrier=true', 'security_barrier=on']",
    )
    .await;
}

#[tokio::test]
async fn the_pipeline_may_not_approve_nor_write_the_registry_directly() {
    let mut pipeline = as_role("pipeline").await;
    for statement in [
        "select edf.approve_model(1)",
        "select edf.decide_model(1, 'approved', null)",
        "select * from energy.approve_models('me')",
        "select energy.rollback_model('homes-1-4', 'me')",
        "select energy.auto_approve_model(1)",
        "select edf.empty_model(1, 'me')",
        "update edf.models set status = 'approved'",
        "insert into edf.model_events (model_id, event, happened_by) values (1, 'approved', 'pipeline')",
        "delete from energy.job_runs",
        "delete from raw.meter_readings",
    ] {
        assert_eq!(refusal(&mut pipeline, statement).await.code, "42501", "{statement}");
    }
}

#[tokio::test]
async fn an_analyst_may_only_write_the_calendar_and_not_issue_forecasts() {
    let mut analyst = as_role("analyst").await;
    for statement in [
        "insert into raw.apartments values ('homes-1-4', 'a test')",
        "call energy.ingest_meter_messages(array['{}'])",
        "call energy.issue_forecasts()",
        "update edf.models set status = 'approved'",
        "delete from edf.models",
        "insert into energy.building_access values ('me', 'all-homes')",
        "select edf.approve_model(1)",
        "select * from energy.approve_models('me')",
        "select energy.fit_building('homes-1-4', '{}', now())",
        "select energy.record_job_run('a test', null, now(), now(), 'succeeded')",
    ] {
        assert_eq!(refusal(&mut analyst, statement).await.code, "42501", "{statement}");
    }
}
