//! Upgrades from earlier releases: the same objects as in a fresh database, and their models forecast.

use edf_tests::{Throwaway, refusal};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query, query_scalar};
use std::path::PathBuf;

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
        (select case when prokind = 'a' then (select row(aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, agginitval, aggkind)::text
                                              from pg_aggregate where aggfnoid = p.oid)
                     else pg_get_functiondef(p.oid) end || coalesce(proacl::text, '')
         from pg_proc as p where classid = 'pg_proc'::regclass and p.oid = objid),
        (select coalesce(pg_get_viewdef(c.oid), '') || coalesce(relacl::text, '') from pg_class as c
         where classid = 'pg_class'::regclass and c.oid = objid and relkind in ('r', 'v')),
        (select string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid),
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
    order by pg_describe_object(classid, objid, 0) collate "C""#;

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
    select at, case when n <= 1600 then 8 + 3 * sin(n * pi() / 12) end as kwh, 8 + 4 * sin(n * pi() / 12) as temperature_c, 0.0 as is_holiday
    from generate_series('2024-01-01Z'::timestamptz, '2024-03-08 15:00Z', '1 hour') with ordinality as hours (at, n)";

#[tokio::test]
async fn models_of_an_earlier_release_forecast_after_the_upgrade_and_fail_with_a_hint_before() {
    let (_database, mut analyst) = of_release("0.1.0").await;
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
            "select edf.approve_model(edf.register_model($1, $1, $2, '{}', '{}', '{}', '2024-01-01Z', '2024-03-03 12:00Z', 1500, '{}'))",
        )
        .bind(&subject)
        .bind(std::fs::read(&path).unwrap())
        .execute(&mut analyst)
        .await
        .unwrap();
        subjects.push(subject);
    }
    assert_eq!(subjects.len(), 9);
    let early = refusal(&mut analyst, "select edf.forecast('lear', 'select now(), 1.0')").await;
    assert_eq!((early.code.as_str(), early.hint.as_str()), ("55000", "Run: alter extension edf update."));
    analyst.execute("alter extension edf update").await.unwrap();
    for subject in subjects {
        let (rows, least, most): (i64, f64, f64) =
            sqlx::query_as("select count(*), min(yhat), max(yhat) from edf.forecast($1, $2, '24 hours')")
                .bind(&subject)
                .bind(HOURS)
                .fetch_one(&mut analyst)
                .await
                .unwrap();
        assert!(rows == 24 && least > -5.0 && most < 30.0, "{subject}: {rows} from {least} to {most}");
    }
}

#[tokio::test]
async fn stored_backtests_of_an_earlier_release_can_be_read_after_the_upgrade() {
    let (_database, mut analyst) = of_release("0.1.0").await;
    analyst
        .execute(
            r#"insert into edf.backtests (subject, query, settings, quantiles, seconds, created_by)
               values ('house', 'select 1', '{"contenders": ["lear"], "test_period": "5 days", "refit": "14 days", "first_origin": null}', '{0.5}', 1, 'a test');
               insert into edf.backtest_forecasts values (1, 'lear', '2026-01-01Z', '2026-01-01Z', 1, 5, 6, 4, 8, '{6}')"#,
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
