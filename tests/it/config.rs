//! The configuration: validation, versions, and references to them.

use edf_tests::{Refusal, as_role, refusal};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query, query_as, query_scalar};

/// The deployed configuration.
async fn current(connection: &mut PgConnection) -> Value {
    query_scalar("select energy.current_config()").fetch_one(connection).await.unwrap()
}

/// `config` with `value` at a path such as `/quality/min_coverage_share`; the last name may be new.
fn with(config: &Value, path: &str, value: Value) -> Value {
    let mut changed = config.clone();
    let (parent, name) = path.rsplit_once('/').unwrap();
    changed.pointer_mut(parent).unwrap()[name] = value;
    changed
}

fn without(config: &Value, path: &str) -> Value {
    let mut changed = config.clone();
    let (parent, name) = path.rsplit_once('/').unwrap();
    changed.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    changed
}

/// The error on loading `config`, if any; rolled back.
async fn answer(connection: &mut PgConnection, config: &Value) -> Option<Refusal> {
    let mut work = connection.begin().await.unwrap();
    query("call energy.load_config($1)").bind(config).execute(&mut *work).await.err().map(Refusal::from)
}

/// The current contents of a file in the repository.
fn read_file(path: &str) -> String {
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    std::fs::read_to_string(format!("{root}/../{path}")).unwrap()
}

async fn newest(connection: &mut PgConnection) -> (i64, String, Option<i64>, String) {
    query_as("select config_id, checksum, restored_from, loaded_by from energy.configs order by config_id desc limit 1")
        .fetch_one(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn each_invalid_value_is_rejected_with_path_value_and_rule() {
    let mut analyst = as_role("analyst").await;
    let config = current(&mut analyst).await;
    let config = with(&config, "/training", json!({"strategy": "xgboost", "parameters": {"eta": 0.05}}));
    let cases = [
        (
            "/qualty",
            json!({}),
            "qualty: is not known, did you mean \"quality\"?",
            "Known: anomalies, anomaly_alerts, api, demand, evaluation, features",
        ),
        ("/quality", json!(null), "quality: null is not of type object", "Data quality"),
        (
            "/quality/min_coverage_share",
            json!(1.5),
            "quality.min_coverage_share: 1.5 is above the maximum, 1",
            "up to 1",
        ),
        (
            "/quality/min_coverage_share",
            json!("high"),
            "quality.min_coverage_share: \"high\" is not of type number",
            "above 0",
        ),
        (
            "/meters/electricity_kwh_total/kind",
            json!("regster"),
            "kind: \"regster\" is none of register, gauge, did you mean \"register\"?",
            "counts upwards",
        ),
        (
            "/meters/electricity_kwh_total/unit",
            json!("MWh"),
            "meters.electricity_kwh_total.unit: \"MWh\" is not \"kWh\"",
            "kWh",
        ),
        (
            "/meters/electricity_kwh_total/min_value",
            json!(2_000_000_000),
            "meters.electricity_kwh_total: min_value 2000000000 is not below max_value",
            "between",
        ),
        (
            "/meters/electricity_kwh_total/settings/max_silense_h",
            json!(6),
            "settings.max_silense_h: is not known, did you mean \"max_silence_h\"?",
            "Known: jitter_h",
        ),
        ("/meters/electricity_kwh_total/settings/max_kw", json!(0), "settings.max_kw: 0 is below the minimum", "power"),
        (
            "/meters/Heat Pump",
            json!({"kind": "gauge", "unit": "kW", "min_value": 0, "max_value": 9}),
            "meters.\"Heat Pump\": \"Heat Pump\" is not a name of lower-case letters",
            "63 characters",
        ),
        (
            "/features/lag_h",
            json!([24]),
            "features.lag_h: is not known, did you mean \"lags_h\"?",
            "Known: cooling_base_c",
        ),
        ("/features/lags_h", json!([24, 0]), "features.lags_h[1]: 0 is below the minimum, 1", "1 to 8784"),
        ("/features/lags_h", json!([24, 24]), "features.lags_h: 24 is listed twice", ""),
        (
            "/features/lags_h",
            json!([2000]),
            "inference.history: 60 days is shorter than the 2000 h that a forecast reads",
            "longest lag and window",
        ),
        (
            "/training/strategy",
            json!("xgbost"),
            "training: unknown strategy \"xgbost\", did you mean \"xgboost\"?",
            "Known: ",
        ),
        ("/training/parameters/learning_rate", json!(0.1), "training: unknown parameter \"learning_rate\"", "Known: "),
        (
            "/training/parameters/max_dept",
            json!(3),
            "training: unknown parameter \"max_dept\", did you mean \"max_depth\"?",
            "Known: ",
        ),
        ("/training/parameters/eta", json!("fast"), "training: parameter \"eta\" cannot be \"fast\"", ""),
        (
            "/training/archetype_history",
            json!("27 days"),
            "training.archetype_history: 27 days is shorter than 28 days",
            "first four weeks",
        ),
        ("/evaluation/step", json!("1 month"), "evaluation.step: \"1 month\" is not a span of time", "no fixed length"),
        (
            "/evaluation/step",
            json!("71 days"),
            "evaluation.step: 71 days is longer than test_period, 70 days",
            "several",
        ),
        (
            "/evaluation/gate/max_rmse_ratio",
            json!(0),
            "evaluation.gate.max_rmse_ratio: 0 is not above 0",
            "seasonal naive",
        ),
        ("/inference/issue_hour_utc", json!(24), "inference.issue_hour_utc: 24 is above the maximum, 23", "0 to 23"),
        ("/inference/issue_hour_utc", json!(5.5), "inference.issue_hour_utc: 5.5 is not of type integer", "0 to 23"),
        (
            "/inference/horizon",
            json!("-72 hours"),
            "inference.horizon: \"-72 hours\" is not a span of time",
            "whole number",
        ),
        (
            "/schedules/issue_forecasts",
            json!("0 0 5 * * *"),
            "schedules.issue_forecasts: \"0 0 5 * * *\" is not a schedule of five fields",
            "No sixth field",
        ),
        (
            "/schedules/issue_forecasts",
            json!("0 5 * *"),
            "schedules.issue_forecasts: \"0 5 * *\" is not a schedule of five fields",
            "05:00 UTC",
        ),
        ("/schedules/issue_forecasts", json!("30 seconds"), "is not a schedule of five fields", "05:00 UTC"),
        (
            "/schedules/issue_forecasts",
            json!("60 5 * * *"),
            "\"60 5 * * *\": the minute cannot be 60: expected 0 to 59, in ascending order",
            "05:00 UTC",
        ),
        (
            "/schedules/issue_forecasts",
            json!("0 8-5 * * *"),
            "the hour cannot be 8-5: expected 0 to 23, in ascending order",
            "05:00 UTC",
        ),
        (
            "/schedules/issue_forecasts",
            json!("0 5 0 * *"),
            "the day of the month cannot be 0: expected 1 to 31, in ascending order",
            "05:00 UTC",
        ),
        (
            "/schedules/issue_forecasts",
            json!("0 5 * 1-13 *"),
            "the month cannot be 1-13: expected 1 to 12, in ascending order",
            "05:00 UTC",
        ),
        (
            "/schedules/issue_forecasts",
            json!("0 5 * * */0"),
            "the day of the week cannot be */0: expected 0 to 7, in ascending order",
            "05:00 UTC",
        ),
        ("/schedules/issue_forecasts", json!("0, 5 * * *"), "the minute cannot be : expected a number", "05:00 UTC"),
        (
            "/schedules/train_model",
            json!("0 5 * * *"),
            "schedules.train_model: is not known, did you mean \"train_models\"?",
            "Known: apply_retention",
        ),
        ("/storage", json!([]), "storage: [] is not of type object", ""),
        ("/demand", json!({"measures": []}), "demand.measures: 0 entries are fewer than 1", "forecast"),
        ("/demand", json!({"measures": ["heat"]}), "meters: no register measures heat", "measures: heat"),
        (
            "/demand",
            json!({"measures": ["consumption", "hot_water"]}),
            "meters.hot_water_litres.unit: \"L\" is not \"kWh\"",
            "hot_water",
        ),
        ("/demand", json!({"measures": ["solar"]}), "demand.measures: solar is not a demand", "Use consumption"),
        (
            "/meters/room_temp_c/unit",
            json!("°F"),
            "meters.room_temperature_c: it measures room_temperature as a gauge in degC, but room_temp_c does as a \
             gauge in °F",
            "one unit",
        ),
        (
            "/meters/power_kw",
            json!({"kind": "gauge", "measures": "consumption", "unit": "kWh", "min_value": 0, "max_value": 9}),
            "meters.power_kw.kind: \"gauge\" cannot measure consumption",
            "Registers",
        ),
        (
            "/meters/cold_water_m3",
            json!({"kind": "register", "measures": "Cold Water", "unit": "m3", "min_value": 0, "max_value": 9}),
            "meters.cold_water_m3.measures: \"Cold Water\" is not a name of lower-case letters",
            "",
        ),
    ];
    let mut wrong = Vec::new();
    for (path, value, says, hint) in cases {
        match answer(&mut analyst, &with(&config, path, value.clone())).await {
            Some(r) if r.code == "22023" && r.message.contains(says) && r.hint.contains(hint) && !r.hint.is_empty() => {
            }
            other => wrong.push(format!("{path} = {value}: {other:?}\n    expected: {says}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_missing_section_and_required_setting_is_named() {
    let mut analyst = as_role("analyst").await;
    let config = current(&mut analyst).await;
    for path in [
        "/meters",
        "/quality",
        "/features",
        "/training",
        "/evaluation",
        "/inference",
        "/schedules",
        "/quality/min_coverage_share",
        "/training/strategy",
        "/evaluation/gate/max_rmse_ratio",
        "/inference/horizon",
        "/schedules/refresh_hours",
        "/meters/electricity_kwh_total/measures",
        "/meters/solar_kwh_total/kind",
    ] {
        let refused = answer(&mut analyst, &without(&config, path)).await.expect(path);
        let place = path[1..].replace('/', ".");
        assert_eq!(
            (refused.code.as_str(), refused.message),
            ("22023", format!("the configuration is invalid: {place}: is missing"))
        );
    }
}

#[tokio::test]
async fn a_document_that_is_not_a_configuration_is_rejected() {
    let mut analyst = as_role("analyst").await;
    let config = current(&mut analyst).await;
    let deep: Value = (0..100).fold(json!(1), |inner, _| json!([inner]));
    for (document, says) in [
        (json!(null), "null is not of type object"),
        (json!([]), "[] is not of type object"),
        (json!("edf.yaml"), "\"edf.yaml\" is not of type object"),
        (json!({}), "is missing"),
        (with(&config, "/features/lags_h", json!((1..=101).collect::<Vec<_>>())), "101 entries are more than 100"),
        (with(&config, "/features/temperature", deep), "features.temperature: [[[["),
        (with(&config, "/meters", json!({})), "meters: no register measures consumption"),
    ] {
        let refused = answer(&mut analyst, &document).await.unwrap_or_else(|| panic!("this was loaded: {document}"));
        assert_eq!(refused.code, "22023", "{refused:?}");
        assert!(refused.message.contains(says), "{refused:?}");
    }
    for statement in [
        "call energy.load_config(null)",
        // A JSON number outside the range of a double.
        "call energy.load_config(jsonb_set(energy.current_config(), '{training,parameters,eta}', '1e400'))",
        "call energy.load_config((repeat('[', 1000) || repeat(']', 1000))::jsonb)",
    ] {
        let refused = refusal(&mut analyst, statement).await;
        assert_eq!(refused.code, "22023", "{refused:?}");
        assert!(!refused.hint.is_empty());
    }
}

#[tokio::test]
async fn all_violations_are_listed_without_loading() {
    let mut analyst = as_role("analyst").await;
    let config = current(&mut analyst).await;
    let config = with(&config, "/quality/min_coverage_share", json!(2));
    let config = with(&config, "/inference/issue_hour_utc", json!(-1));
    let paths: Vec<String> = query_scalar("select path from energy.config_errors($1) order by 1")
        .bind(&config)
        .fetch_all(&mut analyst)
        .await
        .unwrap();
    assert_eq!(paths, ["inference.issue_hour_utc", "quality.min_coverage_share"]);
}

#[tokio::test]
async fn anything_like_a_secret_is_rejected_and_never_repeated() {
    let mut analyst = as_role("analyst").await;
    let config = current(&mut analyst).await;
    for (path, value) in [
        ("/smtp_password", json!("hunter2")),
        ("/storage", json!({"bucket": {"SecretKey": "hunter2"}})),
        ("/training/parameters/api_key", json!("hunter2")),
        ("/training/parameters/apiKey", json!("hunter2")),
        ("/meters/electricity_kwh_total/settings/token", json!("hunter2")),
        ("/features/temperature", json!("https://me:hunter2@weather.example.org")),
        ("/features/lags_h", json!(["postgres://edf:hunter2@db/edf"])),
        ("/storage", json!({"pem": "-----BEGIN PRIVATE KEY-----hunter2"})),
    ] {
        let refused = answer(&mut analyst, &with(&config, path, value)).await.expect(path);
        assert_eq!(refused.code, "22023", "{refused:?}");
        assert!(refused.message.contains("looks like a secret"), "{refused:?}");
        assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
    }
}

#[tokio::test]
async fn a_new_version_is_a_row_with_its_checksum_and_an_unchanged_one_is_not() {
    let mut analyst = as_role("analyst").await;
    let mut work = analyst.begin().await.unwrap();
    let config = current(&mut work).await;
    let before = newest(&mut work).await;
    query("call energy.load_config($1)").bind(&config).execute(&mut *work).await.unwrap();
    assert_eq!(newest(&mut work).await, before);

    let changed = with(&config, "/quality/min_coverage_share", json!(0.5));
    query("call energy.load_config($1)").bind(&changed).execute(&mut *work).await.unwrap();
    let after = newest(&mut work).await;
    assert!(after.0 > before.0 && after.1 != before.1 && after.1.len() == 64, "{before:?} {after:?}");
    assert_eq!((after.2, after.3.as_str()), (None, "analyst"));
    let share: f64 =
        query_scalar("select min_coverage_share from energy.quality_limits").fetch_one(&mut *work).await.unwrap();
    assert_eq!(share, 0.5);
}

#[tokio::test]
async fn an_earlier_version_can_be_restored_and_two_versions_compared() {
    let mut analyst = as_role("analyst").await;
    let mut work = analyst.begin().await.unwrap();
    let config = current(&mut work).await;
    let first = newest(&mut work).await;
    let changed = with(&config, "/quality/min_coverage_share", json!(0.5));
    let changed = with(&changed, "/features/lags_h", json!([24, 168]));
    let changed = without(&changed, "/features/cooling_base_c");
    query("call energy.load_config($1)").bind(&changed).execute(&mut *work).await.unwrap();
    let second = newest(&mut work).await;

    let changes: Vec<(String, Option<Value>, Option<Value>)> =
        query_as("select path, before, after from energy.config_changes($1, $2)")
            .bind(first.0)
            .bind(second.0)
            .fetch_all(&mut *work)
            .await
            .unwrap();
    assert_eq!(
        changes,
        [
            ("features.cooling_base_c".to_owned(), Some(config["features"]["cooling_base_c"].clone()), None),
            ("features.lags_h".to_owned(), None, Some(json!([24, 168]))),
            (
                "quality.min_coverage_share".to_owned(),
                Some(config["quality"]["min_coverage_share"].clone()),
                Some(json!(0.5))
            ),
        ]
    );

    query("call energy.restore_config($1)").bind(first.0).execute(&mut *work).await.unwrap();
    let third = newest(&mut work).await;
    assert!(third.0 > second.0);
    assert_eq!((&third.1, third.2), (&first.1, Some(first.0)));
    assert_eq!(current(&mut work).await, config);
}

#[tokio::test]
async fn a_missing_or_no_longer_valid_version_is_not_restored() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    // A version that an older release accepted.
    let old: i64 = query_scalar(
        "insert into energy.configs (config, checksum) values ('{\"quality\": {}}', 'old') returning config_id",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    let refused = refusal(&mut work, &format!("call energy.restore_config({old})")).await;
    assert_eq!(refused.code, "22023", "{refused:?}");
    drop(work);
    for statement in [
        "call energy.restore_config(-1)",
        "call energy.restore_config(null)",
        "select * from energy.config_changes(1, -1)",
    ] {
        let refused = refusal(&mut postgres, statement).await;
        assert_eq!(refused.code, "42704", "{statement}");
        assert!(!refused.hint.is_empty());
    }
}

#[tokio::test]
async fn a_configuration_can_only_be_loaded_by_load_config() {
    for role in ["pipeline", "analyst"] {
        let mut connection = as_role(role).await;
        for statement in [
            "insert into energy.configs (config, checksum) values ('{}', '')",
            "update energy.configs set config = '{}'",
            "delete from energy.configs",
        ] {
            assert_eq!(refusal(&mut connection, statement).await.code, "42501", "{role}: {statement}");
        }
    }
    assert_eq!(refusal(&mut as_role("analyst").await, "select energy.keep_config('{}', null)").await.code, "42501");
}

#[tokio::test]
async fn the_schema_in_the_database_equals_the_file_and_covers_the_extension() {
    let mut analyst = as_role("analyst").await;
    let file: Value = serde_json::from_str(&read_file("config/edf.schema.json")).unwrap();
    let schema: Value = query_scalar("select energy.config_schema()").fetch_one(&mut analyst).await.unwrap();
    assert_eq!(schema, file);
    let names = |object: &Value| -> Vec<String> { object.as_object().unwrap().keys().cloned().collect() };
    let (features, settings): (Value, Value) =
        query_as("select edf.read_features('{}') - 'time_zone', edf.read_meter_settings('{}')")
            .fetch_one(&mut analyst)
            .await
            .unwrap();
    assert_eq!(names(&file["properties"]["features"]["properties"]), names(&features));
    assert_eq!(names(&file["$defs"]["settings"]["properties"]), names(&settings));
}

#[tokio::test]
async fn the_schema_and_the_extension_have_the_same_ranges() {
    let mut analyst = as_role("analyst").await;
    let file: Value = serde_json::from_str(&read_file("config/edf.schema.json")).unwrap();
    let mut checked = 0;
    for (name, rules) in file["$defs"]["settings"]["properties"].as_object().unwrap() {
        let rules = rules.get("$ref").map_or(rules, |to| file.pointer(&to.as_str().unwrap()[1..]).unwrap());
        for (bound, beyond) in [("minimum", -1.0), ("maximum", 1.0)] {
            let Some(bound) = rules.get(bound).and_then(Value::as_f64) else { continue };
            let settings = |value: f64| json!({ name: value });
            let read = "select edf.read_meter_settings($1)";
            query(read)
                .bind(settings(bound))
                .execute(&mut analyst)
                .await
                .unwrap_or_else(|error| panic!("{name} = {bound}: {error}"));
            let step = beyond * (bound.abs() * 0.5).max(1e-9);
            let outcome = query(read).bind(settings(bound + step)).execute(&mut analyst).await;
            assert!(outcome.is_err(), "{name} = {} is accepted", bound + step);
            checked += 1;
        }
    }
    assert!(checked >= 14, "{checked}");
}

#[tokio::test]
async fn the_jobs_of_the_schema_are_scheduled_as_configured() {
    let mut postgres = as_role("postgres").await;
    let config = current(&mut postgres).await;
    let jobs: Vec<(String, String)> =
        query_as("select jobname, schedule from cron.job where jobname like 'edf %' order by 1")
            .fetch_all(&mut postgres)
            .await
            .unwrap();
    let mut configured: Vec<(String, String)> = config["schedules"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, schedule)| (format!("edf {}", name.replace('_', " ")), schedule.as_str().unwrap().to_owned()))
        .collect();
    // And their additional worker sessions.
    let workers = |section: &str| config[section]["workers"].as_i64().unwrap();
    configured.extend((1..=workers("training")).map(|n| (format!("edf train worker {n}"), "*/5 * * * *".to_owned())));
    let issue = config["schedules"]["issue_forecasts"].as_str().unwrap();
    configured.extend((2..=workers("inference")).map(|n| (format!("edf issue worker {n}"), issue.to_owned())));
    configured.sort();
    assert_eq!(jobs, configured);
}

#[tokio::test]
async fn a_schedule_follows_the_configuration_and_null_turns_its_job_and_its_workers_off() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    let config = current(&mut work).await;
    let config = with(&config, "/schedules/train_models", json!("15 3 1,15 * *"));
    let config = with(&config, "/schedules/gate_models", json!(null));
    query("call energy.load_config($1)").bind(&config).execute(&mut *work).await.unwrap();
    work.execute(AssertSqlSafe(read_file("sql/jobs.sql"))).await.unwrap();
    let schedules: Vec<(String, String)> =
        query_as("select jobname, schedule from cron.job where jobname in ('edf train models', 'edf gate models')")
            .fetch_all(&mut *work)
            .await
            .unwrap();
    assert_eq!(schedules, [("edf train models".to_owned(), "15 3 1,15 * *".to_owned())]);
    let workers = "select jobname, schedule from cron.job where jobname like 'edf % worker %' order by 1";
    for (path, value, expected) in [
        ("/inference/workers", json!(3), vec![("issue", 2, "*/15 * * * *"), ("issue", 3, "*/15 * * * *")]),
        ("/schedules/issue_forecasts", json!("5 * * * *"), vec![("issue", 2, "5 * * * *"), ("issue", 3, "5 * * * *")]),
        ("/inference/workers", json!(2), vec![("issue", 2, "5 * * * *")]),
        ("/schedules/issue_forecasts", json!(null), vec![]),
        ("/training/workers", json!(1), vec![]),
    ] {
        let changed = with(&current(&mut work).await, path, value);
        query("call energy.load_config($1)").bind(&changed).execute(&mut *work).await.unwrap();
        if path == "/inference/workers" {
            // A deployment schedules additional workers; removed ones are unscheduled at once.
            work.execute(AssertSqlSafe(read_file("sql/jobs.sql"))).await.unwrap();
        }
        let found: Vec<(String, String)> = query_as(workers).fetch_all(&mut *work).await.unwrap();
        let trainers = if path == "/training/workers" { 1 } else { 2 };
        let trainers = (1..=trainers).map(|n| ("train", n, "*/5 * * * *"));
        let expected: Vec<_> = expected
            .into_iter()
            .chain(trainers)
            .map(|(work, n, schedule)| (format!("edf {work} worker {n}"), schedule.to_owned()))
            .collect();
        assert_eq!(found, expected, "{path}");
    }
}
