//! JSON Lines files as written by editors and devices, through the inbox and the functions; ingestion functions within
//! queries.

use crate::house::{add_house, message, refresh};
use edf_tests::as_role;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, query, query_as, query_scalar};

fn line(minute: i64) -> String {
    message(minute, 1, minute as f64).replace('\n', " ")
}

/// Values of the house, and number of rejections in this transaction.
async fn outcome(work: &mut PgConnection) -> (Vec<f64>, i64) {
    query_as(
        "select coalesce((select array_agg(value order by value) from raw.meter_readings
         join raw.sensors using (sensor_id) where building_id = 'a-test-house'), '{}'),
             (select count(*) from raw.rejected_messages where pg_xact_status(xmin::text::xid8) = 'in progress')",
    )
    .fetch_one(work)
    .await
    .unwrap()
}

/// Variants of files with the same values: the first is copied unchanged, the others after `tr -d '\r'`, as described
/// in docs/data.md.
fn files() -> Vec<(&'static str, String)> {
    let (a, b, c) = (line(1), line(2), line(3));
    vec![
        ("plain", format!("{a}\n{b}\n{c}\n")),
        ("no newline at the end", format!("{a}\n{b}\n{c}")),
        ("a blank last line", format!("{a}\n{b}\n{c}\n\n")),
        ("blank lines", format!("\n{a}\n\n \t\n{b}\n\n{c}\n\n\n")),
        ("a byte order mark", format!("\u{feff}{a}\n{b}\n{c}\n")),
        ("a byte order mark alone", format!("\u{feff}\n{a}\n{b}\n{c}\n\u{feff}\n")),
        ("two files with marks", format!("\u{feff}{a}\n\u{feff}{b}\n{c}\n")),
        ("CR LF", format!("{a}\r\n{b}\r\n{c}\r\n")),
        ("CR LF and a blank line", format!("{a}\r\n\r\n{b}\r\n{c}\r\n\r\n")),
        ("both ends of lines", format!("{a}\n{b}\r\n{c}\r\n\n")),
        ("spaces around", format!("  {a}  \n\t{b}\t\n{c} \n")),
    ]
}

#[tokio::test]
async fn the_inbox_ignores_blank_lines_line_endings_and_byte_order_marks() {
    for (name, file) in files() {
        for encoding in ["latin1", "utf8"] {
            // COPY itself rejects a file with mixed line endings.
            let copied = if name == "both ends of lines" { file.replace('\r', "") } else { file.clone() };
            let mut postgres = as_role("postgres").await;
            let mut work = postgres.begin().await.unwrap();
            work.execute("select pg_advisory_xact_lock(hashtext('the inbox of the tests'))").await.unwrap();
            add_house(&mut work).await;
            work.execute(sqlx::AssertSqlSafe(format!("set local client_encoding = {encoding}"))).await.unwrap();
            let mut copy = work
                .copy_in_raw(
                    r"copy raw.meter_inbox (message) from stdin with (format csv, delimiter e'\x01', quote e'\x02')",
                )
                .await
                .unwrap();
            copy.send(copied.as_bytes()).await.unwrap();
            copy.finish().await.unwrap();
            work.execute("set local client_encoding = utf8").await.unwrap();
            while query_scalar::<_, i64>("select energy.take_inbox_batch(2)").fetch_one(&mut *work).await.unwrap() > 0 {
            }
            assert_eq!(outcome(&mut work).await, (vec![1.0, 2.0, 3.0], 0), "{name}, {encoding}");
        }
    }
}

#[tokio::test]
async fn functions_ignore_blank_lines_line_endings_and_byte_order_marks() {
    for (name, file) in files() {
        let lines: Vec<Option<String>> = file.split('\n').map(|line| Some(line.to_owned())).chain([None]).collect();
        for call in [
            "select readings_taken, messages_rejected from energy.take_meter_lines($1)",
            "select readings_taken, messages_rejected from energy.take_meter_messages($1::text[])",
        ] {
            let mut postgres = as_role("postgres").await;
            let mut work = postgres.begin().await.unwrap();
            add_house(&mut work).await;
            work.execute("set local role pipeline").await.unwrap();
            let asked = if call.contains("lines") { query_as(call).bind(&file) } else { query_as(call).bind(&lines) };
            let counts: (i64, i64) = asked.fetch_one(&mut *work).await.unwrap();
            assert_eq!(counts, (3, 0), "{name}: {call}");
            assert_eq!(outcome(&mut work).await, (vec![1.0, 2.0, 3.0], 0), "{name}: {call}");
        }
    }
}

#[tokio::test]
async fn lines_that_are_not_quite_blank_are_rejected() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    let lines = ["\u{a0}", "\u{200b}", ",", "\"\"", "{}", "\u{0b}", "x\u{feff}"].map(str::to_owned);
    let counts: (i64, i64) =
        query_as("select readings_taken, messages_rejected from energy.take_meter_messages($1::text[])")
            .bind(&lines[..])
            .fetch_one(&mut *work)
            .await
            .unwrap();
    assert_eq!(counts, (0, 7));
}

#[tokio::test]
async fn arrays_with_other_bounds_are_read_completely() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    query("create temporary table sent as select array[$1, $2, '{\"of\": \"a-test-house\"}'] as messages")
        .bind(line(1))
        .bind(line(2))
        .execute(&mut *work)
        .await
        .unwrap();
    for array in ["('[5:7]=' || messages::text)::text[]", "array[messages]", "messages[2:3]"] {
        let call = format!("select messages_rejected from energy.take_meter_messages((select {array} from sent))");
        let rejected: i64 = query_scalar(sqlx::AssertSqlSafe(call)).fetch_one(&mut *work).await.unwrap();
        assert_eq!(rejected, 1, "{array}");
    }
    assert_eq!(outcome(&mut work).await, (vec![1.0, 2.0], 1));
    let kept: String = query_scalar("select message from raw.rejected_messages order by rejected_id desc limit 1")
        .fetch_one(&mut *work)
        .await
        .unwrap();
    assert_eq!(kept, r#"{"of": "a-test-house"}"#);
}

#[tokio::test]
async fn every_ingestion_function_can_be_used_in_a_query() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    query(
        "create temporary table sent as select n, unnest as message from unnest($1::text[])
         with ordinality as sent (unnest, n); ",
    )
    .bind(&[line(1), line(2), line(3), line(4)][..])
    .execute(&mut *work)
    .await
    .unwrap();
    work.execute("grant select on sent to pipeline, weather; set local role pipeline").await.unwrap();
    for (query, expected) in [
        (
            "select readings_taken from energy.take_meter_messages((select array_agg(message) from sent where n <= 2))",
            2,
        ),
        (
            "select sum(readings_taken)::bigint from sent cross
             join lateral energy.take_meter_messages(array[message]) where n = 3",
            1,
        ),
        ("select readings_taken from energy.take_meter_messages((select jsonb_agg(message::jsonb) from sent))", 1),
        ("select readings_taken from energy.take_meter_lines((select string_agg(message, e'\\r\\n') from sent))", 0),
        ("select taken from energy.take_rejected(array(select rejected_id from raw.rejected_messages where false))", 0),
    ] {
        let found: i64 = query_scalar(query).fetch_one(&mut *work).await.unwrap();
        assert_eq!(found, expected, "{query}");
    }
    work.execute("set local role weather").await.unwrap();
    let document = r#"{"hourly": {"time": ["2017-07-29T00:00"], "temperature_2m": [18.5]}}"#;
    for call in [
        "select hours_written from raw.weather_locations cross
         join lateral energy.take_weather_forecast($1, weather_location_id, '2016-07-01Z', '2017-07-29 04:00Z')
         where weather_location_id not like 'weather-test-%' limit 1",
        "select coalesce(hours_written, 0) + 1 from raw.weather_locations cross
         join lateral energy.take_weather_observations($1, weather_location_id, '2017-07-29 04:00Z')
         where weather_location_id not like 'weather-test-%' limit 1",
    ] {
        let written: i64 = query_scalar(call).bind(document).fetch_one(&mut *work).await.unwrap();
        assert!(written >= 1, "{call}");
    }
    work.execute("set local role postgres").await.unwrap();
    refresh(&mut work).await;
}

#[tokio::test]
async fn inbox_batches_are_limited_in_bytes_and_all_lines_are_ingested() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    work.execute("select pg_advisory_xact_lock(hashtext('the inbox of the tests'))").await.unwrap();
    add_house(&mut work).await;
    // Of 40 lines of 4 MB each, about 16 fit.
    query(
        "insert into raw.meter_inbox (message) select $1 || repeat(' ', 4000000) || n from generate_series(1, 40) as n",
    )
    .bind("not json")
    .execute(&mut *work)
    .await
    .unwrap();
    query("insert into raw.meter_inbox (message) values ($1)").bind(line(1)).execute(&mut *work).await.unwrap();
    let mut batches = Vec::new();
    loop {
        let taken: i64 = query_scalar("select energy.take_inbox_batch(10000)").fetch_one(&mut *work).await.unwrap();
        if taken == 0 {
            break;
        }
        batches.push(taken);
    }
    assert!(batches.len() >= 2 && batches.iter().sum::<i64>() == 41, "{batches:?}");
    assert_eq!(outcome(&mut work).await.0, [1.0]);
}
