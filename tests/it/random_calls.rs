//! Fuzzes every function of schema `edf` with random arguments of the right types: no backend crashes and none reports
//! an internal error.

use edf_tests::{DEMAND, Throwaway, seed_demand, trained};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query_as, query_scalar};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Duration of each of two concurrent sessions.
const EACH: Duration = Duration::from_secs(28);

/// Random texts: queries, names, and invalid ones.
const TEXTS: [&str; 26] = [
    "null",
    "''",
    "';'",
    "'('",
    "'select 1'",
    "'select * from nowhere'",
    "repeat('x', 100000)",
    "'xgboost'",
    "'seasonal_naive'",
    "'profile'",
    "'lear'",
    "'ensemble'",
    "'expected_energy'",
    "'local_outlier_factor'",
    "'house'",
    "'rmse'",
    "'UTC'",
    "'Europe/Zurich'",
    "'{}'",
    "'{\"type\": \"object\"}'",
    "E'\\u00e9\\u4e2d'",
    "'select at, demand_kwh, temperature_c from hourly'",
    "'select at, demand_kwh from hourly where at < ''2026-02-14Z'''",
    "'select 1 as building, at, demand_kwh, temperature_c from hourly'",
    "'select at, at - interval ''1 day'', temperature_c from hourly'",
    "'select ''a'' as series, at as valid_at, at as issued_at, 1.0 as lead_hours,
         demand_kwh as yhat, demand_kwh as actual from hourly'",
];
const NUMBERS: [&str; 12] =
    ["null", "0", "1", "-1", "0.5", "'NaN'", "'Infinity'", "'-Infinity'", "1e308", "-1e-308", "24", "168"];
const WHOLES: [&str; 9] = ["null", "0", "1", "-1", "2", "5", "24", "2147483647", "-2147483648"];
const TIMES: [&str; 11] = [
    "null",
    "'infinity'",
    "'-infinity'",
    "'294276-12-31Z'",
    "'4714-11-24Z BC'",
    "'9999-12-31Z'",
    "'0001-01-01Z'",
    "'2026-02-14Z'",
    "'2026-02-14 00:00:00.000001Z'",
    "'2026-02-01Z'",
    "'2900-01-01Z'",
];
const SPANS: [&str; 12] = [
    "null",
    "'0'",
    "'1 hour'",
    "'24 hours'",
    "'48 hours'",
    "'-1 hour'",
    "'1 us'",
    "'1 month'",
    "'100000 days'",
    "'178000000 years'",
    "'-178000000 years'",
    "'2000000000 days'",
];
const DOCUMENTS: [&str; 26] = [
    "null",
    "'{}'",
    "'[]'",
    "'null'",
    "'1e400'",
    "'\"x\"'",
    "(repeat('[', 500) || repeat(']', 500))",
    "'{\"rounds\": 5}'",
    "'{\"rounds\": -1}'",
    "'{\"rounds\": 1e300}'",
    "'{\"lags_h\": [24, 168]}'",
    "'{\"lags_h\": []}'",
    "'{\"lags_h\": [4294967296]}'",
    "'{\"time_zone\": \"Asia/Kolkata\"}'",
    "'{\"past\": [\"temperature_c\"]}'",
    "'{\"step\": \"1 day\", \"test_period\": \"3 days\", \"refit\": \"1 day\"}'",
    "'{\"first_origin\": \"infinity\"}'",
    "'{\"horizon\": \"24 hours\", \"strategy\": \"seasonal_naive\"}'",
    "'[\"seasonal_naive\", \"profile\"]'",
    "'[{\"strategy\": \"lear\"}]'",
    "'{\"eta\": {\"low\": 0.01, \"high\": 0.3}}'",
    "'{\"seed\": {\"low\": 0, \"high\": 4294967295}}'",
    "'[{\"parameters\": {}, \"score\": 1}]'",
    "'{\"max_silence_h\": 1e308}'",
    "'{\"target\": \"demand_kwh\"}'",
    "'{\"target\": \"temperature_c\", \"group\": \"at\", \"alarm_share\": 0.3}'",
];
const SERIES: [&str; 6] = [
    "null",
    "edf.series_of('select at, demand_kwh, temperature_c from hourly')",
    "row('{}', '{}', null, '{}', '{}', null, null, null, null)",
    "row(null, null, null, null, null, null, null, null, null)",
    "row(array['infinity', '-infinity']::timestamptz[], '{1,2}', null, '{}', '{}', null, null, null, null)",
    "row(array['9999-12-30Z', '9999-12-31Z']::timestamptz[], '{1,NaN}', array[null, now()], '{a}', '{1,null}',
         array[now()], array[now()], '{a}', '{1}')",
];

const OBSERVATIONS: [&str; 7] = [
    "null",
    "edf.observations_of('select at, demand_kwh, temperature_c from hourly', '{}')",
    "edf.observations_of('select at, demand_kwh, temperature_c from hourly', '{\"target\": \"demand_kwh\"}')",
    "row('{}', '{}', '{}', null, null, null)",
    "row(null, null, null, null, null, null)",
    "row('{1,2}', '{a,b}', '{1,null,1e308}', '{1}', '{x,null}', '{infinity}')",
    "row(array_fill('k'::text, array[30]), '{a}', array_fill(1e308::float8, array[30]),
         array_fill(-1e308::float8, array[30]), null, array_fill(1e300::float8, array[30]))",
];

/// An expression of this type.
fn argument(random: &mut StdRng, kind: &str) -> String {
    let of = |random: &mut StdRng, from: &[&str]| (*from.choose(random).unwrap()).to_owned();
    if let Some(element) = kind.strip_suffix("[]") {
        return match random.random_range(0..8) {
            0 => format!("null::{kind}"),
            1 => format!("array[]::{kind}"),
            2 if element == "double precision" => "'{0.1,0.5,0.9}'::float8[]".to_owned(),
            2 if element == "timestamp with time zone" => "(select array_agg(at order by at) from hourly)".to_owned(),
            3 if element == "double precision" => "(select array_agg(demand_kwh order by at) from hourly)".to_owned(),
            4 => format!("array_fill({}, array[1000])::{kind}", argument(random, element)),
            _ => {
                let some: Vec<String> = (0..random.random_range(1..4)).map(|_| argument(random, element)).collect();
                format!("array[{}]::{kind}", some.join(", "))
            }
        };
    }
    let value = match kind {
        "text" => of(random, &TEXTS),
        "double precision" => of(random, &NUMBERS),
        "integer" | "bigint" => of(random, &WHOLES),
        "boolean" => of(random, &["null", "true", "false"]),
        "timestamp with time zone" => of(random, &TIMES),
        "interval" => of(random, &SPANS),
        "jsonb" => of(random, &DOCUMENTS),
        "bytea" => of(random, &["null", "'\\x'", "'\\x00ff'", "(select artifact from edf.models limit 1)"]),
        "edf.series" => of(random, &SERIES),
        "edf.observations" => of(random, &OBSERVATIONS),
        "edf.schedule" => of(random, &["null", "edf.schedule_of('{}')", "row(null, null, null, null, null, null)"]),
        _ => "null".to_owned(),
    };
    format!("({value})::{kind}")
}

/// A function: its name, its arguments' types, whether it returns a set, and its kind.
type Function = (String, Vec<String>, bool, String);

async fn functions(connection: &mut PgConnection) -> Vec<Function> {
    query_as(
        "select proname::text, coalesce((select array_agg(format_type(t.oid, null) order by t.at)
         from unnest(proargtypes) with ordinality as t (oid, at)), '{}'),
             proretset, prokind::text
         from pg_proc
         where pronamespace = 'edf'::regnamespace and prorettype <> 'trigger'::regtype
             and not 'internal'::regtype = any (proargtypes::oid[])
         order by oid::regprocedure::text",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

fn call(random: &mut StdRng, (name, kinds, is_set, kind): &Function) -> String {
    let arguments: Vec<String> = kinds.iter().map(|kind| argument(random, kind)).collect();
    let call = format!("edf.{name}({})", arguments.join(", "));
    match (kind.as_str(), is_set) {
        ("p", _) => format!("call {call}"),
        ("a", _) => format!("select {call} from generate_series(1, 3)"),
        (_, true) => format!("select count(*) from {call}"),
        _ => format!("select {call}"),
    }
}

/// Calls until the time is over; returns the number of calls by SQLSTATE, or panics on a forbidden outcome.
async fn run(mut session: PgConnection, seed: u64) -> BTreeMap<String, usize> {
    session.execute("set statement_timeout = '500ms'; set client_min_messages = error").await.unwrap();
    let (functions, mut random) = (functions(&mut session).await, StdRng::seed_from_u64(seed));
    let (began, mut ends) = (Instant::now(), BTreeMap::new());
    while began.elapsed() < EACH {
        for function in &functions {
            let statement = call(&mut random, function);
            let asked = Instant::now();
            let code = match session.execute(AssertSqlSafe(statement.as_str())).await {
                Ok(_) => "00000".to_owned(),
                Err(sqlx::Error::Database(error)) => {
                    let code = error.code().unwrap_or_default().into_owned();
                    assert!(!matches!(&*code, "XX000" | "XX002"), "seed {seed}: {statement}\n    {code} {error}");
                    code
                }
                Err(error) => panic!("seed {seed}: the backend crashed: {statement}\n    {error}"),
            };
            assert!(asked.elapsed() < Duration::from_secs(12), "seed {seed}: {:?}: {statement}", asked.elapsed());
            *ends.entry(code).or_insert(0) += 1;
            if began.elapsed() >= EACH {
                break;
            }
        }
    }
    ends
}

#[tokio::test]
async fn random_arguments_cause_no_crash_or_internal_error() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    trained(&mut analyst, "house").await;
    assert!(TEXTS.contains(&format!("'{DEMAND}'").as_str()));
    let started: String =
        query_scalar("select pg_postmaster_start_time()::text").fetch_one(&mut analyst).await.unwrap();
    let seeds = [20_260_301, 20_260_302];
    println!("seeds {seeds:?}");
    let sessions = [database.connect().await, database.connect().await];
    let runs: Vec<_> =
        sessions.into_iter().zip(seeds).map(|(session, seed)| tokio::spawn(run(session, seed))).collect();
    for run in runs {
        let ends = run.await.unwrap();
        println!("{ends:?}");
        // Most calls fail; some must succeed, or nothing was tested.
        assert!(ends.get("00000").copied().unwrap_or(0) > 50, "{ends:?}");
    }
    let now: String = query_scalar("select pg_postmaster_start_time()::text").fetch_one(&mut analyst).await.unwrap();
    assert_eq!(now, started, "the server is the same one");
}
