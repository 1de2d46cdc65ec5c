//! Session settings change no result, row or name.

use crate::beside::deployed;
use crate::house::{DAY, add_house, ingest, message, refresh};
use crate::jobs::BUILDING;
use edf_tests::{as_role, connect, deployment};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query_as, query_scalar, raw_sql};

/// Settings that a client, its role or its database may have.
const HOSTILE: [&str; 14] = [
    "set datestyle = 'SQL, DMY'",
    "set datestyle = 'German'",
    "set datestyle = 'Postgres, MDY'; set timezone = 'Asia/Shanghai'",
    "set timezone = 'Asia/Kolkata'",
    "set timezone = 'America/Havana'; set datestyle = 'SQL, DMY'",
    "set timezone = 'Pacific/Kiritimati'",
    "set timezone = 'Australia/Lord_Howe'; set intervalstyle = 'sql_standard'",
    "set timezone_abbreviations = 'India'; set timezone = 'Asia/Dhaka'",
    "set intervalstyle = 'iso_8601'; set bytea_output = 'escape'",
    "set extra_float_digits = -15",
    "set search_path = 'nowhere'; set row_security = off",
    "set standard_conforming_strings = off; set escape_string_warning = off",
    "set quote_all_identifiers = on; set transform_null_equals = on; set array_nulls = off",
    "set default_transaction_isolation = 'serializable'; set jit = on; set enable_hashjoin = off;
     set client_encoding = 'latin1'",
];

async fn with(role: &str, database: &str, settings: &str) -> PgConnection {
    let mut session = connect(role, database).await;
    session.execute(raw_sql(AssertSqlSafe(settings.to_owned()))).await.unwrap();
    session
}

#[tokio::test]
async fn every_routine_pins_session_settings_unless_it_commits() {
    let found: Vec<String> = query_scalar(
        r"select oid::regprocedure || ' lacks ' || name
          from pg_proc
          cross join unnest(array['search_path', 'timezone', 'datestyle', 'intervalstyle', 'extra_float_digits',
              'standard_conforming_strings']) as name
          where pronamespace::regnamespace::text in ('energy', 'api')
            and prolang in (select oid from pg_language where lanname in ('sql', 'plpgsql'))
            and not exists (select from unnest(proconfig) as setting where lower(setting) like name || '=%')
            and not (prokind = 'p' and prosrc ~ '\mcommit;')
            -- Part of a migration, which creates tables.
            and proname <> 'replace_table'
            -- Inlined into pages, which pin them.
            and (prosqlbody is null or proname not in (
                'page_number', 'page_percent', 'page_time', 'page_clock', 'page_mark', 'page_cell', 'page_bar',
                'page_button'))
          order by 1",
    )
    .fetch_all(&mut as_role("postgres").await)
    .await
    .unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn parts_of_pages_are_inlined() {
    let plan: Vec<String> = query_scalar(
        "explain (verbose, costs off)
         select energy.page_number(n, 2), energy.page_percent(n), energy.page_time(at), energy.page_clock(at, 'UTC'),
             energy.page_mark('good', words), energy.page_cell('Head', words), energy.page_cell('Head', words::xml),
             energy.page_bar(n), energy.page_button(words, '{}', 'note', words, words, words, words)
         from (values (1.5::double precision, now(), 'words'), (2.5, now(), 'words')) as cells (n, at, words)",
    )
    .fetch_all(&mut as_role("postgres").await)
    .await
    .unwrap();
    assert!(!plan.join("\n").contains("page_"), "{}", plan.join("\n"));
}

/// Calls of the pipeline's routines with results, as text or numbers, that do not depend on session settings.
const ANSWERS: &str = r#"
    select array[
        energy.forecast_query('homes-1-4', '2017-07-28 05:00Z', '3 days'),
        energy.training_query('homes-1-4', '2017-07-28 05:00Z'),
        energy.archetype_training_query(array['homes-1-4'], '2017-07-28 05:00Z'),
        energy.with_apartments('select 1', 'homes-1-4', '2017-07-28 05:00Z'),
        energy.regressor_forecasts_query('homes-1-4', '2017-07-28 05:00Z', '2017-06-28 05:00Z'),
        energy.iso('2017-07-28 05:00:00.25Z'), energy.iso('infinity'),
        energy.issue_hours('homes-1-4', '2017-07-28 05:00Z')::text,
        (select string_agg(extract(epoch from at)::bigint::text, ' ')
        from unnest(energy.issue_times('Europe/Zurich', '2026-03-27Z', '2026-04-02Z')) as at),
        (select string_agg(extract(epoch from valid_at)::bigint || ' ' || temperature_c::numeric, ' ')
            from energy.weather_hours('fontana-ca', '2017-07-28 05:00Z', '2017-07-28 03:00Z', '2017-07-28 08:00Z')),
        energy.building_features('homes-1-4')::text,
        (extract(epoch from energy.hours_floor())::bigint)::text,
            (extract(epoch from energy.cut_at('2 years'))::bigint)::text,
        (extract(epoch from energy.clock())::bigint)::text,
        energy.schedule_error('0 5 * * *'), energy.schedule_error('61 5 * * *'), energy.schedule_error('5/15 * * * *'),
        (select string_agg(path || message, ';' order by path) from energy.config_errors(
            jsonb_set(energy.current_config(), array['schedules', 'gate_models'], to_jsonb('61 * * * *'::text)))),
        (select string_agg(secret, ';') from energy.config_secrets(jsonb_build_object('a',
            'https://me:word@there')) as secret),
        (select first_month - date '2000-01-01' || ' ' || (last_month - date '2000-01-01')
        from energy.months_of('raw.meter_readings')),
        (select count(*)::text || ' ' || sum(extract(epoch from valid_at))::bigint || ' ' || sum(temperature_c::numeric)
            from energy.weather_as_of('fontana-ca', '2017-07-28 05:00Z', '2017-07-28Z', '2017-07-30Z')),
        (select string_agg(concat_ws(' ', valid_at is null, reason_code, reason), ';')
            from energy.read_weather_document('{"hourly": {"time": ["1850-01-01T00:00"], "temperature_2m": [1]}}',
                '2017-07-28 05:00Z')),
        array_to_string(energy.archetype_members('homes', '2017-07-28 05:00Z'), ';')
    ]"#;

#[tokio::test]
async fn routines_return_the_same_in_every_session() {
    let expected: Vec<Option<String>> = query_scalar(ANSWERS).fetch_one(&mut as_role("pipeline").await).await.unwrap();
    assert!(expected.iter().filter(|answer| answer.is_some()).count() >= 18, "{expected:?}");
    for settings in HOSTILE {
        let mut session = with("pipeline", "edf", settings).await;
        let found: Vec<Option<String>> = query_scalar(ANSWERS).fetch_one(&mut session).await.unwrap();
        for (n, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found, expected, "answer {n} under {settings}");
        }
    }
}

#[tokio::test]
async fn generated_queries_return_the_same_in_every_session() {
    let read = "select array_agg(coalesce(kwh, -1)), array_agg(extract(epoch from at)::bigint)
        from edf.series_of($1) as series cross join lateral unnest(series.target, series.times) as rows (kwh, at)";
    let text: String = query_scalar("select energy.forecast_query($1, '2017-07-28 05:00Z', '72 hours')")
        .bind(BUILDING)
        .fetch_one(&mut as_role("pipeline").await)
        .await
        .unwrap();
    let expected: (Vec<f64>, Vec<i64>) =
        query_as(read).bind(&text).fetch_one(&mut as_role("analyst").await).await.unwrap();
    assert!(expected.0.len() > 1000);
    for settings in HOSTILE {
        let mut session = with("analyst", "edf", settings).await;
        let found: (Vec<f64>, Vec<i64>) = query_as(read).bind(&text).fetch_one(&mut session).await.unwrap();
        assert!(found == expected, "{settings}");
    }
}

#[tokio::test]
async fn rows_before_a_time_are_the_same_in_every_session() {
    let zones = [
        "UTC",
        "Asia/Shanghai",
        "Asia/Manila",
        "Asia/Kolkata",
        "America/Havana",
        "Europe/Dublin",
        "Asia/Jakarta",
        "Pacific/Guam",
        "Asia/Kathmandu",
    ];
    for style in ["ISO, MDY", "SQL, DMY", "Postgres, MDY", "German"] {
        for zone in zones {
            let mut session =
                with("postgres", "edf", &format!("set datestyle = '{style}'; set timezone = '{zone}'")).await;
            let query: String = query_scalar(
                "select edf.rows_before(
                     'select ''2026-01-01 00:00Z''::timestamptz as at, 1.0::float8 as kwh', '2026-07-01 00:00Z')",
            )
            .fetch_one(&mut session)
            .await
            .unwrap();
            let literal = query.rsplit_once("< ").unwrap().1.to_owned();
            let same: bool =
                query_scalar(AssertSqlSafe(format!("select {literal}::timestamptz = '2026-07-01 00:00Z'")))
                    .fetch_one(&mut session)
                    .await
                    .unwrap();
            assert!(same, "{style}, {zone}: {literal}");
        }
    }
}

#[tokio::test]
async fn due_times_of_forecasts_are_the_same_in_every_session() {
    for settings in [
        "set timezone = 'Asia/Kolkata'",
        "set timezone = 'Asia/Kathmandu'; set datestyle = 'SQL, DMY'",
        "set timezone = 'UTC'",
    ] {
        let mut session = with("postgres", "edf", settings).await;
        let mut work = session.begin().await.unwrap();
        work.execute(raw_sql(
            "set local energy.clock = '2017-07-28 05:40+00'; delete from energy.forecast_slots;
             set local role pipeline; select energy.plan_slots(null, null)",
        ))
        .await
        .unwrap();
        let slots: Vec<bool> = query_scalar("select distinct slot_at = '2017-07-28 05:00Z' from energy.forecast_slots")
            .fetch_all(&mut *work)
            .await
            .unwrap();
        assert_eq!(slots, [true], "{settings}");
    }
}

#[tokio::test]
async fn readings_and_hours_do_not_depend_on_session_settings() {
    let hours = "select array_agg(extract(epoch from hour_at)::bigint order by apartment_id, hour_at),
                     array_agg(coalesce(consumption_kwh, -1) order by apartment_id, hour_at),
                        array_agg(coalesce(extract(epoch from received_at)::double precision, -1)
                        order by apartment_id, hour_at)
                 from energy.apartment_hours where building_id = 'a-test-house'";
    // Jobs of the deployed database would refresh the same hours, and a serializable session would fail.
    let (copy, _postgres) = deployment().await;
    let mut answers: Vec<(Vec<i64>, Vec<f64>, Vec<f64>)> = Vec::new();
    for settings in ["select"].into_iter().chain(HOSTILE) {
        let mut session = with("postgres", &copy.name, settings).await;
        let mut work = session.begin().await.unwrap();
        add_house(&mut work).await;
        let messages: Vec<_> = (0..3 * 24)
            .map(|hour| message(hour * 60 + 7, 1, hour as f64 * 1.1))
            .chain([message(4 * DAY, 1, 123.456_789_012_345)])
            .collect();
        ingest(&mut work, &messages, 0).await;
        refresh(&mut work).await;
        answers.push(query_as(hours).fetch_one(&mut *work).await.unwrap());
        assert!(answers.last() == answers.first() && answers[0].0.len() == 96, "{settings}");
    }
}

#[tokio::test]
async fn partitions_cover_the_same_months_in_every_session() {
    let database = deployed().await;
    let parts = "select array_agg(relname || ' ' || pg_get_expr(relpartbound, pg_class.oid) order by relname)
                 from pg_inherits join pg_class on pg_class.oid = inhrelid
                 where inhparent in ('raw.meter_readings'::regclass, 'energy.forecasts'::regclass)";
    let mut answers: Vec<Vec<String>> = Vec::new();
    for settings in ["select"].into_iter().chain(HOSTILE) {
        let mut session = with("postgres", &database.name, settings).await;
        let mut work = session.begin().await.unwrap();
        work.execute(
            "insert into raw.meter_readings select -1, at, at, 1
             from generate_series('2016-01-01 00:00Z'::timestamptz, '2017-07-01 00:00Z', '12 hours') as at",
        )
        .await
        .unwrap();
        work.execute("select energy.make_months(table_name, time_column, keep, 2) from energy.storage").await.unwrap();
        work.execute("select energy.drop_old_rows('raw.meter_readings', 'read_at', energy.cut_at('1 year'))")
            .await
            .unwrap();
        work.execute(raw_sql("reset all; set timezone = 'UTC'")).await.unwrap();
        answers.push(query_scalar(parts).fetch_one(&mut *work).await.unwrap());
        assert_eq!(answers.last(), answers.first(), "{settings}");
        assert!(answers[0].len() > 15, "{answers:?}");
    }
}
