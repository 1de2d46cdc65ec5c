//! Many concurrent sessions, over many seeds: nothing is lost, stored twice or counted twice, there are no deadlocks,
//! and killed work is repeated.
//!
//! In separate databases, since the work is committed.

use crate::storage::{is_preloaded, skipped};
use edf_tests::{Throwaway, connect, dump_and_restore};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query, query_as, query_scalar, raw_sql};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A deployed database with three houses of two apartments each, and no readings.
pub async fn deployed() -> Throwaway {
    let database = Throwaway::empty().await;
    dump_and_restore("edf", &database.name, &["--schema-only", "--extension=edf", "--exclude-schema=cron"]).await;
    let mut postgres = database.connect().await;
    let set = format!("alter database {} set energy.clock = '2017-07-29 05:00+00'", database.name);
    postgres.execute(AssertSqlSafe(set)).await.unwrap();
    let config: String = query_scalar("select energy.current_config()::text")
        .fetch_one(&mut connect("postgres", "edf").await)
        .await
        .unwrap();
    query("insert into energy.configs (config, checksum) values ($1::jsonb, '')")
        .bind(config)
        .execute(&mut postgres)
        .await
        .unwrap();
    postgres
        .execute(raw_sql(
            "insert into energy.utc_days select day_at
             from generate_series('2016-01-01 00:00Z'::timestamptz, '2018-12-31 00:00Z', '24 hours') as day_at;
             insert into raw.weather_locations values ('here', 34, -117);
             insert into raw.buildings select 'house-' || n, 'House', 'America/Los_Angeles', 'US-CA', 34, -117,
                 'here' from generate_series(1, 3) as n;
             insert into raw.apartments select 'house-' || n, 'flat-' || m
             from generate_series(1, 3) as n, generate_series(1, 2) as m",
        ))
        .await
        .unwrap();
    database
}

/// A reading of a register: house, apartment, hour since 1 October 2016, value.
type Reading = (usize, usize, i64, u32);

fn message((house, flat, hour, value): Reading) -> String {
    let at = chrono::DateTime::from_timestamp(1_475_280_000 + hour * 3600, 0).unwrap().to_rfc3339();
    let reading = format!(r#"{{"sensor_type": "electricity_kwh_total", "value": {value}}}"#);
    let place = format!(r#""building_id": "house-{house}", "apartment_id": "flat-{flat}""#);
    format!(r#"{{"timestamp_str": "{at}", {place}, "readings": [{reading}]}}"#)
}

async fn session(database: &str, isolation: &str) -> PgConnection {
    let mut session = connect("pipeline", database).await;
    session.execute(AssertSqlSafe(format!("set default_transaction_isolation = '{isolation}'"))).await.unwrap();
    session
}

/// Sends a batch until it is accepted; retries serialisation failures, as SQL requires.
async fn take(session: &mut PgConnection, messages: &[String]) -> Result<i64, sqlx::Error> {
    loop {
        let taken =
            query_scalar("select readings_taken from energy.take_meter_messages($1::text[], '2017-07-29 05:00Z')")
                .bind(messages)
                .fetch_one(&mut *session)
                .await;
        match taken {
            Err(error) if error.as_database_error().and_then(|error| error.code()).as_deref() == Some("40001") => (),
            other => return other,
        }
    }
}

/// (house, apartment, hour) and value of every stored row, in the order in which they count.
async fn stored(connection: &mut PgConnection) -> Vec<(Reading, bool)> {
    let rows: Vec<(String, String, i64, f64, bool)> = query_as(
        "select building_id, apartment_id, extract(epoch from read_at - '2016-10-01 00:00Z')::bigint / 3600, value,
             received_at = max(received_at) over (partition by sensor_id, read_at)
         from raw.meter_readings join raw.sensors using (sensor_id) order by 1, 2, 3, 4",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    let number = |name: &str| name.rsplit('-').next().unwrap().parse().unwrap();
    rows.iter()
        .map(|(house, flat, hour, value, counts)| ((number(house), number(flat), *hour, *value as u32), *counts))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicate_messages_in_many_sessions_are_stored_once_and_corrections_win() {
    let database = deployed().await;
    let mut postgres = database.connect().await;
    for seed in 0..24_u64 {
        let mut rng = StdRng::seed_from_u64(seed);
        postgres
            .execute(
                "truncate raw.meter_readings, raw.rejected_messages, raw.ingestions, energy.hours_due, raw.sensors",
            )
            .await
            .unwrap();
        let isolation = ["read committed", "read committed", "repeatable read", "serializable"][seed as usize % 4];
        let readings: Vec<Reading> =
            (0..60).map(|n| (1 + n % 3, 1 + n / 3 % 2, (n / 6) as i64, 10 + n as u32)).collect();
        let corrected: Vec<Reading> =
            readings.iter().map(|(house, flat, hour, value)| (*house, *flat, *hour, value + 1000)).collect();
        let bad: Vec<String> =
            (0..20).map(|n| format!("not json {n}")).chain((0..20).map(|n| message((9, 1, n, 1)))).collect();
        // Each session sends everything in its own order and batches, as two gateways with the same buffer do.
        for (round, expected) in [(&readings, 60), (&corrected, 60), (&readings, 0)] {
            let mut sessions = tokio::task::JoinSet::new();
            for _ in 0..6 {
                let mut messages: Vec<String> = round.iter().copied().map(message).chain(bad.clone()).collect();
                messages.extend(messages.choose_multiple(&mut rng, 10).cloned().collect::<Vec<_>>());
                messages.shuffle(&mut rng);
                let size = rng.random_range(5..60);
                let name = database.name.clone();
                sessions.spawn(async move {
                    let mut session = session(&name, isolation).await;
                    let mut taken = 0;
                    for batch in messages.chunks(size) {
                        taken += take(&mut session, batch).await.unwrap();
                    }
                    taken
                });
            }
            let taken: i64 = sessions.join_all().await.iter().sum();
            assert_eq!(taken, expected, "seed {seed}, {isolation}");
        }
        let found = stored(&mut postgres).await;
        let rows: BTreeSet<Reading> = found.iter().map(|(reading, _)| *reading).collect();
        assert_eq!((found.len(), rows), (120, readings.iter().chain(&corrected).copied().collect()), "seed {seed}");
        let count: BTreeSet<Reading> =
            found.iter().filter(|(_, counts)| *counts).map(|(reading, _)| *reading).collect();
        assert_eq!(count, corrected.into_iter().collect(), "seed {seed}: the corrections count");
        let (counted, rejected): (i64, i64) = query_as(
            "select (select sum(readings_taken)::bigint from raw.ingestions),
                 (select count(*) from raw.rejected_messages)",
        )
        .fetch_one(&mut postgres)
        .await
        .unwrap();
        assert_eq!((counted, rejected), (120, 40), "seed {seed}");
    }
}

/// The stored hours and days, as text.
const HOURS: &str = "
    select coalesce(array_agg(hours::text order by hours::text), '{}') from (
        select to_jsonb(h) as hours from energy.apartment_hours as h union all select to_jsonb(h)
        from energy.building_hours as h
        union all select to_jsonb(d) from energy.apartment_days as d
    ) as hours";

/// Whether an error comes from a kill.
fn is_killed(error: &sqlx::Error) -> bool {
    match error.as_database_error() {
        Some(error) => matches!(error.code().as_deref(), Some("57P01")),
        None => matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_)),
    }
}

/// Runs a job repeatedly until all messages are in, on a new connection after a kill. Returns the number of completed
/// and killed runs.
async fn work(
    role: &'static str,
    name: String,
    calls: &'static [&'static str],
    over: Arc<AtomicBool>,
) -> Result<(usize, usize), String> {
    let (mut ended, mut killed) = (0, 0);
    let mut session = connect(role, &name).await;
    while !over.load(Ordering::Relaxed) || ended == 0 {
        for call in calls {
            match session.execute(*call).await {
                Ok(_) => ended += 1,
                Err(error) if is_killed(&error) => {
                    killed += 1;
                    session = connect(role, &name).await;
                }
                Err(error) => return Err(format!("{call}: {error}")),
            }
        }
        tokio::task::yield_now().await;
    }
    Ok((ended, killed))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_and_killed_work_loses_and_duplicates_no_reading() {
    let database = deployed().await;
    let mut postgres = database.connect().await;
    // A dump of the schema does not restore hypertables, whose chunks retention would drop.
    if is_preloaded(&mut postgres).await {
        return skipped("retention beside other work, on a server with native TimescaleDB");
    }
    postgres.execute("call energy.make_partitions()").await.unwrap();
    postgres
        .execute(raw_sql(
            r#"insert into energy.configs (config, checksum)
             select jsonb_set(energy.current_config(), '{quality}',
                 energy.current_config() -> 'quality' || '{"profile_min_days": 3, "max_step_back": "400 days"}'), '';
             insert into energy.forecasts select 'house-1', at, at, 1, 1, 1, 1, 1, at, at
             from generate_series('2011-01-01Z'::timestamptz, '2012-01-01Z', '1 day') as at;
             insert into raw.meter_readings select -1, at, at, 1
             from generate_series('2014-01-01Z'::timestamptz, '2015-06-01Z', '1 day') as at"#,
        ))
        .await
        .unwrap();
    let mut rng = StdRng::seed_from_u64(7);
    // Ten months, most of them without a partition yet. A tenth is corrected; each message is sent by two of four
    // sessions.
    let mut originals: Vec<Reading> = Vec::new();
    for hour in (0..300 * 24).step_by(6) {
        originals
            .extend((1..=3).flat_map(|house| (1..=2).map(move |flat| (house, flat, hour, hour as u32 + flat as u32))));
    }
    let batches: Vec<Vec<Reading>> = {
        let mut batches: Vec<_> = originals.chunks(120).map(<[_]>::to_vec).collect();
        batches.shuffle(&mut rng);
        batches
    };
    let over = Arc::new(AtomicBool::new(false));
    let jobs: [(&str, &[&str]); 6] = [
        ("pipeline", &["call energy.refresh_building_hours()"]),
        ("pipeline", &["call energy.refresh_apartment_days()", "call energy.learn_gap_profiles()"]),
        ("pipeline", &["call energy.ingest_meter_inbox(50)"]),
        ("pipeline", &["call energy.replay_rejected()", "call energy.refresh_building_hours()"]),
        ("postgres", &["call energy.make_partitions()"]),
        ("postgres", &["call energy.apply_retention()"]),
    ];
    let mut workers = tokio::task::JoinSet::new();
    for (role, calls) in jobs {
        workers.spawn(work(role, database.name.clone(), calls, over.clone()));
    }
    let left = Arc::new(AtomicUsize::new(4));
    for sender in 0..4_usize {
        let mut mine: Vec<Vec<Reading>> = batches
            .iter()
            .enumerate()
            .filter(|(n, _)| [n % 4, (n + 1) % 4].contains(&sender))
            .map(|(_, batch)| batch.clone())
            .collect();
        let mut rng = StdRng::seed_from_u64(100 + sender as u64);
        mine.shuffle(&mut rng);
        let (name, over, left) = (database.name.clone(), over.clone(), left.clone());
        workers.spawn(async move {
            let (mut sent, mut killed) = (0, 0);
            let mut session = connect("pipeline", &name).await;
            for batch in mine {
                let messages: Vec<String> = batch
                    .into_iter()
                    .map(message)
                    .chain([message((9, 1, 0, 1)), String::new(), "not json".to_owned()])
                    .collect();
                let door = match rng.random_range(0..3) {
                    0 => "insert into raw.meter_inbox (message) select unnest($1::text[])",
                    _ => "select energy.take_meter_messages($1::text[], '2017-07-29 05:00Z')",
                };
                // A sender without an acknowledgement sends again.
                loop {
                    match query(door).bind(&messages).execute(&mut session).await {
                        Ok(_) => break,
                        Err(error) if is_killed(&error) => {
                            killed += 1;
                            session = connect("pipeline", &name).await;
                        }
                        Err(error) => return Err(format!("{door}: {error}")),
                    }
                }
                sent += 1;
            }
            if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                over.store(true, Ordering::Relaxed);
            }
            Ok((sent, killed))
        });
    }
    let (killer, name) = (over.clone(), database.name.clone());
    let kills = tokio::spawn(async move {
        let mut kills = 0;
        let mut postgres = connect("postgres", &name).await;
        while !killer.load(Ordering::Relaxed) {
            tokio::time::sleep(std::time::Duration::from_millis(150)).await;
            let kill = "select pg_terminate_backend(pid) from pg_stat_activity
                        where datname = current_database() and pid <> pg_backend_pid() and state = 'active'
                        order by random() limit 1";
            kills += query(kill).fetch_all(&mut postgres).await.unwrap().len();
        }
        kills
    });
    let mut outcomes = Vec::new();
    while let Some(outcome) = workers.join_next().await {
        let outcome = outcome.unwrap();
        // Tells the waiting sessions that this one will not finish.
        if outcome.is_err() {
            over.store(true, Ordering::Relaxed);
        }
        outcomes.push(outcome);
    }
    let kills = kills.await.unwrap();
    let failed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(kills > 5, "{kills} were killed");

    // The next run completes what a kill interrupted.
    let mut pipeline = connect("pipeline", &database.name).await;
    pipeline.execute(raw_sql("call energy.ingest_meter_inbox(1000)")).await.unwrap();
    postgres.execute(raw_sql("call energy.make_partitions()")).await.unwrap();
    postgres.execute(raw_sql("call energy.apply_retention()")).await.unwrap();
    pipeline.execute("call energy.refresh_building_hours()").await.unwrap();
    pipeline.execute("call energy.refresh_apartment_days()").await.unwrap();
    let found = stored(&mut postgres).await;
    let mut of: BTreeMap<Reading, usize> = BTreeMap::new();
    for (reading, _) in &found {
        *of.entry(*reading).or_default() += 1;
    }
    assert!(of.values().all(|n| *n == 1), "a reading is stored twice");
    assert_eq!(of.into_keys().collect::<BTreeSet<_>>(), originals.into_iter().collect());
    let (counted, rejected, inbox, old, split): (i64, i64, i64, i64, i64) = query_as(
        "select (select sum(readings_taken)::bigint from raw.ingestions), (select count(*) from raw.rejected_messages),
             (select count(*) from raw.meter_inbox),
             (select count(*) from energy.forecasts) + (select count(*) from raw.meter_readings
             where sensor_id = -1 and read_at < '2015-01-01'),
             (select count(*) from pg_inherits where inhparent = 'raw.meter_readings'::regclass)",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert_eq!((counted, rejected, inbox, old), (found.len() as i64, 2, 0, 0));
    assert!(split > 14, "{split} partitions");
    let failed: Vec<(String, Option<String>, Option<String>)> =
        query_as("select job_name, sqlstate, message from energy.job_runs where status = 'failed'")
            .fetch_all(&mut postgres)
            .await
            .unwrap();
    assert!(failed.is_empty(), "{failed:#?}");
    let kept: Vec<String> = query_scalar(HOURS).fetch_one(&mut postgres).await.unwrap();
    postgres
        .execute(raw_sql(
            "truncate energy.apartment_hours, energy.measure_hours, energy.building_hours, energy.apartment_days,
                 energy.building_spans, energy.building_heard, energy.days_due;
             call energy.refresh_building_hours('-infinity'); call energy.refresh_apartment_days()",
        ))
        .await
        .unwrap();
    let rebuilt: Vec<String> = query_scalar(HOURS).fetch_one(&mut postgres).await.unwrap();
    assert!(kept.len() > 20_000, "{} hours", kept.len());
    assert!(kept == rebuilt, "{} and {} hours", kept.len(), rebuilt.len());
}
