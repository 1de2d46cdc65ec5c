//! Invalid rows are rejected when written; one that gets past the checks fails one building only, as a row of
//! `energy.job_runs`.

use crate::house::{add_house, evenings, ingest, learn, learn_from_a_day, message, refresh, refresh_days, sensed};
use edf_tests::{as_role, refusal};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query, query_as, query_scalar, raw_sql};

/// A second house without errors.
const GOOD: &str = "a-test-house-next-door";

async fn two_houses(work: &mut PgConnection) {
    add_house(work).await;
    work.execute(raw_sql(
        "insert into raw.buildings select 'a-test-house-next-door', name, time_zone, region, latitude, longitude,
             weather_location_id
         from raw.buildings where building_id = 'a-test-house';
         insert into raw.apartments select 'a-test-house-next-door', 'flat-' || n from generate_series(1, 3) as n",
    ))
    .await
    .unwrap();
}

/// The same for both houses.
fn for_both(messages: &[String]) -> Vec<String> {
    let next_door = messages.iter().map(|message| message.replace("\"a-test-house\"", &format!("\"{GOOD}\"")));
    messages.iter().cloned().chain(next_door).collect()
}

/// Writes past the checks, as a superuser with triggers disabled or an older release could.
async fn slip_through(work: &mut PgConnection, statement: &str) {
    let statements = format!(
        "set local session_replication_role = replica; {statement}; set local session_replication_role = origin"
    );
    work.execute(raw_sql(AssertSqlSafe(statements))).await.unwrap();
}

/// (building, sqlstate) of a job's failed rows in this transaction.
async fn failures(work: &mut PgConnection, job: &str) -> Vec<(Option<String>, Option<String>)> {
    query_as(
        "select distinct building_id, sqlstate from energy.job_runs
         where job_name = $1 and status = 'failed' and xmin = pg_current_xact_id()::xid order by building_id",
    )
    .bind(job)
    .fetch_all(work)
    .await
    .unwrap()
}

fn failed(sqlstate: &str) -> Vec<(Option<String>, Option<String>)> {
    vec![(Some("a-test-house".to_owned()), Some(sqlstate.to_owned())), (None, None)]
}

async fn count(work: &mut PgConnection, table: &str, building: &str) -> i64 {
    query_scalar(AssertSqlSafe(format!("select count(*) from energy.{table} where building_id = $1")))
        .bind(building)
        .fetch_one(work)
        .await
        .unwrap()
}

#[tokio::test]
async fn invalid_settings_and_replacements_of_meters_are_rejected_on_write() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    ingest(&mut work, &[message(0, 1, 1.0)], 0).await;
    let mut said = Vec::new();
    for wrong in [
        r#"settings = '{"max_kW": 25}'"#,
        r#"settings = '{"max_kw": "25"}'"#,
        r#"settings = '{"max_kw": 0}'"#,
        r#"settings = '{"max_kw": null}'"#,
        r#"settings = '{"jitter_h": -1}'"#,
        r#"settings = '{"long_gaps": "forget"}'"#,
        r#"settings = '{"sample_minutes": [15]}'"#,
        "settings = '[]'",
        "settings = '25'",
        "settings = '\"max_kw\"'",
        "settings = 'null'",
        "replaced_at = '{null}'",
        "replaced_at = '{2017-07-10 00:00Z, infinity}'",
        "replaced_at = '{-infinity}'",
        "replaced_at = '{4017-07-10 00:00Z}'",
        "replaced_at = '{{2017-07-10 00:00Z}, {2017-07-11 00:00Z}}'",
    ] {
        let mut tried = work.begin().await.unwrap();
        let refused =
            refusal(&mut tried, &format!("update raw.sensors set {wrong} where building_id = 'a-test-house'")).await;
        assert_eq!(refused.code, "22023", "{wrong}: {refused:?}");
        assert!(!refused.hint.is_empty() && refused.message.contains("a-test-house"), "{wrong}: {refused:?}");
        said.push(refused.message);
        tried.rollback().await.unwrap();
    }
    assert!(said[0].contains("did you mean \"max_kw\"?"), "{}", said[0]);
    let mut tried = work.begin().await.unwrap();
    let insert =
        r#"insert into raw.sensors (building_id, sensor_type, settings) values ('a-test-house', 'x', '{"max": 1}')"#;
    assert_eq!(refusal(&mut tried, insert).await.code, "22023");
    tried.rollback().await.unwrap();
    work.execute(
        r#"update raw.sensors set settings = '{"max_kw": 25, "width_kwh": null}',
               replaced_at = '{2017-07-10 00:00Z}' where building_id = 'a-test-house'"#,
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn a_time_zone_not_exactly_in_the_servers_list_is_rejected_on_write() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    for wrong in [
        "Mars/Olympus",
        "europe/zurich",
        "EUROPE/ZURICH",
        "Europe/Zurich ",
        " UTC",
        "utc",
        "Europe/Zuerich",
        "",
        "CET",
        "cet",
        "PST",
        "UTC+3",
        "+01:00",
        "<+03>-3",
        "EST5",
        "posix/Europe/Zurich",
        "Factory",
        "localtime",
        "Europe",
    ] {
        let mut tried = work.begin().await.unwrap();
        let update = format!("update raw.buildings set time_zone = '{wrong}' where building_id = 'a-test-house'");
        let refused = refusal(&mut tried, &update).await;
        assert_eq!(refused.code, "22023", "{wrong}: {refused:?}");
        assert!(!refused.hint.is_empty(), "{wrong}: {refused:?}");
        if wrong == "europe/zurich" {
            assert_eq!(refused.hint, "Write 'Europe/Zurich'.");
        }
        tried.rollback().await.unwrap();
    }
    let mut tried = work.begin().await.unwrap();
    let insert = "insert into raw.buildings select 'x' || n, name, case n when 3 then 'Nowhere'
                      else time_zone end, region, latitude, longitude, weather_location_id
                  from raw.buildings, generate_series(1, 5) as n where building_id = 'a-test-house'";
    let refused = refusal(&mut tried, insert).await;
    assert!(refused.message.contains("x3") && refused.message.contains("Nowhere"), "{refused:?}");
    tried.rollback().await.unwrap();
    for right in
        ["Europe/Zurich", "UTC", "GMT", "Etc/GMT+5", "America/Argentina/Buenos_Aires", "Asia/Kolkata", "US/Pacific"]
    {
        query("update raw.buildings set time_zone = $1 where building_id = 'a-test-house'")
            .bind(right)
            .execute(&mut *work)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn an_invalid_row_stops_the_hours_of_one_building_until_it_is_fixed() {
    for (wrong, fix, code) in [
        (r#"update raw.sensors set settings = '{"max_kW": 25}'"#, "update raw.sensors set settings = '{}'", "22023"),
        (
            r#"update raw.sensors set settings = '{"jitter_h": "six"}'"#,
            "update raw.sensors set settings
                = '{}'",
            "22P02",
        ),
        ("update raw.sensors set replaced_at = '{null}'", "update raw.sensors set replaced_at = '{}'", "22004"),
        (
            "update raw.buildings set time_zone = 'Mars/Olympus'",
            "update raw.buildings set time_zone
                = 'Etc/GMT+8'",
            "22023",
        ),
        (
            "update raw.meter_readings as r set received_at = 'infinity'
             from (select sensor_id, building_id from raw.sensors) as s
             where s.sensor_id = r.sensor_id and read_at = '2017-07-14 05:00Z' and building_id = 'a-test-house'
                 and true",
            "delete from raw.meter_readings where received_at = 'infinity'
                 and sensor_id in (select sensor_id from raw.sensors where building_id = 'a-test-house') and true",
            "22023",
        ),
    ] {
        let mut postgres = as_role("postgres").await;
        let mut work = postgres.begin().await.unwrap();
        two_houses(&mut work).await;
        learn_from_a_day(&mut work).await;
        ingest(&mut work, &for_both(&evenings(3, 5, 0)), 0).await;
        refresh(&mut work).await;
        learn(&mut work, 30).await;
        // A long gap is spread by the profile, which depends on the time zone.
        let later: Vec<_> = (100..130).map(|hour| message(hour * 60, 1, 500.0 + hour as f64)).collect();
        ingest(&mut work, &for_both(&later), 60).await;
        let of_house = |statement: &str| match statement.contains("and true") {
            true => statement.to_owned(),
            false => format!("{statement} where building_id = 'a-test-house'"),
        };
        slip_through(&mut work, &of_house(wrong)).await;
        let before = count(&mut work, "apartment_hours", "a-test-house").await;
        work.execute("set local role pipeline").await.unwrap();
        refresh(&mut work).await;
        assert_eq!(failures(&mut work, "refresh_hours").await, failed(code), "{wrong}");
        assert_eq!(count(&mut work, "apartment_hours", "a-test-house").await, before, "{wrong}");
        assert_eq!(count(&mut work, "apartment_hours", GOOD).await, 129, "{wrong}");
        // Due hours stay queued until the row is fixed.
        assert!(count(&mut work, "hours_due", "a-test-house").await > 0, "{wrong}");
        assert_eq!(count(&mut work, "hours_due", GOOD).await, 0, "{wrong}");
        work.execute("reset role").await.unwrap();
        slip_through(&mut work, &of_house(fix)).await;
        refresh(&mut work).await;
        assert_eq!(count(&mut work, "apartment_hours", "a-test-house").await, 129, "{wrong}");
        assert_eq!(count(&mut work, "hours_due", "a-test-house").await, 0, "{wrong}");
    }
}

#[tokio::test]
async fn an_invalid_row_stops_the_profiles_and_days_of_one_building() {
    for zone in ["Mars/Olympus", "Europe/Nowhere"] {
        let mut postgres = as_role("postgres").await;
        let mut work = postgres.begin().await.unwrap();
        two_houses(&mut work).await;
        learn_from_a_day(&mut work).await;
        ingest(&mut work, &for_both(&evenings(3, 5, 0)), 0).await;
        ingest(&mut work, &for_both(&[sensed(30, 1, "room_temperature_c", 20.0)]), 5).await;
        refresh(&mut work).await;
        slip_through(
            &mut work,
            &format!("update raw.buildings set time_zone = '{zone}' where building_id = 'a-test-house'"),
        )
        .await;
        work.execute(
            "call energy.learn_gap_profiles(array['a-test-house', 'a-test-house-next-door'], '2017-07-20 01:00Z')",
        )
        .await
        .unwrap();
        assert_eq!(failures(&mut work, "learn_gap_profiles").await, failed("22023"));
        assert_eq!(
            (count(&mut work, "gap_profiles", "a-test-house").await, count(&mut work, "gap_profiles", GOOD).await),
            (0, 1)
        );
        refresh_days(&mut work).await;
        assert_eq!(failures(&mut work, "refresh_days").await, failed("22023"));
        assert_eq!(count(&mut work, "apartment_days", "a-test-house").await, 0);
        assert!(count(&mut work, "apartment_days", GOOD).await > 0);
        assert!(count(&mut work, "days_due", "a-test-house").await > 0);
    }
}

#[tokio::test]
async fn a_recently_failed_building_is_retried_separately_until_it_succeeds() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    two_houses(&mut work).await;
    ingest(&mut work, &for_both(&evenings(1, 5, 0)), 0).await;
    slip_through(&mut work, r#"update raw.sensors set settings = '{"max_kW": 25}' where building_id = 'a-test-house'"#)
        .await;
    refresh(&mut work).await;
    let before = count(&mut work, "hours_due", "a-test-house").await;
    ingest(&mut work, &for_both(&[message(1500, 1, 99.0)]), 10).await;
    refresh(&mut work).await;
    let rows: i64 = query_scalar(
        "select count(*) from energy.job_runs
         where job_name = 'refresh_hours' and building_id = 'a-test-house'
             and xmin = pg_current_xact_id()::xid",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(rows, 2);
    assert_eq!(count(&mut work, "hours_due", "a-test-house").await, before + 1);
    assert_eq!(count(&mut work, "apartment_hours", GOOD).await, 25);
}

#[tokio::test]
async fn a_message_that_the_database_rejects_does_not_affect_its_batch() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    work.execute("select pg_advisory_xact_lock(hashtext('the inbox of the tests'))").await.unwrap();
    add_house(&mut work).await;
    work.execute(raw_sql(
        "create function pg_temp.refuse() returns trigger language plpgsql as $$
         begin
             -- Disabled by a setting: dropping it would wait for sessions that wait for this one.
             if current_setting('test.poison', true) = 'gone' then return new; end if;
             raise exception 'this one is poison'
                 using errcode = case new.sensor_type when 'test_poison_1' then '23514' else 'P0001' end;
         end $$;
         create trigger refuse before insert on raw.sensors for each row
             when (new.sensor_type like 'test_poison%') execute function pg_temp.refuse()",
    ))
    .await
    .unwrap();
    let mut messages: Vec<_> = (0..40).map(|minute| message(minute, 1, f64::from(minute as u8))).collect();
    messages[0] = sensed(0, 2, "test_poison_0", 7.0);
    messages[17] = sensed(17, 2, "test_poison_1", 7.0);
    messages[18] = sensed(18, 2, "test_poison_2", 7.0);
    let copied =
        messages.iter().map(|message| message.replace("flat-1", "flat-3").replace("flat-2", "flat-1")).collect();
    for (door, messages) in [("call", messages), ("inbox", copied)] {
        let newest: i64 = query_scalar("select coalesce(max(job_run_id), 0) from energy.job_runs")
            .fetch_one(&mut *work)
            .await
            .unwrap();
        if door == "call" {
            ingest(&mut work, &messages, 0).await;
        } else {
            query("insert into raw.meter_inbox (message, received_at) select unnest($1::text[]), '2017-07-20 00:00Z'")
                .bind(&messages)
                .execute(&mut *work)
                .await
                .unwrap();
            while query_scalar::<_, i64>("select energy.take_inbox_batch(25)").fetch_one(&mut *work).await.unwrap() > 0
            {
            }
        }
        let told: Vec<(Option<String>, String)> = query_as(
            "select building_id, sqlstate from energy.job_runs
             where job_name = 'take_meter_messages' and job_run_id > $1 order by job_run_id",
        )
        .bind(newest)
        .fetch_all(&mut *work)
        .await
        .unwrap();
        let house = Some("a-test-house".to_owned());
        assert_eq!(
            told,
            [(house.clone(), "P0001".to_owned()), (house.clone(), "23514".to_owned()), (house, "P0001".to_owned())],
            "{door}"
        );
    }
    let (values, rejected): (i64, i64) = query_as(
        "select (select count(*) from raw.meter_readings join raw.sensors using (sensor_id)
         where building_id = 'a-test-house'),
                (select count(*) from raw.rejected_messages
                where reason_code = 'ingest_error' and reason like '%: this one is poison'
                    and message like '%a-test-house%')",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!((values, rejected), (37 + 37, 6));
    // Once the cause is fixed they can be replayed like others.
    work.execute("set local test.poison = 'gone'").await.unwrap();
    work.execute("call energy.replay_rejected()").await.unwrap();
    let left: i64 = query_scalar(
        "select count(*) from raw.rejected_messages where message like '%test_poison%' and replayed_at is null",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_line_with_an_invalid_time_of_receipt_is_rejected_and_does_not_block_the_inbox() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    work.execute("select pg_advisory_xact_lock(hashtext('the inbox of the tests'))").await.unwrap();
    add_house(&mut work).await;
    for time in ["infinity", "-infinity"] {
        let mut tried = work.begin().await.unwrap();
        assert_eq!(
            refusal(
                &mut tried,
                &format!("insert into raw.meter_inbox (message, received_at) values ('{{}}', '{time}')")
            )
            .await
            .code,
            "23514"
        );
        tried.rollback().await.unwrap();
        let mut tried = work.begin().await.unwrap();
        assert_eq!(
            refusal(&mut tried, &format!("call energy.ingest_meter_messages(array['{{}}'], '{time}')")).await.code,
            "22023"
        );
        tried.rollback().await.unwrap();
    }
    // Written before the table had the constraint.
    work.execute("alter table raw.meter_inbox drop constraint meter_inbox_received_at_is_a_time").await.unwrap();
    for (time, minute) in [("infinity", 1), ("-infinity", 2), ("2017-07-20 00:00Z", 3)] {
        query("insert into raw.meter_inbox (message, received_at) values ($1, $2::timestamptz)")
            .bind(message(minute, 1, 1.0))
            .bind(time)
            .execute(&mut *work)
            .await
            .unwrap();
    }
    while query_scalar::<_, i64>("select energy.take_inbox_batch(10)").fetch_one(&mut *work).await.unwrap() > 0 {}
    let finite: Vec<bool> = query_scalar(
        "select isfinite(received_at) from raw.meter_readings
         join raw.sensors using (sensor_id) where building_id = 'a-test-house'",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(finite, [true; 3]);
}

#[tokio::test]
async fn pg_cron_accepts_every_schedule_that_the_configuration_allows() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let numbers = ["0", "1", "5", "7", "8", "12", "23", "24", "31", "32", "59", "60", "00", "07", "000", "99"];
    let mut schedules: Vec<String> = [
        "5/15 * * * *",
        "* * * * 7/2",
        "0 0 * 12/1 *",
        "*/0 * * * *",
        "1-5/2,*/3 * * * *",
        "* * 31 2 *",
        "5-1 * * * *",
        "*-5 * * * *",
        "1- * * * *",
        "-1 * * * *",
        ", * * * *",
    ]
    .map(str::to_owned)
    .into();
    schedules.push(format!("{}0 * * * *", "0,".repeat(90)));
    schedules.push(format!("{}0 * * * *", "0,".repeat(600)));
    for _ in 0..3000 {
        let mut number = || *numbers.choose(&mut rng).unwrap();
        let (a, b, c) = (number(), number(), number());
        let forms = [
            a.to_owned(),
            "*".to_owned(),
            format!("{a}-{b}"),
            format!("*/{c}"),
            format!("{a}-{b}/{c}"),
            format!("{a}/{c}"),
            format!("{a},{b}"),
            format!("*,{a}-{b}"),
        ];
        let entry = forms.choose(&mut rng).unwrap().clone();
        let mut fields = vec!["*".to_owned(); 5];
        fields[rng.random_range(0..5)] = entry;
        schedules.push(fields.join(" "));
    }
    // In one statement: each is tried in a subtransaction.
    work.execute(raw_sql(
        "create function pg_temp.cron_takes(schedule text) returns boolean language plpgsql as $$
         begin
             perform cron.schedule('a test', schedule, 'select 1');
             raise exception using errcode = 'P9999';
         exception when sqlstate 'P9999' then return true; when others then return false;
         end $$",
    ))
    .await
    .unwrap();
    let refused: Vec<String> = query_scalar(
        "select schedule from unnest($1::text[]) as schedule
         where energy.schedule_error(schedule) is null and not pg_temp.cron_takes(schedule)",
    )
    .bind(&schedules)
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert!(refused.is_empty(), "{refused:?}");
    let right: i64 = query_scalar(
        "select count(*) from unnest($1::text[]) as schedule where energy.schedule_error(schedule) is null",
    )
    .bind(&schedules)
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert!(right > 500, "{right} are right");
    let step: String =
        query_scalar("select energy.schedule_error('5/15 * * * *')").fetch_one(&mut *work).await.unwrap();
    assert_eq!(step, "the minute cannot be 5/15: expected a number, a-b, *, a-b/step or */step");
}

#[tokio::test]
async fn a_schedule_that_pg_cron_rejects_is_a_failed_row_and_the_other_jobs_are_scheduled() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    work.execute(raw_sql(
        r#"insert into energy.configs (config, checksum)
           select jsonb_set(jsonb_set(energy.current_config(), '{schedules,refresh_hours}', '"5/15 * * * *"'),
               '{schedules,apply_retention}', '"31 3 * * *"'), ''"#,
    ))
    .await
    .unwrap();
    let jobs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../sql/jobs.sql")).unwrap();
    work.execute(raw_sql(AssertSqlSafe(jobs))).await.unwrap();
    let schedules: Vec<(String, String)> = query_as(
        "select jobname, schedule from cron.job
         where jobname in ('edf refresh hours', 'edf apply retention')
         order by 1",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(schedules[0], ("edf apply retention".to_owned(), "31 3 * * *".to_owned()));
    assert_eq!(schedules[1], ("edf refresh hours".to_owned(), "*/15 * * * *".to_owned()));
    let (status, message): (String, String) = query_as(
        "select status, message from energy.job_runs where job_name = 'schedule_jobs' order by job_run_id desc limit 1",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(status, "failed");
    assert!(message.starts_with("edf refresh hours: "), "{message}");
}
