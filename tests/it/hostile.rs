//! Excessive calls: each is rejected or ends at the timeout, promptly, and with bounded memory.

use edf_tests::{Refusal, Throwaway, refusals, seed_demand, trained};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query, query_scalar};
use std::time::{Duration, Instant};

/// Default limit for the growth of a backend, in MB.
const GROWTH: i64 = 2000;
/// Maximum time after the timeout on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(3);

/// Ten years in quarter hours.
const LONG: &str = "select at, 10 + sin(extract(epoch from at) / 13751) as kwh,
                        10 * sin(extract(epoch from at) / 5e6) as temperature_c
    from generate_series(timestamptz '2016-01-01Z', '2026-01-01Z', '15 min') as at";

/// Expected result of a call.
enum Ends {
    /// Rejected with this SQLSTATE and a hint.
    Refused(&'static str),
    /// Anything but a crash: success, rejection, or cancellation by the timeout.
    InTime,
}
use Ends::{InTime, Refused};

/// SQLSTATE or "00000", duration, and growth of the backend in MB, of a statement with this timeout (zero is none). A
/// second connection reads the memory: on a machine that pauses, the timeout would cancel that too.
async fn measured(database: &Throwaway, timeout: Duration, statement: &str) -> (Refusal, Duration, i64) {
    let (mut worker, mut observer) = (database.connect().await, database.connect().await);
    let backend: i32 = query_scalar("select pg_backend_pid()").fetch_one(&mut worker).await.unwrap();
    worker.execute(AssertSqlSafe(format!("set statement_timeout = {}", timeout.as_millis()))).await.unwrap();
    let (before, asked) = (peak_mb(&mut observer, backend).await, Instant::now());
    let outcome = worker.execute(AssertSqlSafe(statement)).await;
    let took = asked.elapsed();
    let refusal = match outcome {
        Ok(_) => Refusal { code: "00000".to_owned(), message: String::new(), hint: String::new() },
        Err(error) => Refusal::from(error),
    };
    (refusal, took, peak_mb(&mut observer, backend).await - before)
}

/// Peak memory of a backend, including the shared buffers that it has touched.
async fn peak_mb(observer: &mut PgConnection, backend: i32) -> i64 {
    query_scalar(
        "select (regexp_match(pg_read_file(format('/proc/%s/status', $1), 0, 100000, true),
             'VmHWM:\\s+(\\d+)'))[1]::bigint / 1024",
    )
    .bind(backend)
    .fetch_one(observer)
    .await
    .unwrap()
}

#[tokio::test]
async fn an_excessive_call_ends_promptly_with_bounded_memory() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    trained(&mut analyst, "house").await;
    let started: String =
        query_scalar("select pg_postmaster_start_time()::text").fetch_one(&mut analyst).await.unwrap();
    let demand = "select at, demand_kwh, temperature_c from hourly";
    let backtest = |arguments: &str| format!("select count(*) from edf.backtest('{demand}', {arguments})");
    let features = |query: &str, spec: &str| format!("select count(*) from edf.features($q${query}$q$, {spec})");
    let lists = ["lags_h", "recent_h", "rolling_h", "inertia_h", "weather_lags_h", "weather_windows_h"];
    let all_lists =
        lists.map(|name| format!("'{name}', (select jsonb_agg(h) from generate_series(1, 200) as h)")).join(", ");
    let cases: Vec<(Ends, String)> = vec![
        // Horizons and times.
        (Refused("22023"), format!("select edf.forecast('house', '{demand}', issued_at => '2900-01-01Z')")),
        (Refused("22023"), format!("select edf.forecast('house', '{demand}', issued_at => '290000-01-01Z')")),
        (Refused("22023"), features(demand, "horizon => '100000 days'")),
        (Refused("22023"), features(demand, "issued_at => '9999-12-31Z'")),
        (Refused("22023"), features(demand, "availability => '100000 days'")),
        (Refused("22023"), format!("select edf.train('house', '{demand}', horizon => '100000 days')")),
        (Refused("22023"), format!("select edf.train('house', '{demand}', availability => '100000 days')")),
        (
            Refused("22023"),
            "select edf.train('house',
                 'select at, demand_kwh, timestamptz ''9999-01-01Z'' as received_at from hourly')"
                .to_owned(),
        ),
        // Backtests.
        (Refused("22023"), backtest("horizon => '100000 days'")),
        (Refused("22023"), backtest(r#"schedule => '{"first_origin": "9000-01-01Z"}'"#)),
        (Refused("22023"), backtest(r#"schedule => '{"step": "1 us"}'"#)),
        (Refused("22023"), backtest(r#"schedule => '{"step": "100000 years"}'"#)),
        (
            InTime,
            backtest(
                r#"strategy => 'seasonal_naive', schedule => '{
            "step": "900000 days", "refit": "2000000 days", "training_window": "20 days", "test_period": "5 days",
            "last_origin": "9000-01-01Z"}'"#,
            ),
        ),
        (Refused("22023"), backtest("levels => (select array_agg(l / 10001.0) from generate_series(1, 10000) as l)")),
        (
            Refused("22023"),
            backtest(
                "candidates => (select jsonb_agg(jsonb_build_object('name', n::text, 'strategy', 'seasonal_naive'))
                 from generate_series(1, 1000) as n)",
            ),
        ),
        (
            Refused("22023"),
            format!(
                r#"select count(*) from edf.backtest($q${LONG}$q$, 'seasonal_naive',
                       schedule => '{{"step": "15 min", "refit": "90000 days", "test_period": "3000 days"}}')"#
            ),
        ),
        (
            Refused("22023"),
            backtest(
                r#"parameters => jsonb_build_object('members',
                       (select jsonb_agg('{"strategy": "profile"}'::jsonb) from generate_series(1, 200))),
                       strategy => 'ensemble'"#,
            ),
        ),
        // Feature tables.
        (
            Refused("22023"),
            features(
                demand,
                "(select jsonb_build_object('lags_h', jsonb_agg(h))
                                             from generate_series(1, 201) as h)",
            ),
        ),
        (
            Refused("22023"),
            features(
                demand,
                "(select jsonb_build_object('lag_days', jsonb_agg(1))
                                             from generate_series(1, 1000000) as h)",
            ),
        ),
        (Refused("22023"), features(LONG, &format!("jsonb_build_object({all_lists})"))),
        (InTime, features(LONG, r#"'{"weather_windows_h": [8000, 8100, 8200, 8300, 8400, 8500, 8600, 8700, 8784]}'"#)),
        (
            InTime,
            features(
                LONG,
                r#"'{"same_type_days": [48, 49, 50, 51, 52], "same_hour_days": [51, 52],
            "same_hour_weeks": [51, 52]}'"#,
            ),
        ),
        (InTime, format!("select edf.train('long', $q${LONG}$q$, 'lear')")),
        (
            InTime,
            format!(
                r#"select edf.train('long', $q${LONG}$q$, parameters => '{{"max_rows": 10000000}}',
                                horizon => '30 days')"#
            ),
        ),
        (InTime, format!("select edf.train('long', $q${LONG}$q$, 'mstl')")),
        (InTime, format!("select edf.train('long', $q${LONG}$q$, 'sarimax')")),
        (InTime, format!("select edf.train('long', $q${LONG}$q$, 'prophet')")),
        (
            InTime,
            format!(
                r#"select count(*) from edf.backtest($q${LONG}$q$, candidates => '["profile", "mstl"]',
                           schedule => '{{"test_period": "700 days", "refit": "9000 days"}}', workers => 4)"#
            ),
        ),
        (
            InTime,
            format!(
                r#"select count(*) from edf.backtest($q${LONG}$q$,
                           schedule => '{{"test_period": "640 days", "refit": "1 day"}}', workers => 64)"#
            ),
        ),
        (
            InTime,
            format!(
                r#"select count(*) from edf.backtest($q$select * from ({LONG}) as q
                   where extract(minute from at) = 0$q$, 'seasonal_naive',
                       schedule => '{{"step": "1 hour", "refit": "90000 days", "test_period": "600 days"}}')"#
            ),
        ),
        // Hourly regressor forecasts for a year.
        (
            InTime,
            format!(
                "select edf.train('long', $q${LONG}$q$, 'profile', regressor_forecasts => $q$
                 select at, at - interval '1 hour' * age as received_at, 5.0 as temperature_c
                 from generate_series(timestamptz '2025-01-01Z', '2026-01-01Z', '15 min') as at,
                     generate_series(1, 30) as age $q$)"
            ),
        ),
        // Names and documents of any length.
        (
            Refused("22023"),
            "select edf.read_parameters('xgboost',
                                jsonb_build_object(repeat('a', 50000000), 1))"
                .to_owned(),
        ),
        (Refused("42704"), "select edf.read_parameters(repeat('a', 50000000), '{}')".to_owned()),
        (
            Refused("22023"),
            "select edf.require_known('metric', repeat('a', 50000000),
                                array_fill(repeat('b', 1000), array[1000]))"
                .to_owned(),
        ),
        (Refused("22023"), "select edf.read_features((repeat('[', 1000) || repeat(']', 1000))::jsonb)".to_owned()),
        (Refused("22023"), r#"select edf.read_features('{"sun_gain_c": 1e400}')"#.to_owned()),
        (
            Refused("22023"),
            r#"select edf.tuning_space('xgboost',
                                  jsonb_build_object('rounds',
                                  (select jsonb_agg(n) from generate_series(1, 1000000) as n)))"#
                .to_owned(),
        ),
        (
            InTime,
            r#"select count(*) from edf.validate_json((select json_object_agg('x' || n, n)
               from generate_series(1, 200000) as n)::text,
               (select json_build_object('additionalProperties', false, 'properties', json_object_agg('y' || n, true))
               from generate_series(1, 20000) as n)::text)"#
                .to_owned(),
        ),
        // Arrays.
        (
            InTime,
            "select sum(cardinality(scenario_values)) from edf.draw_scenarios(
                array_fill(0, array[2400]),
                    (select array_agg(timestamptz '2026-01-01Z' + n * interval '1 hour')
                    from generate_series(1, 2400) as n),
                (select array_agg(n::float8) from generate_series(1, 2400) as n), array_fill(1.0::float8, array[4800]),
                    '{0.1,0.9}',
                array_fill(0, array[240000]),
                    (select array_agg(timestamptz '2025-01-01Z' + n / 2400 * interval '1 day')
                    from generate_series(0, 239999) as n),
                (select array_agg(n % 2400 + 1.0) from generate_series(0, 239999) as n),
                    array_fill(1.0::float8, array[240000]), 10000, 1)"
                .to_owned(),
        ),
        (
            InTime,
            "select edf.variogram_score(array_fill(1.0::float8, array[10000]),
                 array_fill(1.0::float8, array[1000000]))"
                .to_owned(),
        ),
        (
            InTime,
            "select count(*) from edf.portfolio_quantiles(
                (select array_agg(timestamptz '2026-01-01Z' + n * interval '1 hour')
                from generate_series(1, 20000) as n), array_fill(1.0::float8, array[20000]),
                array_fill(1.0::float8, array[20000]),
                    (select array_agg(timestamptz '2025-01-01Z' + n * interval '1 minute')
                    from generate_series(1, 200000) as n),
                array_fill(1.0::float8, array[200000]), (select array_agg(random()) from generate_series(1, 200000)),
                    '{0.1,0.9}')"
                .to_owned(),
        ),
        (
            InTime,
            r#"select count(*) from edf.register_hours(
                (select array_agg(timestamptz '2026-01-01Z' + n * interval '1 minute')
                from generate_series(1, 500000) as n),
                (select array_agg(n::float8) from generate_series(1, 500000) as n),
                (select array_agg(timestamptz '2026-01-01Z' + n * interval '1 minute')
                from generate_series(1, 500000) as n),
                '2026-01-01Z', '2027-01-01Z', '{"jitter_h": 8784}')"#
                .to_owned(),
        ),
        (
            InTime,
            "select count(*) from edf.register_hours(array['0001-01-02Z', '9998-01-01Z']::timestamptz[], '{0,5}',
                 array['0001-01-02Z', '9998-01-01Z']::timestamptz[],
                '2020-01-01Z', '2029-01-01Z', profile => array_fill(1::float8, array[24]),
                    time_zone => 'Europe/Zurich')"
                .to_owned(),
        ),
        (Refused("22023"), "select edf.gauge_hours('{}', '{}', '{}', '0001-01-01Z', '9999-01-01Z')".to_owned()),
        (
            InTime,
            "select edf.diebold_mariano((select array_agg(random()) from generate_series(1, 500000)),
                      (select array_agg(random()) from generate_series(1, 500000)), 400000)"
                .to_owned(),
        ),
        (
            InTime,
            r#"select edf.next_trial('xgboost', edf.tuning_space('xgboost', null),
                   (select jsonb_agg(jsonb_build_object('parameters',
                       '{"eta": 0.1, "rounds": 100, "max_depth": 5, "min_child_weight": 1, "subsample": 0.7,
                         "colsample_bytree": 0.5, "lambda": 1, "half_life_days": 0, "base": "mean",
                         "monotone_heating": false}'::jsonb, 'score', n))
                   from generate_series(1, 9999) as n), 1)"#
                .to_owned(),
        ),
        (
            Refused("22023"),
            r#"select edf.next_trial('xgboost', edf.tuning_space('xgboost', null),
                                  (select jsonb_agg('{"parameters": {}, "score": 1}'::jsonb)
                              from generate_series(1, 20000)), 1)"#
                .to_owned(),
        ),
        (
            InTime,
            "select count(*) from edf.parse_meter_messages(array_fill('{\"readings\": []}'::text,
                      array[2000000]))"
                .to_owned(),
        ),
        (
            InTime,
            "select edf.rcrps(n, array[n, n + 1.0], '{0.1,0.9}')
                  from generate_series(1, 20000000) as i, lateral (select i::float8) as f (n)"
                .to_owned(),
        ),
    ];
    let mut wrong = Vec::new();
    for (ends, statement) in &cases {
        let (refusal, took, growth) = measured(&database, TIMEOUT, statement).await;
        let code = refusal.code.as_str();
        let is_so = match ends {
            Refused(expected) => code == *expected && !refusal.hint.is_empty(),
            InTime => !code.starts_with("XX"),
        };
        let short: String = statement.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(160).collect();
        println!("{code} {took:.1?} {growth} MB: {short}");
        if !is_so || took > TIMEOUT + PATIENCE || growth > GROWTH || refusal.message.len() > 10_000 {
            let message: String = refusal.message.chars().take(300).collect();
            wrong.push(format!("{code} after {took:?} with {growth} MB: {short}\n    {message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let now: String = query_scalar("select pg_postmaster_start_time()::text").fetch_one(&mut analyst).await.unwrap();
    assert_eq!(now, started, "the server is the same one");
}

#[tokio::test]
async fn the_computation_of_features_can_be_cancelled() {
    let database = Throwaway::with_extension().await;
    let (mut worker, mut other) = (database.connect().await, database.connect().await);
    let backend: i32 = query_scalar("select pg_backend_pid()").fetch_one(&mut worker).await.unwrap();
    let call = format!(
        r#"select count(*) from edf.features($q${LONG}$q$,
               jsonb_build_object('weather_windows_h', (select jsonb_agg(h) from generate_series(8760, 8784) as h)))"#
    );
    let call = tokio::spawn(async move {
        let outcome = worker.execute(AssertSqlSafe(call)).await;
        (Instant::now(), outcome.map(drop))
    });
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(!call.is_finished(), "it ended too early");
    let asked = Instant::now();
    query("select pg_cancel_backend($1)").bind(backend).execute(&mut other).await.unwrap();
    let (answered, outcome) = call.await.unwrap();
    assert_eq!(Refusal::from(outcome.unwrap_err()).code, "57014");
    assert!(answered - asked < PATIENCE, "the answer took {:?}", answered - asked);
}

#[tokio::test]
async fn a_panel_of_120_buildings_is_read_within_200_mb() {
    let database = Throwaway::with_extension().await;
    let regressors: Vec<String> = (1..=20).map(|n| format!("sin({n} * extract(epoch from at)) as r{n}")).collect();
    let panel = format!(
        "select building, at, extract(hour from at) * building as kwh, {} from generate_series(1, 120) as building,
         generate_series(timestamptz '2026-01-01Z', '2026-07-01Z', '1 hour') as at",
        regressors.join(", ")
    );
    // Everything is read before the missing regressor is reported.
    let train = format!(r#"select edf.train_global('fleet', $q${panel}$q$, features => '{{"past": ["nowhere"]}}')"#);
    let (refusal, _, growth) = measured(&database, Duration::ZERO, &train).await;
    assert_eq!(refusal.code, "22023", "{refusal:?}");
    println!("{growth} MB");
    assert!(growth < 200, "the backend grew by {growth} MB");
}

#[tokio::test]
async fn a_series_with_many_regressors_uses_a_small_multiple_of_its_size() {
    let database = Throwaway::with_extension().await;
    let regressors: Vec<String> = (1..=100).map(|n| format!("{n}.5::float8 as r{n}")).collect();
    // 100 columns of 87,601 values are 67 MB.
    let series = format!(
        "select at, 1.0 as kwh, {} from generate_series(timestamptz '2016-01-01Z', '2025-12-29Z', '1 hour') as at",
        regressors.join(", ")
    );
    let call = format!("select cardinality((edf.series_of($q${series}$q$)).regressors)");
    let (refusal, _, growth) = measured(&database, Duration::ZERO, &call).await;
    assert_eq!(refusal.code, "00000", "{refusal:?}");
    println!("{growth} MB");
    assert!(growth < 500, "the backend grew by {growth} MB");
}

#[tokio::test]
async fn errors_name_the_array_with_a_null() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let series = "edf.series_of('select at, demand_kwh from hourly')";
    let now = "array[now()]";
    let calls = [
        format!(
            "select * from edf.fit('seasonal_naive', {series}, '{{}}', '{{}}', '24 hours', array[null]::integer[],
                 null)"
        ),
        "select * from edf.fit('seasonal_naive', null, '{}', '{}', '24 hours', null, null)".to_owned(),
        format!("select * from edf.predict('\\x00', {series}, null, null, '{{}}')").replace("'\\x00'", "null"),
        "select * from edf.backtest_series(null, '[]', '{}', '1 hour', null, null, null, '{}', 1)".to_owned(),
        format!("select * from edf.feature_rows({series}, null, '1 hour', null, null)"),
        format!("select * from edf.register_hours(array[null]::timestamptz[], '{{1}}', {now}, now(), now())"),
        format!("select * from edf.register_hours({now}, array[null]::float8[], {now}, now(), now())"),
        format!("select * from edf.register_hours({now}, '{{1}}', {now}, null, now())"),
        format!("select * from edf.register_hours({now}, '{{1}}', {now}, now(), now(), null)"),
        format!(
            "select * from edf.register_hours({now}, '{{1}}', {now}, now(), now(),
                 replaced_at => array[null]::timestamptz[])"
        ),
        format!(
            "select * from edf.register_hours({now}, '{{1}}', {now}, now(), now(), profile => array[null]::float8[])"
        ),
        format!("select * from edf.register_hours({now}, '{{1}}', {now}, now(), now(), time_zone => null)"),
        format!("select * from edf.gauge_hours({now}, array[null]::float8[], {now}, now(), now())"),
        format!(
            "select * from edf.portfolio_quantiles({now}, '{{1}}', array[null]::float8[], {now}, '{{1}}', '{{1}}',
                 '{{}}')"
        ),
        format!("select * from edf.portfolio_quantiles({now}, '{{1}}', '{{1}}', {now}, '{{1}}', '{{1}}', null)"),
        format!(
            "select * from edf.draw_scenarios('{{0}}', {now}, '{{1}}', array[1, null], '{{0.1,0.9}}', '{{0}}', {now},
                 '{{1}}', '{{1}}', 5, 1)"
        ),
        "select edf.energy_score('{1}', array[null]::float8[])".to_owned(),
        "select edf.forecast_chart(array[null]::timestamptz[], '{1}', '{1}', '{1}', '{1}')".to_owned(),
        format!("select edf.forecast_chart({now}, '{{1}}', '{{1}}', '{{1}}', '{{1}}', title => null)"),
        "select edf.variogram_score(array[null]::float8[], '{1}')".to_owned(),
        "select * from edf.parse_meter_messages(null)".to_owned(),
        "select * from edf.parse_weather_document(null)".to_owned(),
        "select * from edf.validate_json(null, '{}')".to_owned(),
        "select edf.next_trial('lear', null, '[]', 1)".to_owned(),
        "select edf.require_known('metric', 'x', array[null]::text[])".to_owned(),
        "select edf.errors_add(array[null]::float8[], 1, 2)".to_owned(),
        "select edf.mean_merge('{1,2}', array[1, null]::float8[])".to_owned(),
        "select edf.peak_value(array[null, null]::float8[])".to_owned(),
        "select edf.crps(1, '{1}', array[null]::float8[])".to_owned(),
        "select edf.series_of(null)".to_owned(),
        "select edf.panel_of(null)".to_owned(),
        "select edf.columns_of(null)".to_owned(),
        "select edf.schedule_of(null)".to_owned(),
        "select edf.backtest_settings(null)".to_owned(),
        "select edf.register_model(null, 'x', '', '{}', '{}', '{}', now(), now(), 1, '{}')".to_owned(),
    ];
    let cases: Vec<_> = calls.iter().map(|call| ("22004", call.as_str())).collect();
    refusals(&mut analyst, &cases).await;
}
