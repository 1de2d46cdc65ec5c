//! Who reads what of apartments: the pipeline, technicians of the building, and nobody else; analysts get pseudonyms.

use crate::block::{block, raise, says};
use crate::storage::run;
use crate::tower::{add_tower, say};
use edf_tests::{Api, as_role, refusal};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query_as, query_scalar};
use std::collections::BTreeSet;

/// Columns that name an apartment, a room or a sensor, or hold messages that do.
const NAMING: &str = "
    select role.rolname::text, format('%s.%s', attrelid::regclass, attname)
    from pg_attribute
    join pg_class on pg_class.oid = attrelid
    cross join pg_roles as role
    where relnamespace::regnamespace::text in ('raw', 'processed', 'features', 'energy', 'api')
      and relkind in ('r', 'p', 'v', 'm', 'f') and not relispartition and attnum > 0 and not attisdropped
      and (attname in ('apartment_id', 'room_name', 'continues_apartment_id', 'continues_room_name', 'evidence')
           or attrelid in ('raw.meter_inbox'::regclass, 'raw.rejected_messages'::regclass)
               and attname in ('message', 'reason'))
      and not role.rolsuper and role.rolname !~ '^pg_'
      and role.rolname not in ('edf_owner', 'dbt', 'pipeline')
      and has_column_privilege(role.oid, attrelid, attnum, 'select')
      and has_schema_privilege(role.oid, relnamespace, 'usage')
    order by 1, 2";

/// All that there is to read of an apartment by name, by role; the pipeline and the owner of the tables read
/// everything.
const READERS: [(&str, &str); 6] = [
    // Which sensors a gateway sends for, to keep their validity.
    ("gateway", "api.sensors.apartment_id"),
    ("gateway", "api.sensors.continues_apartment_id"),
    ("gateway", "api.sensors.continues_room_name"),
    ("gateway", "api.sensors.room_name"),
    ("technician", "api.anomaly_alerts.apartment_id"),
    ("technician", "api.anomaly_alerts.evidence"),
];

#[tokio::test]
async fn what_names_an_apartment_or_a_room_is_read_by_the_pipeline_gateways_and_technicians_alone() {
    let found: Vec<(String, String)> = query_as(NAMING).fetch_all(&mut as_role("postgres").await).await.unwrap();
    let found: BTreeSet<(&str, &str)> = found.iter().map(|(role, column)| (role.as_str(), column.as_str())).collect();
    let expected: BTreeSet<(&str, &str)> = READERS.into_iter().collect();
    assert_eq!(found, expected);
    let pipeline: bool = query_scalar(
        "select bool_and(has_table_privilege('pipeline', name, 'select'))
         from unnest(array['energy.apartment_days', 'features.fct_apartment_days', 'raw.meter_readings',
                           'energy.anomaly_scores', 'energy.anomaly_alerts', 'processed.int_apartment_hours']) as name",
    )
    .fetch_one(&mut as_role("postgres").await)
    .await
    .unwrap();
    assert!(pipeline);
}

/// Everything that holds what apartments said, whatever its columns are called.
const PRIVATE: [&str; 19] = [
    "raw.meter_readings",
    "raw.withdrawn_readings",
    "raw.meter_inbox",
    "raw.rejected_messages",
    "processed.stg_raw__meter_readings",
    "processed.int_apartment_hours",
    "processed.int_apartment_days",
    "processed.int_gauge_hours",
    "processed.int_register_hours",
    "processed.int_sensor_days",
    "processed.int_apartment_features",
    "features.fct_apartment_days",
    "energy.apartment_features",
    "energy.apartment_hours",
    "energy.apartment_days",
    "energy.sensor_spans",
    "energy.anomaly_scores",
    "energy.anomaly_findings",
    "energy.anomaly_alerts",
];

#[tokio::test]
async fn analysts_and_dashboards_are_refused_what_apartments_said_and_read_what_buildings_did() {
    for role in ["analyst", "dashboard", "edf_approver", "weather", "alerts", "api_log"] {
        let mut postgres = as_role("postgres").await;
        run(&mut postgres, &format!("set role {role}")).await;
        for relation in PRIVATE.iter().chain(&["energy.anomaly_alert_events", "energy.anomaly_list"]) {
            let refused = refusal(&mut postgres, &format!("select * from {relation} limit 1")).await;
            assert_eq!(refused.code, "42501", "{role}: {relation}");
        }
        for statement in [
            "select edf.pseudonym_key()",
            "select * from energy.pseudonyms()",
            "select pg_read_file('edf_pseudonyms.key')",
            "select room_name from raw.sensors",
            "select apartment_id from raw.apartments",
            "select energy.decide_anomaly_alert('x', 'taken', null, 'Investigating')",
            "select energy.raise_anomaly_alerts('{}')",
        ] {
            assert_eq!(refusal(&mut postgres, statement).await.code, "42501", "{role}: {statement}");
        }
    }
    for role in ["analyst", "dashboard"] {
        let mut reader = as_role(role).await;
        for relation in [
            "processed.int_building_hours",
            "processed.int_weather_hours",
            "features.fct_training_samples",
            "energy.building_hours",
            "energy.building_days",
            "energy.rejections",
            "energy.anomaly_figures",
            "energy.anomaly_weights",
        ] {
            let read = format!("select * from {relation} limit 1");
            reader.execute(AssertSqlSafe(read)).await.unwrap_or_else(|error| panic!("{role}: {relation}: {error}"));
        }
        reader.execute("select count(*) from raw.apartments where valid_to is null").await.unwrap();
    }
}

async fn names(session: &mut PgConnection, sql: &str) -> Vec<String> {
    query_scalar(AssertSqlSafe(sql)).fetch_all(session).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

#[tokio::test]
async fn analysts_get_pseudonyms_that_stay_and_no_name_of_an_apartment_or_a_room() {
    let mut analyst = as_role("analyst").await;
    let days = names(&mut analyst, "select distinct apartment from energy.pseudonymous_days() order by 1").await;
    let apartments: i64 = query_scalar(
        "select count(distinct (building_id, apartment_id)) from energy.apartment_days
         join raw.apartments using (building_id, apartment_id)",
    )
    .fetch_one(&mut as_role("postgres").await)
    .await
    .unwrap();
    assert!(apartments > 10 && days.len() as i64 == apartments, "{} of {apartments}", days.len());
    assert!(days.iter().all(|name| name.len() == 20 && name.starts_with("apt_") && !name.contains("home")), "{days:?}");
    // The same in every function, and again.
    let hours = "select distinct apartment from energy.pseudonymous_hours('2017-07-20Z', '2017-07-28Z') order by 1";
    let features = "select distinct day ->> 'apartment'
                    from energy.pseudonymous_features('2017-07-20', '2017-07-28') as day order by 1";
    for sql in [hours, features] {
        assert_eq!(names(&mut analyst, sql).await, days, "{sql}");
    }
    // Nothing of what they give holds a name.
    for sql in [
        "select to_jsonb(d)::text from energy.pseudonymous_days('2017-07-20', '2017-07-22') as d",
        "select to_jsonb(h)::text from energy.pseudonymous_hours('2017-07-20Z', '2017-07-22Z') as h",
        "select to_jsonb(s)::text from energy.pseudonymous_anomaly_scores('2017-07-20', '2017-07-22') as s",
        "select day::text from energy.pseudonymous_features('2017-07-20', '2017-07-22') as day",
    ] {
        for row in names(&mut analyst, sql).await {
            assert!(!row.contains("\"home-") && !row.contains("apartment_id") && !row.contains("room_name"), "{row}");
        }
    }
    // It is HMAC-SHA256 of both names by the key of the server, which another key would make another.
    let mut postgres = as_role("postgres").await;
    let same: bool = query_scalar(
        "select bool_and(apartment = 'apt_' || left(encode(energy.hmac_sha256(convert_to(
                 jsonb_build_array(building_id, apartment_id)::text, 'UTF8'), edf.pseudonym_key()), 'hex'), 16))
             and not bool_or(apartment = 'apt_' || left(encode(sha256(convert_to(
                 jsonb_build_array(building_id, apartment_id)::text, 'UTF8')), 'hex'), 16))
         from energy.pseudonyms()",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert!(same);
}

#[tokio::test]
async fn analysts_read_hours_of_heat_and_water_and_rooms_as_one_mean() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    say(&mut work, "f1", "living", "room_temperature", "2017-01-10", "2017-01-11", "20").await;
    say(&mut work, "f1", "bath", "room_temperature", "2017-01-10", "2017-01-11", "24").await;
    say(&mut work, "f1", "", "heating", "2017-01-10", "2017-01-11", "0.7").await;
    let expected: String =
        query_scalar("select apartment from energy.pseudonyms(array['a-test-tower']) where apartment_id = 'f1'")
            .fetch_one(&mut *work)
            .await
            .unwrap();
    work.execute("set local role analyst").await.unwrap();
    let rows: Vec<(String, f64, i64)> = query_as(
        "select measures, avg(value), count(*)
         from energy.pseudonymous_measure_hours('2017-01-10 00:00Z', '2017-01-10 12:00Z', array['a-test-tower'])
         where apartment = $1 group by 1 order by 1",
    )
    .bind(&expected)
    .fetch_all(&mut *work)
    .await
    .unwrap();
    let found: Vec<_> = rows.iter().map(|row| (row.0.as_str(), (row.1 * 1e6).round() / 1e6, row.2)).collect();
    let names = ["heating", "hot_water", "room_temperature", "setpoint"];
    assert_eq!(found.iter().map(|row| row.0).collect::<Vec<_>>(), names);
    assert_eq!(
        (found[0], found[2], found[3]),
        (("heating", 0.7, 12), ("room_temperature", 22.0, 12), ("setpoint", 21.0, 12))
    );
    let text: Vec<String> = query_scalar(
        "select to_jsonb(h)::text from energy.pseudonymous_measure_hours('2017-01-10 00:00Z', '2017-01-10 02:00Z',
             array['a-test-tower']) as h",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert!(text.len() == 40 && text.iter().all(|row| !row.contains("living") && !row.contains("\"f1\"")), "{text:?}");
}

#[tokio::test]
async fn technicians_of_a_building_read_its_apartments_over_http_and_others_none() {
    let (database, mut postgres) = block().await;
    run(
        &mut postgres,
        "insert into energy.building_access values ('tina', 'block'), ('theo', 'villa'), ('all', 'block'),
             ('all', 'villa')",
    )
    .await;
    says(&mut postgres, "flat-3", 20, "stuck_valve", 0.9).await;
    raise(&mut postgres).await;
    let api = Api::of(&database).await;
    for (who, seen) in [("tina", 1), ("theo", 0), ("all", 1), ("nobody", 0)] {
        let rows = api.rows("anomaly_alerts", who, "technician").await;
        assert_eq!(rows.len(), seen, "{who}");
        assert_eq!(api.rows("anomaly_alert_events", who, "technician").await.len(), seen, "{who}");
    }
    // Of what others may read, nothing names the flat.
    let document: Value = api.get("", "tina", "technician").send().await.unwrap().json().await.unwrap();
    for path in document["paths"].as_object().unwrap().keys().filter(|path| path.len() > 1 && !path.starts_with("/rpc"))
    {
        let text = api.get(&path[1..], "theo", "technician").send().await.unwrap().text().await.unwrap();
        assert!(!text.contains("flat-3"), "{path}: {text}");
    }
    for role in ["supplier", "resident", "operator"] {
        let document: Value = api.get("", "all", role).send().await.unwrap().json().await.unwrap();
        let paths = document["paths"].as_object().unwrap();
        assert!(!paths.keys().any(|path| path.contains("anomaly")), "{role}");
        for path in paths.keys().filter(|path| path.len() > 1 && !path.starts_with("/rpc")) {
            let text = api.get(&path[1..], "all", role).send().await.unwrap().text().await.unwrap();
            assert!(!text.contains("flat-3"), "{role}: {path}: {text}");
        }
    }
}

#[tokio::test]
async fn a_dump_does_not_hold_the_key() {
    let (database, mut postgres) = block().await;
    let key: String = query_scalar("select encode(edf.pseudonym_key(), 'hex')").fetch_one(&mut postgres).await.unwrap();
    assert!(key.len() >= 64);
    let file = std::env::temp_dir().join(format!("{}.sql", database.name));
    edf_tests::run_program("pg_dump", &database.name, &["--file", file.to_str().unwrap(), "--create"]).await;
    let dump = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(dump.contains("flat-3") && !dump.contains(&key));
}
