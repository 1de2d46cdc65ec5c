//! Models of anomalies: trained, decided on, scored and explained by SQL, with the registry of forecasts.

use edf_tests::{Refusal, Throwaway, as_role, refusal, refusals, seed_demand, trained};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query, query_as, query_scalar};
use std::time::{Duration, Instant};

/// Apartments and days each.
const APARTMENTS: i64 = 8;
const DAYS: i64 = 300;
/// What the models read.
const ROLES: &str = r#"{"target": "energy_kwh", "group": "apartment"}"#;
const ROWS: &str = "select day, apartment, energy_kwh, hdd, sun, is_weekend from days";
/// Features of a row, for detectors without a target.
const VECTORS: &str =
    "select apartment || '#' || day as key, energy_kwh / greatest(hdd, 1) as per_degree, hdd, gap_k from days";

/// Days of apartments: heat follows degree days, sun and the weekend. In apartment 3 a valve is stuck from day 260 to
/// 265.
async fn seed_days(connection: &mut PgConnection, apartments: i64, days: i64) {
    let seed = format!(
        "select setseed(0.42);
         create table days as
         select date '2025-01-01' + d as day, 'apartment ' || a as apartment, hdd, sun,
             extract(isodow from date '2025-01-01' + d) > 5 as is_weekend,
             greatest(0, 3 + a % 4 + (0.8 + 0.1 * (a % 5)) * hdd - 0.4 * sun + 0.7 * noise + case when a = 3
                 and d between 260 and 265 then 18 else 0 end)
                 as energy_kwh,
             0.3 * gap + case when a = 3 and d between 260 and 265 then -3 else 0 end as gap_k
         from generate_series(1, {apartments}) as a, generate_series(0, {days} - 1) as d,
             lateral (select greatest(0, 8 + 8 * cos(d / 58.0) + 4 * random() - 2 + 0 * a) as hdd,
                 3 - 2 * cos(d / 58.0) + random() + 0 * a as sun,
                 sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) + 0 * a as noise,
                     sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) + 0 * a as gap) as r"
    );
    connection.execute(sqlx::raw_sql(AssertSqlSafe(seed))).await.unwrap();
}

async fn with_days() -> (Throwaway, PgConnection) {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_days(&mut analyst, APARTMENTS, DAYS).await;
    (database, analyst)
}

/// Trains on the first 240 days and approves.
async fn approved(analyst: &mut PgConnection, subject: &str, strategy: &str, rows: &str, parameters: &str) -> i64 {
    query_scalar("select edf.approve_model(edf.train_anomaly_model($1, $2, $3, $4::jsonb))")
        .bind(subject)
        .bind(rows)
        .bind(strategy)
        .bind(parameters)
        .fetch_one(analyst)
        .await
        .unwrap()
}

fn until(rows: &str) -> String {
    format!("{rows} where day < date '2025-01-01' + 240")
}

fn since(rows: &str) -> String {
    format!("{rows} where day >= date '2025-01-01' + 240")
}

#[tokio::test]
async fn an_apartments_stuck_valve_is_found_by_what_it_was_expected_to_use() {
    let (_database, mut analyst) = with_days().await;
    let model: i64 = query_scalar("select edf.train_anomaly_model('expected', $1, parameters => $2::jsonb)")
        .bind(until(ROWS))
        .bind(ROLES)
        .fetch_one(&mut analyst)
        .await
        .unwrap();
    let (status, strategy, names, rows, end, units): (String, String, Vec<String>, i64, bool, i32) = query_as(
        "select status, strategy, feature_names, training_rows,
             training_end = (date '2025-01-01' + 240)::timestamp at time zone 'UTC',
             (metrics ->> 'units')::integer
         from edf.models where model_id = $1",
    )
    .bind(model)
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert_eq!((status.as_str(), strategy.as_str(), rows, end, units), ("pending", "expected_energy", 1920, true, 8));
    assert_eq!(names, ["hdd", "sun", "is_weekend"]);
    // The same day of several apartments: rows come back in the order of the query.
    let (found, false_alarms, ordered, least, most): (i64, i64, bool, f64, f64) = query_as(
        "with scored as (
             select s.*, apartment, energy_kwh, day, apartment = 'apartment 3'
                 and day between date '2025-01-01' + 260 and date '2025-01-01' + 265 as is_fault
             from edf.score_anomalies($1, $2) with ordinality as s
             join (select q.*, row_number() over () as ordinality
             from (select * from days where day >= date '2025-01-01' + 240) as q) as q using (ordinality)
         )
         select count(*) filter (where is_anomaly and is_fault and score > 0.999 and energy_kwh > upper
             and tail_probability < 1e-6),
             count(*) filter (where is_anomaly and not is_fault),
                 bool_and(key = day::text and lower <= expected and expected <= upper), min(score), max(score)
         from scored",
    )
    .bind(model)
    .bind(since(ROWS))
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert_eq!((found, ordered), (6, true));
    assert!(false_alarms < 24, "{false_alarms} of 474");
    assert!(least >= 0.0 && most <= 1.0, "{least} {most}");
}

#[tokio::test]
async fn forest_and_neighbours_find_rows_that_are_odd_together_and_say_by_which_feature() {
    let (_database, mut analyst) = with_days().await;
    for strategy in ["isolation_forest", "local_outlier_factor"] {
        let model = approved(&mut analyst, strategy, strategy, &until(VECTORS), "{}").await;
        let (found, share): (i64, f64) = query_as(
            "select count(*) filter (where is_anomaly and is_fault), avg((is_anomaly and not is_fault)::integer)::float8
             from (select *, key ~ 'apartment 3#'
                 and split_part(key, '#', 2)::date between date '2025-01-01' + 260 and date '2025-01-01' +
                     265 as is_fault
                   from edf.score_anomalies($1, $2)) as scored",
        )
        .bind(model)
        .bind(since(VECTORS))
        .fetch_one(&mut analyst)
        .await
        .unwrap();
        assert!(found >= 5 && share < 0.06, "{strategy}: {found} {share}");
        let first: String = query_scalar(
            "select feature from edf.explain_anomaly($1,
                 '{\"per_degree\": 1.2, \"hdd\": 9, \"gap_k\": -3.1, \"key\": \"x\"}') order by contribution desc
             limit 1",
        )
        .bind(model)
        .fetch_one(&mut analyst)
        .await
        .unwrap();
        assert_eq!(first, "gap_k", "{strategy}");
    }
}

#[tokio::test]
async fn any_query_is_judged_by_its_own_rows_and_by_the_approved_model_where_there_is_one() {
    let (_database, mut analyst) = with_days().await;
    let judged = "select count(*), count(model_id), count(*) filter (where is_anomaly), max(model_id)
                  from edf.detect_anomalies('flats', $1, parameters => $2::jsonb)";
    for (rows, parameters) in [(ROWS, ROLES), (VECTORS, "{}")] {
        let (all, by_model, alarms, _): (i64, i64, i64, Option<i64>) =
            query_as(judged).bind(rows).bind(parameters).fetch_one(&mut analyst).await.unwrap();
        assert_eq!((all, by_model), (APARTMENTS * DAYS, 0));
        assert!((6..80).contains(&alarms), "{alarms}");
    }
    let model = approved(&mut analyst, "flats", "expected_energy", &until(ROWS), ROLES).await;
    let (all, by_model, _, newest): (i64, i64, i64, Option<i64>) =
        query_as(judged).bind(ROWS).bind("{}").fetch_one(&mut analyst).await.unwrap();
    assert_eq!((all, by_model, newest), (APARTMENTS * DAYS, APARTMENTS * DAYS, Some(model)));
}

#[tokio::test]
async fn contributions_add_up_to_the_days_energy_in_its_unit() {
    let (_database, mut analyst) = with_days().await;
    let model = approved(&mut analyst, "expected", "expected_energy", &until(ROWS), ROLES).await;
    let (apart, left, degrees): (f64, f64, f64) = query_as(
        "select max(abs(total - energy_kwh)), min(unexplained), min(degrees)
         from (select * from days where apartment = 'apartment 3'
             and day between date '2025-01-01' + 260 and date '2025-01-01' + 265) as q
         cross join lateral (
             select sum(contribution) as total,
                 max(contribution) filter (where feature = '(unexplained)') as unexplained,
                 max(would_explain) filter (where feature = 'hdd') as degrees
             from edf.explain_anomaly($1, to_jsonb(q))) as e",
    )
    .bind(model)
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert!(apart < 1e-9 && left > 14.0 && degrees > 10.0, "{apart} {left} {degrees}");
}

#[tokio::test]
async fn a_newcomer_starts_from_what_others_taught_and_its_event_says_so() {
    let (_database, mut analyst) = with_days().await;
    let pooled = approved(&mut analyst, "all", "expected_energy", &until(ROWS), ROLES).await;
    let week = format!("{ROWS} where apartment = 'apartment 5' and day < date '2025-01-01' + 7");
    let (model, reason): (i64, String) = {
        let model: i64 = query_scalar(
            "select edf.train_anomaly_model('apartment 5', $1, parameters => $2::jsonb, prior_model_id => $3)",
        )
        .bind(&week)
        .bind(ROLES)
        .bind(pooled)
        .fetch_one(&mut analyst)
        .await
        .unwrap();
        let reason = query_scalar("select reason from edf.model_events where model_id = $1 and event = 'trained'");
        (model, reason.bind(model).fetch_one(&mut analyst).await.unwrap())
    };
    assert_eq!(reason, format!("its prior is that of model {pooled}"));
    let (rmse, spread): (f64, f64) = query_as(
        "select sqrt(avg((expected - energy_kwh) ^ 2)), stddev(energy_kwh)
         from edf.score_anomalies($1, $2) as s join days on day = key::date and apartment = 'apartment 5'",
    )
    .bind(model)
    .bind(format!("{ROWS} where apartment = 'apartment 5'"))
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert!(rmse < 0.4 * spread, "{rmse} of {spread}");
}

#[tokio::test]
async fn alerts_are_as_likely_real_as_the_base_rate_says_until_there_are_labels() {
    let (_database, mut analyst) = with_days().await;
    let none = "select 1 as key, null::boolean as is_real, 0.9 as valve, 0.5 as forest where false";
    let prior = approved(
        &mut analyst,
        "alerts",
        "alert_probability",
        none,
        r#"{"target": "is_real", "base_rate": 0.02, "weights": {"forest": 0.5}}"#,
    )
    .await;
    let asked = "select * from (values (1, 0.9999, 0.99), (2, null, null), (3, 0.2, 0.9999)) as v (key, valve, forest)";
    let scores: Vec<(f64, bool)> = query_as("select score, is_anomaly from edf.score_anomalies($1, $2)")
        .bind(prior)
        .bind(asked)
        .fetch_all(&mut analyst)
        .await
        .unwrap();
    assert!((scores[1].0 - 0.02).abs() < 1e-9 && scores[0].0 > 0.4 && scores[2].0 < scores[0].0, "{scores:?}");
    // What technicians found: the forest's alerts were real, the valve's were not.
    let labels = "select n as key, n % 2 = 0 as is_real, case when n % 2 = 0 then 0.2 else 0.9999 end as valve,
        case when n % 2 = 0 then 0.9999 else 0.2 end as forest from generate_series(1, 60) as n";
    let learnt = approved(&mut analyst, "alerts", "alert_probability", labels, r#"{"target": "is_real"}"#).await;
    let after: Vec<f64> = query_scalar("select score from edf.score_anomalies($1, $2)")
        .bind(learnt)
        .bind(asked)
        .fetch_all(&mut analyst)
        .await
        .unwrap();
    assert!(after[2] > 0.7 && after[2] > after[0], "{after:?}");
    let (labels, better): (i64, bool) = query_as(
        "select (metrics ->> 'labels')::bigint, (metrics ->> 'log_loss')::float8 <
             (metrics ->> 'log_loss_of_prior')::float8 from edf.models where model_id = $1",
    )
    .bind(learnt)
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert_eq!((labels, better), (60, true));
}

#[tokio::test]
async fn a_subject_has_models_of_one_kind_and_each_kind_refuses_what_the_other_does() {
    let (_database, mut analyst) = with_days().await;
    seed_demand(&mut analyst).await;
    let forecasts = trained(&mut analyst, "house").await;
    let anomalies = approved(&mut analyst, "flats", "isolation_forest", VECTORS, "{}").await;
    refusals(
        &mut analyst,
        &[
            ("22023", &format!("select edf.train_anomaly_model('house', $q${VECTORS}$q$, 'isolation_forest')")),
            ("22023", "select edf.train('flats', 'select at, demand_kwh from hourly', 'lear')"),
            (
                "22023",
                "select edf.import_model(model || '{\"subject\": \"flats\"}')
                       from edf.export_models('{house}') as model",
            ),
            ("0A000", "select edf.forecast('flats', 'select at, demand_kwh from hourly')"),
            ("0A000", "select edf.explain('flats', 'select at, demand_kwh from hourly')"),
            (
                "0A000",
                &format!(
                    "select edf.score_anomalies({forecasts},
                 'select 1 as key, * from edf.features(''select at, demand_kwh, temperature_c from hourly'')')"
                ),
            ),
            ("0A000", &format!("select edf.detect_anomalies('house', $q${VECTORS}$q$)")),
            ("0A000", &format!("select edf.export_xgboost({anomalies})")),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_cannot_be_read_learnt_or_scored_is_refused_with_a_hint() {
    let (_database, mut analyst) = with_days().await;
    let model = approved(&mut analyst, "flats", "isolation_forest", VECTORS, "{}").await;
    let expected = approved(&mut analyst, "expected", "expected_energy", ROWS, ROLES).await;
    let emptied = approved(&mut analyst, "expected", "expected_energy", ROWS, ROLES).await;
    approved(&mut analyst, "expected", "expected_energy", ROWS, ROLES).await;
    query("select edf.empty_model($1, 'a test')").bind(emptied).execute(&mut analyst).await.unwrap();
    let train = |query: &str, rest: &str| format!("select edf.train_anomaly_model('a', $q${query}$q${rest})");
    refusals(
        &mut analyst,
        &[
            ("22004", "select edf.train_anomaly_model(null, 'select 1')"),
            ("22004", "select edf.train_anomaly_model('a', null)"),
            ("42704", &train(VECTORS, ", 'forest'")),
            ("42704", &train(VECTORS, ", 'isolation_forest', prior_model_id => 987654321")),
            ("22023", &train(VECTORS, &format!(", 'isolation_forest', prior_model_id => {expected}"))),
            ("22023", &train(ROWS, &format!(", 'expected_energy', '{ROLES}', prior_model_id => {model}"))),
            ("55000", &train(ROWS, &format!(", 'expected_energy', '{ROLES}', prior_model_id => {emptied}"))),
            ("22023", &train(VECTORS, ", 'isolation_forest', '{\"tree\": 5}'")),
            ("22023", &train(VECTORS, ", 'isolation_forest', '{\"trees\": 0}'")),
            ("22023", &train(VECTORS, ", 'isolation_forest', '[]'")),
            ("22023", &train(VECTORS, ", 'isolation_forest', '{\"features\": [\"nothing\"]}'")),
            ("22023", &train(VECTORS, ", 'expected_energy'")),
            ("22023", &train(ROWS, ", 'expected_energy', '{\"target\": \"energy\"}'")),
            ("22023", &train(ROWS, ", 'expected_energy', '{\"target\": \"energy_kwh\"}'")),
            ("22023", &train("select 1 as key", ", 'isolation_forest'")),
            ("22023", &train("", ", 'isolation_forest'")),
            ("22000", &train("select n, n as a from generate_series(1, 5) as n", ", 'isolation_forest'")),
            ("22000", &train("select n, 1 as a from generate_series(1, 50) as n", ", 'isolation_forest'")),
            ("22000", &train("select n, n as a from generate_series(1, 15) as n", ", 'local_outlier_factor'")),
            (
                "22000",
                &train(
                    "select n, case n when 7 then 'NaN'::float8 else n end as a
                     from generate_series(1, 50) as n",
                    ", 'isolation_forest'",
                ),
            ),
            ("22000", &train("select nullif(n, 7), n as a from generate_series(1, 50) as n", ", 'isolation_forest'")),
            (
                "22000",
                &train(
                    "select n, n as a, n as b from generate_series(1,
                         9) as n",
                    ", 'expected_energy', '{\"target\": \"a\"}'",
                ),
            ),
            (
                "22023",
                &train(
                    "select n, n as a, 0.5 as b from generate_series(1,
                         9) as n",
                    ", 'alert_probability', '{\"target\": \"a\"}'",
                ),
            ),
            ("42704", "select edf.score_anomalies(987654321, 'select 1')"),
            ("22004", "select edf.score_anomalies(null, 'select 1')"),
            ("22023", &format!("select edf.score_anomalies({model}, 'select 1 as key, 2 as hdd')")),
            ("55000", &format!("select edf.score_anomalies({emptied}, $q${ROWS}$q$)")),
            ("42704", "select edf.explain_anomaly(987654321, '{}')"),
            ("22004", &format!("select edf.explain_anomaly({model}, null)")),
            ("22023", &format!("select edf.explain_anomaly({model}, '[]')")),
            ("22023", &format!("select edf.explain_anomaly({model}, '{{\"hdd\": \"cold\"}}')")),
            ("22004", "select edf.anomaly_scores(null, null)"),
            ("22004", "select edf.anomaly_parts(null, null)"),
            ("22004", "select edf.fit_anomalies(null, null, null, null)"),
            ("22004", "select edf.own_anomaly_scores('isolation_forest', null, '{}')"),
            ("XX001", "select edf.anomaly_scores('\\x00', row('{}', '{}', '{}', null, null, null))"),
            (
                "22023",
                &format!(
                    "select edf.anomaly_scores(artifact,
                         row('{{1}}', feature_names, '{{1}}', null, null, null)) from edf.models
                     where model_id = {model}"
                ),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_flipped_byte_of_a_model_is_noticed() {
    let (_database, mut analyst) = with_days().await;
    for (strategy, rows, parameters) in
        [("isolation_forest", VECTORS, r#"{"trees": 5}"#), ("expected_energy", ROWS, ROLES)]
    {
        let model = approved(&mut analyst, strategy, strategy, rows, parameters).await;
        let length: i32 = query_scalar("select length(artifact) from edf.models where model_id = $1")
            .bind(model)
            .fetch_one(&mut analyst)
            .await
            .unwrap();
        for at in (0..length).step_by(length as usize / 20) {
            let damaged = format!(
                "select edf.anomaly_scores(set_byte(artifact, {at}, (get_byte(artifact, {at}) + 1) % 256),
                     row('{{}}', feature_names, '{{}}', '{{}}', null, null))
                 from edf.models where model_id = {model}"
            );
            let Refusal { code, hint, .. } = refusal(&mut analyst, &damaged).await;
            assert!(code == "XX001" && !hint.is_empty(), "{strategy}, byte {at}: {code}");
        }
    }
}

#[tokio::test]
async fn a_timeout_ends_a_long_fit_soon() {
    let (_database, mut analyst) = with_days().await;
    analyst.execute("set statement_timeout = '2s'").await.unwrap();
    let rows = "select n, random() as a, random() as b, random() as c from generate_series(1, 40000) as n";
    let asked = Instant::now();
    let long =
        format!("select edf.train_anomaly_model('long', '{rows}', 'local_outlier_factor', '{{\"max_rows\": 20000}}')");
    assert_eq!(refusal(&mut analyst, &long).await.code, "57014");
    assert!(asked.elapsed() < Duration::from_secs(12), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_hundred_apartments_are_learnt_soon_and_three_thousand_rows_scored_in_a_moment() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_days(&mut analyst, 100, 365).await;
    for (strategy, rows, parameters) in
        [("expected_energy", ROWS, ROLES), ("isolation_forest", VECTORS, "{}"), ("local_outlier_factor", VECTORS, "{}")]
    {
        let asked = Instant::now();
        let model = approved(&mut analyst, strategy, strategy, rows, parameters).await;
        let learnt = asked.elapsed();
        let asked = Instant::now();
        let (scored, bytes): (i64, i32) = query_as(
            "select (select count(score) from edf.score_anomalies($1, $2)),
                 (select length(artifact) from edf.models where model_id = $1)",
        )
        .bind(model)
        .bind(format!("{rows} where day >= date '2025-12-02'"))
        .fetch_one(&mut analyst)
        .await
        .unwrap();
        println!("{strategy}: learnt in {learnt:.2?}, {scored} rows scored in {:.2?}, {bytes} bytes", asked.elapsed());
        assert_eq!(scored, 3000);
        // A tenth of it on a machine that does nothing else.
        assert!(learnt < Duration::from_secs(120) && asked.elapsed() < Duration::from_secs(10), "{strategy}");
    }
}

#[tokio::test]
async fn an_analyst_and_the_pipeline_train_and_score_and_neither_approves() {
    for role in ["analyst", "pipeline"] {
        let mut session = as_role(role).await;
        let mut work = session.begin().await.unwrap();
        let rows = "select n, n % 13 as a, n % 7 as b from generate_series(1, 90) as n";
        let model: i64 =
            query_scalar("select edf.train_anomaly_model('a test', $1, 'isolation_forest', '{\"trees\": 10}')")
                .bind(rows)
                .fetch_one(&mut *work)
                .await
                .unwrap();
        let (scored, parts): (i64, i64) = query_as(
            "select (select count(score) from edf.score_anomalies($1, $2)),
                 (select count(*) from edf.explain_anomaly($1, '{\"a\": 5}'))",
        )
        .bind(model)
        .bind(rows)
        .fetch_one(&mut *work)
        .await
        .unwrap();
        assert_eq!((scored, parts), (90, 2));
        let approve = format!("select edf.approve_model({model})");
        assert_eq!(refusal(&mut work, &approve).await.code, "42501");
        work.rollback().await.unwrap();
    }
}
