//! Forecast slots: when forecasts are due, that each is issued once and completely, and late, invalid or killed work.

use crate::jobs::{BUILDING, issuing, turn};
use edf_tests::{as_role, refusal, until_blocked_by};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, query, query_as, query_scalar, raw_sql};

/// A slot that other tests do not use; forecasts for it in this module are committed and then removed.
const SLOT: &str = "2017-07-28 02:00Z";

/// (slot, status, revision) of a building.
async fn slots(connection: &mut PgConnection, building: &str) -> Vec<(String, String, i32)> {
    query_as(
        "select to_char(slot_at, 'MM-DD HH24'), status, revision from energy.forecast_slots
         where building_id = $1 order by slot_at",
    )
    .bind(building)
    .fetch_all(connection)
    .await
    .unwrap()
}

/// Hours, source, least and greatest quality, its reasons, and the time of the weather, of a building's forecast.
pub type Told = (i64, Option<String>, Option<f64>, Option<f64>, Option<String>, Option<String>);

pub async fn told(connection: &mut PgConnection, building: &str, slot: &str) -> Told {
    query_as(
        "select count(*), max(source), min(quality), max(quality), max(quality_reasons::text),
             to_char(max(known_at), 'MM-DD HH24:MI')
         from energy.forecasts where building_id = $1 and issued_at = $2::text::timestamptz",
    )
    .bind(building)
    .bind(slot)
    .fetch_one(connection)
    .await
    .unwrap()
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

/// Sets a clock, and keeps only the location's weather received by then.
async fn at(work: &mut PgConnection, clock: &str, weather_until: Option<&str>) {
    if let Some(until) = weather_until {
        query("delete from raw.weather_forecasts where issued_at > $1::text::timestamptz")
            .bind(until)
            .execute(&mut *work)
            .await
            .unwrap();
        work.execute(raw_sql("delete from energy.forecasts; delete from energy.forecast_slots")).await.unwrap();
    }
    query("select set_config('energy.clock', $1, true)").bind(clock).execute(&mut *work).await.unwrap();
}

/// The building had a forecast the day before, so that its slots continue from there.
async fn forecast_before(work: &mut PgConnection) {
    query(
        "insert into energy.forecast_slots (building_id, slot_at, status) values ($1, '2017-07-27 05:00Z', 'issued')",
    )
    .bind(BUILDING)
    .execute(work)
    .await
    .unwrap();
}

#[tokio::test]
async fn forecasts_are_due_at_each_buildings_local_time_across_clock_changes() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    let times = "select array(select to_char(at at time zone 'UTC', 'MM-DD HH24:MI')
                 from unnest(energy.issue_times($1, $2::text::timestamptz, $3::text::timestamptz)) as at)";
    let utc: Vec<String> = query_scalar(times)
        .bind("Europe/Zurich")
        .bind("2026-03-28Z")
        .bind("2026-03-30Z")
        .fetch_one(&mut *work)
        .await
        .unwrap();
    assert_eq!(utc, ["03-28 05:00", "03-29 05:00"]);
    work.execute(
        "call energy.load_config(jsonb_set(energy.current_config(), '{inference,issue_time_local}', '\"05:00\"'))",
    )
    .await
    .unwrap();
    for (zone, from, to, expected) in [
        ("Europe/Zurich", "2026-03-28Z", "2026-03-30Z", vec!["03-28 04:00", "03-29 03:00"]),
        ("Europe/Zurich", "2026-10-24Z", "2026-10-26Z", vec!["10-24 03:00", "10-25 04:00"]),
        ("America/Los_Angeles", "2026-07-01Z", "2026-07-02Z", vec!["07-01 12:00"]),
        // 23:30 UTC is rounded up to the next full hour.
        ("Asia/Kolkata", "2026-07-01Z", "2026-07-03Z", vec!["07-01 00:00", "07-02 00:00"]),
        ("Pacific/Kiritimati", "2026-07-01Z", "2026-07-02Z", vec!["07-01 15:00"]),
    ] {
        let local: Vec<String> =
            query_scalar(times).bind(zone).bind(from).bind(to).fetch_one(&mut *work).await.unwrap();
        assert_eq!(local, expected, "{zone}");
    }
    // Trainings simulate forecasts of that hour, and their evaluation starts at it.
    let hours: Vec<i32> = query_scalar("select energy.issue_hours($1, '2017-07-29 05:00Z')")
        .bind(BUILDING)
        .fetch_one(&mut *work)
        .await
        .unwrap();
    assert_eq!(hours, [5]);
    let wrong = refusal(
        &mut work,
        "call energy.load_config(energy.current_config() #- '{inference,issue_time_local}'
             #- '{inference,issue_hour_utc}')",
    )
    .await;
    assert_eq!(wrong.code, "22023");
    assert!(wrong.message.contains("neither issue_time_local nor issue_hour_utc"), "{}", wrong.message);
}

#[tokio::test]
async fn missed_forecasts_are_issued_once_in_order_and_new_buildings_start_at_the_newest() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    work.execute(raw_sql(
        "delete from energy.forecasts; delete from energy.forecast_slots;
         insert into energy.forecast_slots (building_id, slot_at, status)
         values ('homes-1-4', '2017-07-22 05:00Z', 'issued');
         set local energy.clock = '2017-07-29 05:20Z'; set local role pipeline; select energy.plan_slots(null, null)",
    ))
    .await
    .unwrap();
    // Up to three days back, as configured.
    let due: Vec<_> = [("07-22 05", "issued"), ("07-27 05", "due"), ("07-28 05", "due"), ("07-29 05", "due")]
        .map(|(slot, status)| (slot.to_owned(), status.to_owned(), 0))
        .into();
    assert_eq!(slots(&mut work, BUILDING).await, due);
    assert_eq!(slots(&mut work, "homes-5-8").await, due[3..]);
    work.execute(issuing(None)).await.unwrap();
    let order: Vec<bool> = query_scalar(
        "select slot_at >= lag(slot_at, 1, '-infinity') over (order by tried_at) from energy.forecast_slots
         where tried_at is not null",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(order, vec![true; 7], "the oldest slot of all buildings first");
    for slot in ["2017-07-27 05:00Z", "2017-07-28 05:00Z", "2017-07-29 05:00Z"] {
        let (hours, source, least, ..) = told(&mut work, BUILDING, slot).await;
        assert_eq!((hours, source, least), (72, text("model"), Some(1.0)), "{slot}");
    }
    // As if issued on time: data received later is not read.
    let later: i64 = query_scalar(
        "select count(*) from energy.forecasts where weather_issued_at > issued_at or known_at <> issued_at",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(later, 0);
    let rows =
        "select array_agg(xmin::text || ctid::text order by building_id, issued_at, valid_at) from energy.forecasts";
    let before: Vec<String> = query_scalar(rows).fetch_one(&mut *work).await.unwrap();
    work.execute(issuing(None)).await.unwrap();
    let after: Vec<String> = query_scalar(rows).fetch_one(&mut *work).await.unwrap();
    assert_eq!(after, before, "a forecast is issued once");
}

#[tokio::test]
async fn a_model_trained_on_later_hours_does_not_issue_first_forecasts_of_earlier_slots() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    work.execute(raw_sql(
        "delete from energy.forecasts; delete from energy.forecast_slots;
         set local energy.clock = '2017-07-29 04:00Z'; select energy.plan_slots(null, null)",
    ))
    .await
    .unwrap();
    // Its model was trained up to 05:00; the other building has no model.
    assert_eq!(slots(&mut work, BUILDING).await, []);
    assert_eq!(slots(&mut work, "homes-5-8").await, [("07-28 05".to_owned(), "due".to_owned(), 0)]);
    work.execute(raw_sql("set local energy.clock = '2017-07-29 05:00Z'; select energy.plan_slots(null, null)"))
        .await
        .unwrap();
    assert_eq!(slots(&mut work, BUILDING).await, [("07-29 05".to_owned(), "due".to_owned(), 0)]);
}

#[tokio::test]
async fn shared_inputs_give_the_same_forecasts_as_separate_ones() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    work.execute(issuing(Some(SLOT))).await.unwrap();
    let (hours, most): (i64, f64) = query_as(
        "select count(*), max(greatest(abs(f.yhat - o.yhat), abs(f.yhat_lower - o.yhat_lower),
             abs(f.confidence - o.confidence)))
         from energy.forecasts as f
         join edf.forecast($1, energy.forecast_query($1, $2::text::timestamptz, '72 hours'), '72 hours',
             $2::text::timestamptz,
             energy.stored_regressor_forecasts($1, $2::text::timestamptz,
                 $2::text::timestamptz - interval '60 days')) as o using (valid_at)
         where f.building_id = $1 and f.issued_at = $2::text::timestamptz",
    )
    .bind(BUILDING)
    .bind(SLOT)
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert!(hours == 72 && most < 1e-9, "{hours} hours, {most}");
    // Shared hourly weather equals the weather as of a time, even if runs lack values, are late or contradict
    // observations.
    work.execute(raw_sql(
        "update raw.weather_forecasts set temperature_c = null
         where issued_at = '2017-07-27Z' and extract(hour from valid_at) in (3, 4, 20);
         update raw.weather_observations set ghi_w_m2 = null
         where valid_at between '2017-07-27Z' and '2017-07-27 12:00Z';
         update raw.weather_forecasts set received_at = received_at + interval '30 hours'
         where issued_at = '2017-07-26Z'",
    ))
    .await
    .unwrap();
    for as_of in ["2017-07-26 20:00Z", "2017-07-27 05:00Z", "2017-07-28 05:00Z"] {
        let differ: i64 = query_scalar(
            "select count(*) from energy.weather_hours('fontana-ca', $1::text::timestamptz, '2017-07-20Z',
                 '2017-07-30Z') as fast
             full join energy.weather_as_of('fontana-ca', $1::text::timestamptz, '2017-07-20Z', '2017-07-30Z') as slow
                 using (valid_at)
             where (fast.temperature_c, fast.ghi_w_m2) is distinct from (slow.temperature_c, slow.ghi_w_m2)",
        )
        .bind(as_of)
        .fetch_one(&mut *work)
        .await
        .unwrap();
        assert_eq!(differ, 0, "{as_of}");
    }
}

#[tokio::test]
async fn readers_see_complete_slots_and_a_run_continues_after_a_killed_one() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    let clean = "delete from energy.forecasts where issued_at = '2017-07-28 02:00Z';
                 delete from energy.forecast_slots where slot_at = '2017-07-28 02:00Z'";
    postgres.execute(raw_sql(clean)).await.unwrap();
    let mut holder = as_role("pipeline").await;
    holder.execute(raw_sql("select energy.plan_slots('2017-07-28 02:00Z', null)")).await.unwrap();
    holder
        .execute(raw_sql(
            "begin; select from energy.forecast_slots
             where slot_at = '2017-07-28 02:00Z' and building_id = 'homes-9-13' for update",
        ))
        .await
        .unwrap();
    let holding: i32 = query_scalar("select pg_backend_pid()").fetch_one(&mut holder).await.unwrap();
    let mut run = as_role("pipeline").await;
    let pid: i32 = query_scalar("select pg_backend_pid()").fetch_one(&mut run).await.unwrap();
    let ends =
        tokio::spawn(async move { run.execute("call energy.issue_forecasts('2017-07-28 02:00Z')").await.map(drop) });
    until_blocked_by(&mut postgres, pid, holding).await;
    let seen = "select building_id, count(*) from energy.forecasts
                where issued_at = '2017-07-28 02:00Z' and building_id ~ '^(all-)?homes' group by 1 order by 1";
    let committed: Vec<(String, i64)> = query_as(seen).fetch_all(&mut postgres).await.unwrap();
    let expected: Vec<(String, i64)> =
        ["all-homes", "homes-1-4", "homes-14-17", "homes-5-8"].map(|building| (building.to_owned(), 72)).into();
    assert_eq!(committed, expected);
    query("select pg_terminate_backend($1, 10000)").bind(pid).execute(&mut postgres).await.unwrap();
    ends.await.unwrap().expect_err("its session was terminated");
    holder.execute("rollback").await.unwrap();
    let before: String = query_scalar(
        "select string_agg(xmin::text, ',' order by building_id, valid_at)
         from energy.forecasts where issued_at = '2017-07-28 02:00Z'",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    holder.execute("call energy.issue_forecasts('2017-07-28 02:00Z')").await.unwrap();
    let whole: Vec<(String, i64)> = query_as(seen).fetch_all(&mut postgres).await.unwrap();
    assert_eq!(whole.len(), 5);
    assert!(whole.iter().all(|(_, hours)| *hours == 72), "{whole:?}");
    let kept: String = query_scalar(
        "select string_agg(xmin::text, ',' order by building_id, valid_at) from energy.forecasts
         where issued_at = '2017-07-28 02:00Z' and building_id <> 'homes-9-13'",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert_eq!(kept, before, "what was committed is not issued again");
    postgres.execute(raw_sql(clean)).await.unwrap();
}

#[tokio::test]
async fn forecasts_wait_for_late_weather_until_the_deadline() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    let slot = "2017-07-28 05:00Z";
    let mut work = postgres.begin().await.unwrap();
    at(&mut work, "2017-07-28 05:00Z", Some("2017-07-26 12:00Z")).await;
    forecast_before(&mut work).await;
    work.execute(issuing(None)).await.unwrap();
    let waiting = vec![("07-28 05".to_owned(), "waiting".to_owned(), 0)];
    assert_eq!(slots(&mut work, BUILDING).await[1..], waiting);
    at(&mut work, "2017-07-28 07:59Z", None).await;
    work.execute(issuing(None)).await.unwrap();
    assert_eq!(slots(&mut work, BUILDING).await[1..], waiting);
    assert_eq!(told(&mut work, BUILDING, slot).await.0, 0);
    // The deployed database's own job has another clock.
    let message: Option<String> = query_scalar(
        "select message from energy.job_runs
         where job_name = 'issue_forecasts' and building_id is null and slot_at = energy.clock()
         order by job_run_id desc limit 1",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert!(message.unwrap().contains("forecasts wait for weather"));
    work.execute("savepoint late").await.unwrap();

    // The weather arrives in time.
    work.execute(raw_sql(
        "insert into raw.weather_forecasts
         select 'fontana-ca', '2017-07-28 00:00Z', valid_at, '2017-07-28 07:30Z', 20, 0, 100
         from generate_series('2017-07-28 00:00Z'::timestamptz, '2017-08-01 00:00Z', '1 hour') as valid_at",
    ))
    .await
    .unwrap();
    work.execute(issuing(None)).await.unwrap();
    assert_eq!(
        told(&mut work, BUILDING, slot).await,
        (72, text("model"), Some(1.0), Some(1.0), text("{}"), text("07-28 07:59"))
    );
    let is_read: bool = query_scalar("select bool_and(weather_issued_at = '2017-07-28Z') from energy.forecasts")
        .fetch_one(&mut *work)
        .await
        .unwrap();
    assert!(is_read);

    // It does not: the model reads the run of two days before as far as it reaches, then climatology.
    work.execute("rollback to late").await.unwrap();
    at(&mut work, "2017-07-28 08:00Z", None).await;
    work.execute(issuing(None)).await.unwrap();
    let (hours, source, least, most, reasons, _) = told(&mut work, BUILDING, slot).await;
    assert_eq!((hours, source, reasons), (72, text("model"), text("{weather_stale}")));
    assert!((least.unwrap() - 0.54).abs() < 1e-9 && (most.unwrap() - 0.9).abs() < 1e-9, "{least:?} {most:?}");
    let reach: Vec<(bool, i64, f64)> = query_as(
        "select 'weather_short' = any (quality_reasons), count(*), avg(quality) from energy.forecasts
         where building_id = $1 group by 1 order by 1",
    )
    .bind(BUILDING)
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(reach.len(), 2);
    assert!(reach[0].1 > 10 && reach[1].1 > 10, "{reach:?}");

    // Weather that is received afterwards causes one revision.
    work.execute(raw_sql(
        "insert into raw.weather_forecasts
         select 'fontana-ca', '2017-07-28 00:00Z', valid_at, '2017-07-28 09:30Z', 20, 0, 100
         from generate_series('2017-07-28 00:00Z'::timestamptz, '2017-08-01 00:00Z', '1 hour') as valid_at",
    ))
    .await
    .unwrap();
    at(&mut work, "2017-07-28 09:45Z", None).await;
    work.execute(issuing(None)).await.unwrap();
    assert_eq!(slots(&mut work, BUILDING).await[1..], [("07-28 05".to_owned(), "issued".to_owned(), 1)]);
    assert_eq!(
        told(&mut work, BUILDING, slot).await,
        (72, text("model"), Some(1.0), Some(1.0), text("{}"), text("07-28 09:45"))
    );
    let replaced: Vec<(i32, i64, f64)> = query_as(
        "select revision, count(*), min(quality) from energy.superseded_forecasts
         where building_id = $1 and issued_at = $2::text::timestamptz group by 1",
    )
    .bind(BUILDING)
    .bind(slot)
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert!(
        replaced.len() == 1 && (replaced[0].0, replaced[0].1) == (0, 72) && (replaced[0].2 - 0.54).abs() < 1e-9,
        "{replaced:?}"
    );
    work.execute(issuing(None)).await.unwrap();
    assert_eq!(slots(&mut work, BUILDING).await[1].2, 1);
    // A manual call requests another one.
    let planned: i64 = query_scalar("select energy.plan_revisions($1::text::timestamptz, array[$2])")
        .bind(slot)
        .bind(BUILDING)
        .fetch_one(&mut *work)
        .await
        .unwrap();
    work.execute(issuing(Some(slot))).await.unwrap();
    assert_eq!((planned, slots(&mut work, BUILDING).await[1].2, told(&mut work, BUILDING, slot).await.0), (1, 2, 72));
    assert_eq!(slots(&mut work, "homes-5-8").await[0].2, 1);
}

#[tokio::test]
async fn late_demand_causes_a_revision_that_reads_it() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    work.execute(raw_sql(
        "delete from energy.forecasts; delete from energy.forecast_slots; set local energy.clock = '2017-07-28 05:00Z';
         update energy.building_hours set received_at = '2017-07-28 06:10Z'
         where building_id = 'homes-1-4' and hour_at >= '2017-07-27 05:00Z' and hour_at < '2017-07-28 04:00Z'",
    ))
    .await
    .unwrap();
    forecast_before(&mut work).await;
    work.execute(issuing(None)).await.unwrap();
    let slot = "2017-07-28 05:00Z";
    let (hours, source, least, _, reasons, _) = told(&mut work, BUILDING, slot).await;
    assert_eq!((hours, source, least, reasons), (72, text("model"), Some(0.8), text("{recent_gap}")));
    work.execute("set local energy.clock = '2017-07-28 06:00Z'").await.unwrap();
    work.execute(issuing(None)).await.unwrap();
    assert_eq!(slots(&mut work, BUILDING).await[1].2, 0);
    work.execute("set local energy.clock = '2017-07-28 06:15Z'").await.unwrap();
    work.execute(issuing(None)).await.unwrap();
    assert_eq!(slots(&mut work, BUILDING).await[1].2, 1);
    assert_eq!(slots(&mut work, "homes-5-8").await[0].2, 0);
    let (hours, _, least, _, reasons, _) = told(&mut work, BUILDING, slot).await;
    assert_eq!((hours, least, reasons), (72, Some(1.0), text("{}")));
    let differ: bool = query_scalar(
        "select bool_or(abs(new.yhat - old.yhat) > 1e-6) from energy.forecasts as new
         join energy.superseded_forecasts as old using (building_id, issued_at, valid_at)",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert!(differ);
}

#[tokio::test]
async fn invalid_data_of_one_building_does_not_block_others() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    for (wrong, is_issued) in [
        ("update raw.buildings set time_zone = 'Nowhere/Land' where building_id = 'homes-5-8'", false),
        (
            "update energy.building_hours set consumption_kwh = 1e308
             where building_id = 'homes-5-8' and hour_at > '2017-07-20Z'",
            true,
        ),
        (
            "update energy.building_hours set consumption_kwh = 'NaN'
             where building_id = 'homes-5-8' and hour_at > '2017-07-20Z'",
            true,
        ),
        (
            "update energy.building_hours set consumption_kwh = '-Infinity'
             where building_id = 'homes-5-8' and hour_at > '2017-07-27Z'",
            true,
        ),
        ("update raw.buildings set region = 'nowhere' where building_id = 'homes-5-8'", true),
        (
            "insert into raw.calendar_events (building_id, first_date, last_date, kind, name)
             values ('homes-5-8', '2017-07-30', '2017-07-30', 'event', 'a feast')",
            true,
        ),
        ("delete from energy.building_hours where building_id = 'homes-5-8'", false),
    ] {
        let mut work = postgres.begin().await.unwrap();
        work.execute(raw_sql(
            "delete from energy.forecasts; delete from energy.forecast_slots;
             set local session_replication_role = replica",
        ))
        .await
        .unwrap();
        work.execute(wrong).await.unwrap();
        work.execute("set local session_replication_role = origin").await.unwrap();
        work.execute(issuing(None)).await.unwrap();
        let others: Vec<(String, i64)> = query_as(
            "select building_id, count(*) from energy.forecasts
             where building_id ~ '^(all-)?homes'
                 and building_id <> 'homes-5-8' group by 1 order by 1",
        )
        .fetch_all(&mut *work)
        .await
        .unwrap();
        assert!(others.len() == 4 && others.iter().all(|(_, hours)| *hours == 72), "{wrong}: {others:?}");
        let failed: bool = query_scalar(
            "select exists (select from energy.job_runs
             where job_name = 'issue_forecasts' and building_id = 'homes-5-8' and status = 'failed'
                 and sqlstate is not null
                 and started_at >= now())",
        )
        .fetch_one(&mut *work)
        .await
        .unwrap();
        let hours = told(&mut work, "homes-5-8", "2017-07-29 05:00Z").await.0;
        assert!(hours == 72 || failed, "{wrong}: neither a forecast nor a failed row");
        assert!(!is_issued || hours == 72 || failed, "{wrong}");
        // A repeated run adds no row.
        let rows =
            "select count(*) from energy.job_runs where job_name = 'issue_forecasts' and building_id = 'homes-5-8'";
        let before: i64 = query_scalar(rows).fetch_one(&mut *work).await.unwrap();
        work.execute(issuing(None)).await.unwrap();
        assert_eq!(query_scalar::<_, i64>(rows).fetch_one(&mut *work).await.unwrap(), before, "{wrong}");
    }
}

#[tokio::test]
async fn only_the_pipeline_issues_forecasts_and_at_full_hours() {
    let mut pipeline = as_role("pipeline").await;
    assert_eq!(refusal(&mut pipeline, "call energy.issue_forecasts('2017-07-28 05:30Z')").await.code, "22023");
    let mut analyst = as_role("analyst").await;
    for statement in [
        "call energy.issue_forecasts()",
        "call energy.reissue_forecasts('2017-07-28 05:00Z')",
        "insert into energy.forecast_slots (building_id, slot_at) values ('homes-1-4', now())",
        "insert into energy.superseded_forecasts select from energy.superseded_forecasts",
    ] {
        assert_eq!(refusal(&mut analyst, statement).await.code, "42501", "{statement}");
    }
}
