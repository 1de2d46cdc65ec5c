//! A database of an earlier release, updated: the same objects as a fresh one, and its models forecast. Until then the
//! new library works on the old schema, and an update that fails changes nothing.

use crate::dump::OBJECTS as DEPLOYED;
use crate::storage::{deploy, deployed, migrate_below, run, texts};
use edf_tests::{Throwaway, refusal, run_program};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query, query_scalar};
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// Releases that can be upgraded from.
const RELEASES: [&str; 1] = ["0.1.0"];

/// Every object of the extension as text: its kind, definition, privileges and comment.
const OBJECTS: &str = r#"
    with members as (
        select classid, objid from pg_depend
        where refclassid = 'pg_extension'::regclass and deptype = 'e'
          and refobjid = (select oid from pg_extension where extname = 'edf')
    )
    select pg_describe_object(classid, objid, 0) || E'\n' || concat_ws(E'\n',
        (select case when prokind = 'a' then
            (select row(aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, agginitval, aggkind)::text
                                              from pg_aggregate where aggfnoid = p.oid)
                     else pg_get_functiondef(p.oid) end || coalesce(proacl::text, '')
         from pg_proc as p where classid = 'pg_proc'::regclass and p.oid = objid),
        (select coalesce(pg_get_viewdef(c.oid), '') || coalesce(relacl::text, '') from pg_class as c
         where classid = 'pg_class'::regclass and c.oid = objid and relkind in ('r', 'v')),
        (select string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull,
            pg_get_expr(adbin, adrelid),
                                     col_description(attrelid, attnum)), E'\n' order by attnum)
         from pg_attribute left join pg_attrdef on (adrelid, adnum) = (attrelid, attnum)
         where classid = 'pg_class'::regclass and attrelid = objid and attnum > 0 and not attisdropped),
        (select string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod)), E'\n' order by attnum)
         from pg_type join pg_attribute on attrelid = typrelid
         where classid = 'pg_type'::regclass and pg_type.oid = objid and attnum > 0),
        (select string_agg(pg_get_constraintdef(oid), E'\n' order by conname) from pg_constraint
         where classid = 'pg_class'::regclass and conrelid = objid),
        (select string_agg(pg_get_indexdef(indexrelid), E'\n' order by indexrelid::regclass::text) from pg_index
         where classid = 'pg_class'::regclass and indrelid = objid),
        (select string_agg(pg_get_triggerdef(oid), E'\n' order by tgname) from pg_trigger
         where classid = 'pg_class'::regclass and tgrelid = objid and not tgisinternal),
        obj_description(objid, (select relname from pg_class where oid = classid)))
    from members
    where classid not in ('pg_opclass'::regclass)
    union all
    select 'tables that a dump keeps: ' || string_agg(kept::regclass || ' ' || condition, ', '
    order by kept::regclass::text)
    from pg_extension cross join unnest(extconfig, extcondition) as dumped (kept, condition) where extname = 'edf'
    order by 1"#;

async fn objects(database: &mut PgConnection) -> Vec<String> {
    query_scalar(OBJECTS).fetch_all(database).await.unwrap()
}

async fn of_release(release: &str) -> (Throwaway, PgConnection) {
    let database = Throwaway::empty().await;
    let mut analyst = database.connect().await;
    let create = format!("create extension edf version '{release}'");
    analyst.execute(AssertSqlSafe(create)).await.unwrap();
    (database, analyst)
}

#[tokio::test]
async fn an_upgraded_database_has_the_objects_of_a_fresh_one() {
    let fresh = Throwaway::with_extension().await;
    let expected = objects(&mut fresh.connect().await).await;
    assert!(expected.len() > 100);
    for release in RELEASES {
        let (_database, mut analyst) = of_release(release).await;
        analyst.execute("alter extension edf update").await.unwrap();
        let found = objects(&mut analyst).await;
        let lacking: Vec<_> = expected.iter().filter(|object| !found.contains(object)).collect();
        let surplus: Vec<_> = found.iter().filter(|object| !expected.contains(object)).collect();
        assert!(
            lacking.is_empty() && surplus.is_empty(),
            "updated from {release}, it lacks\n{lacking:#?}\nand has instead\n{surplus:#?}"
        );
    }
}

/// 1600 hours with the regressors of the stored models, and a day ahead.
const HOURS: &str = "
    select at, case when n <= 1600 then 8 + 3 * sin(n * pi() / 12) end as kwh,
        8 + 4 * sin(n * pi() / 12) as temperature_c, 0.0 as is_holiday
    from generate_series('2024-01-01Z'::timestamptz, '2024-03-08 15:00Z', '1 hour') with ordinality as hours (at, n)";

/// Registers and approves the stored models of the release, each under the name of its strategy; their subjects.
async fn approve_stored_models(analyst: &mut PgConnection) -> Vec<String> {
    let folder =
        PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../extension/core/tests/golden/format-5");
    let mut subjects = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "edfm") {
            continue;
        }
        let subject = path.file_stem().unwrap().to_str().unwrap().to_owned();
        query(
            "select edf.approve_model(edf.register_model($1, $1, $2, '{}', '{}', '{}', '2024-01-01Z',
                 '2024-03-03 12:00Z', 1500, '{}'))",
        )
        .bind(&subject)
        .bind(std::fs::read(&path).unwrap())
        .execute(&mut *analyst)
        .await
        .unwrap();
        subjects.push(subject);
    }
    assert_eq!(subjects.len(), 9);
    subjects
}

#[tokio::test]
async fn models_of_an_earlier_release_forecast_after_the_update_and_before_it_the_release_is_told() {
    let (_database, mut analyst) = of_release("0.1.0").await;
    let subjects = approve_stored_models(&mut analyst).await;
    let early = refusal(&mut analyst, "select edf.forecast('lear', 'select now(), 1.0')").await;
    assert_eq!((early.code.as_str(), early.hint.as_str()), ("55000", "Run: alter extension edf update."));
    analyst.execute("alter extension edf update").await.unwrap();
    forecast_each(&mut analyst, &subjects).await;
}

/// Each subject is forecast by its model, with sensible values.
async fn forecast_each(analyst: &mut PgConnection, subjects: &[String]) {
    for subject in subjects {
        let (rows, least, most): (i64, f64, f64) =
            sqlx::query_as("select count(*), min(yhat), max(yhat) from edf.forecast($1, $2, '24 hours')")
                .bind(subject)
                .bind(HOURS)
                .fetch_one(&mut *analyst)
                .await
                .unwrap();
        assert!(rows == 24 && least > -5.0 && most < 30.0, "{subject}: {rows} from {least} to {most}");
    }
}

#[tokio::test]
async fn the_new_library_has_every_function_of_an_earlier_release() {
    for release in RELEASES {
        let (_database, mut analyst) = of_release(release).await;
        // The server's own check of a function in C, which create extension leaves out.
        let checked: i64 = query_scalar(
            "select count(fmgr_c_validator(objid)::text) from pg_depend
             join pg_proc on pg_proc.oid = objid join pg_language on pg_language.oid = prolang and lanname = 'c'
             where classid = 'pg_proc'::regclass and deptype = 'e'
               and refobjid = (select oid from pg_extension where extname = 'edf')",
        )
        .fetch_one(&mut analyst)
        .await
        .unwrap();
        assert!(checked > 40, "{release}: {checked} functions in C");
    }
}

/// What an analyst does on the schema of 0.1.0 that needs no function whose arguments have changed.
const OLD_USES: [(&str, &str); 4] = [
    (
        "select edf.rmse(a, a + 2) || ' ' || edf.mape(a, 2 * a) || ' ' || edf.coverage(a, a - 1, a + 1)
         from generate_series(1.0, 9.0) as a",
        "2 100 100",
    ),
    ("select edf.crps(3.0, array[2.0, 3.0, 4.0], array[0.05, 0.5, 0.95])::numeric(5, 3)::text", "0.055"),
    ("select count(distinct metric)::text from edf.score($$select 1.0 as actual, 1.1 as yhat$$)", "6"),
    (
        "select edf.reject_model(edf.register_model('shed', 'lear', '\\x00', '{}', '{}', '{}', '2024-01-01Z',
             '2024-02-01Z', 9, '{}'), 'a test')::text",
        "10",
    ),
];

#[tokio::test]
async fn an_update_that_fails_leaves_the_release_as_it_was_and_working() {
    let (_database, mut analyst) = of_release("0.1.0").await;
    let subjects = approve_stored_models(&mut analyst).await;
    let before = objects(&mut analyst).await;
    // A view of somebody's on a function whose arguments have changed.
    run(&mut analyst, "create view public.upcoming as select * from edf.forecast('lear', 'select now(), 1.0')").await;
    let refused = refusal(&mut analyst, "alter extension edf update").await;
    assert_eq!(refused.code, "2BP01", "{refused:?}");
    assert_eq!(texts(&mut analyst, "select extversion from pg_extension where extname = 'edf'").await, ["0.1.0"]);
    assert_eq!(objects(&mut analyst).await, before);
    for (statement, answer) in OLD_USES {
        assert_eq!(texts(&mut analyst, statement).await, [answer], "{statement}");
    }
    run(&mut analyst, "drop view public.upcoming; alter extension edf update").await;
    forecast_each(&mut analyst, &subjects).await;
}

#[tokio::test]
async fn a_dump_of_an_earlier_release_is_restored_and_updated() {
    let (database, mut before) = of_release("0.1.0").await;
    let subjects = approve_stored_models(&mut before).await;
    run(
        &mut before,
        r#"insert into edf.backtests (subject, query, settings, quantiles, seconds, created_by)
           values ('house', 'select 1', '{"contenders": ["lear"], "test_period": "5 days"}', '{0.5}', 1, 'a test');
           insert into edf.backtest_forecasts values (1, 'lear', '2026-01-01Z', '2026-01-01Z', 1, 5, 6, 4, 8, '{6}')"#,
    )
    .await;
    let restored = Throwaway::empty().await;
    let mut after = restored.connect().await;
    run(&mut after, "create extension edf version '0.1.0'").await;
    // As docs/install.md says: of what is in the dump the schema is there already.
    let (dump, list) = (temporary(&restored.name, "dump"), temporary(&restored.name, "list"));
    run_program("pg_dump", &database.name, &["--format=custom", "--file", &dump]).await;
    let listed = Command::new("pg_restore").args(["--list", &dump]).output().await.unwrap();
    let rest: Vec<_> =
        std::str::from_utf8(&listed.stdout).unwrap().lines().filter(|line| !line.contains(" SCHEMA - edf ")).collect();
    std::fs::write(&list, rest.join("\n")).unwrap();
    run_program("pg_restore", &restored.name, &["--exit-on-error", "--use-list", &list, &dump]).await;
    run(&mut after, "alter extension edf update").await;
    let models =
        "select model_id || ' ' || subject || ' ' || status || ' ' || checksum from edf.models order by model_id";
    assert_eq!(texts(&mut after, models).await, texts(&mut before, models).await);
    assert_eq!(texts(&mut after, "select candidate || ' ' || yhat from edf.kept_forecasts").await, ["lear 6"]);
    forecast_each(&mut after, &subjects).await;
    for file in [dump, list] {
        std::fs::remove_file(file).unwrap();
    }
}

fn temporary(name: &str, extension: &str) -> String {
    std::env::temp_dir().join(format!("{name}.{extension}")).to_str().unwrap().to_owned()
}

/// The first migration after release 0.1.0.
const AFTER_0_1_0: &str = "0012";

#[tokio::test]
async fn a_pipeline_of_an_earlier_release_keeps_its_rows_and_has_the_objects_of_a_fresh_one() {
    let (database, mut postgres) = of_release("0.1.0").await;
    migrate_below(AFTER_0_1_0, &database, &mut postgres).await;
    approve_stored_models(&mut postgres).await;
    run(
        &mut postgres,
        "insert into raw.weather_locations values ('here', 47, 8);
         insert into raw.buildings (building_id, name, time_zone, region, latitude, longitude, weather_location_id)
         values ('lear', 'Lear', 'Europe/Zurich', 'CH-ZH', 47, 8, 'here');
         insert into energy.configs (config, loaded_at, checksum) values ('{\"demo\": true}', '2026-01-01Z', 'abc');
         insert into energy.building_hours
         select 'lear', at, 8 + 3 * sin(extract(hour from at)), null, 1, 1, 1, 'measured', at + interval '1 hour'
         from generate_series('2026-01-01Z'::timestamptz, '2026-03-15 11:00Z', '1 hour') as at;
         insert into energy.forecasts
             (building_id, issued_at, valid_at, lead_hours, model_id, yhat, yhat_lower, yhat_upper, weather_issued_at)
         select 'lear', '2026-03-14 05:00Z', at, 1, 1, 8, 7, 9, '2026-03-14 00:00Z'
         from generate_series('2026-03-14 05:00Z'::timestamptz, '2026-03-15 04:00Z', '1 hour') as at;
         insert into raw.weather_forecasts
         select 'here', '2026-03-15 06:00Z', at, '2026-03-15 07:00Z', 8, 50, 100
         from generate_series('2026-03-15 06:00Z'::timestamptz, '2026-03-20Z', '1 hour') as at;
         insert into raw.weather_observations
         select 'here', at, at + interval '1 hour', 8 + 4 * sin(extract(hour from at)), 50, 100
         from generate_series('2026-01-01Z'::timestamptz, '2026-03-15 11:00Z', '1 hour') as at;
         insert into energy.building_access values ('supplier', 'lear')",
    )
    .await;
    let rows = "select 'hours ' || count(*) || ' ' || sum(consumption_kwh)::numeric(12, 6) from energy.building_hours
        union all select 'forecasts ' || count(*) || ' ' || min(model_id) || ' ' || sum(yhat) from energy.forecasts
        union all select 'configuration ' || config::text from energy.configs where checksum = 'abc'
        union all select 'models ' || count(*) || ' ' || string_agg(checksum, ' ' order by model_id)
        from edf.models where status = 'approved'
        union all select 'access ' || subject from energy.building_access where building_id = 'lear' order by 1";
    let before = texts(&mut postgres, rows).await;
    assert_eq!(before.len(), 5);

    run(&mut postgres, "alter extension edf update").await;
    let mut postgres = deploy(&database, Path::new("../migrations")).await;
    assert_eq!(texts(&mut postgres, rows).await, before);
    let (_fresh, mut fresh) = deployed().await;
    let (found, expected) = (texts(&mut postgres, DEPLOYED).await, texts(&mut fresh, DEPLOYED).await);
    let lacking: Vec<_> = expected.iter().filter(|object| !found.contains(object)).collect();
    let surplus: Vec<_> = found.iter().filter(|object| !expected.contains(object)).collect();
    assert!(lacking.is_empty() && surplus.is_empty(), "it lacks\n{lacking:#?}\nand has instead\n{surplus:#?}");

    // And it forecasts: the model by itself, and the pipeline, which has none of dbt's views here, without it.
    forecast_each(&mut postgres, &["lear".to_owned()]).await;
    run(&mut postgres, "set energy.clock = '2026-03-15 12:00Z'").await;
    run(&mut postgres, "call energy.issue_forecasts('2026-03-15 12:00Z')").await;
    assert_eq!(
        texts(
            &mut postgres,
            "select source || ' ' || count(*) from energy.forecasts
             where issued_at = '2026-03-15 12:00Z' group by source"
        )
        .await,
        ["profile 72"]
    );
}

#[tokio::test]
async fn kept_backtests_of_an_earlier_release_are_read_after_the_update() {
    let (_database, mut analyst) = of_release("0.1.0").await;
    analyst
        .execute(
            r#"insert into edf.backtests (subject, query, settings, quantiles, seconds, created_by)
               values ('house', 'select 1',
                   '{"contenders": ["lear"], "test_period": "5 days", "refit": "14 days", "first_origin": null}',
                       '{0.5}', 1, 'a test');
               insert into edf.backtest_forecasts
               values (1, 'lear', '2026-01-01Z', '2026-01-01Z', 1, 5, 6, 4, 8, '{6}')"#,
        )
        .await
        .unwrap();
    analyst.execute("alter extension edf update").await.unwrap();
    let kept: (String, String, f64) = sqlx::query_as(
        "select candidate, settings::text, yhat from edf.kept_forecasts join edf.backtests using (backtest_id)",
    )
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    let settings = r#"{"schedule": {"refit": "14 days", "test_period": "5 days"}, "candidates": ["lear"]}"#;
    assert_eq!(kept, ("lear".to_owned(), settings.to_owned(), 6.0));
}
