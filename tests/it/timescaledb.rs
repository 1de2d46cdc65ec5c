//! The same tables and queries on native TimescaleDB, if the server has it; `tests/pglite` runs the SQL everywhere.

use crate::storage::{LARGE, deployed, is_preloaded, run, skipped, texts};
use edf_tests::Throwaway;
use sqlx::Executor;
use sqlx::postgres::PgConnection;

/// Two hundred days, with a late row and a correction; integers, so that sums do not depend on the order.
const DATA: &str = "
    insert into raw.meter_readings
        select n, at, at, extract(epoch from at) / 3600
        from generate_series(1, 3) as n, generate_series('2025-09-01', '2026-03-15', interval '1 hour') as at;
    insert into raw.meter_readings values (1, '2025-10-01', '2026-03-15', 7), (1, '2020-01-01', '2026-03-15', 7);
    insert into energy.building_hours
        select 'b', at, extract(hour from at), null, 1, 1, 1, 'measured', at
        from generate_series('2025-09-01', '2026-03-14 23:00', interval '1 hour') as at;
    insert into energy.apartment_hours select building_id, 'a', hour_at, consumption_kwh, null, quality, received_at
    from energy.building_hours;
    insert into energy.measure_hours
        select building_id, 'a', '', 'heating', hour_at, consumption_kwh, quality, received_at
        from energy.building_hours;
    insert into energy.forecasts select 'b', at, at + lead * interval '1 hour', lead, 1, 1, 1, 1, at, at
        from generate_series('2025-09-01', '2026-03-15', interval '1 day') as at, generate_series(0, 71) as lead";

const QUERIES: [&str; 6] = [
    "select sensor_id || ' ' || sum(value) from (select distinct on (sensor_id, read_at) * from raw.meter_readings
     order by sensor_id, read_at, received_at desc) as newest group by sensor_id order by 1",
    "select at || ' ' || coalesce((select value from raw.meter_readings where sensor_id = 1 and read_at < at
     order by read_at desc, received_at desc limit 1), 0)
     from generate_series('2019-01-01', '2026-04-01', interval '7 days') as at order by 1",
    "select building_days::text from energy.building_days order by building_id, day_at",
    "select count(*) || ' ' || sum(consumption_kwh) from energy.apartment_hours where received_at <= '2026-02-01'",
    "select measures || ' ' || count(*) || ' ' || sum(value) from energy.measure_hours
     where received_at <= '2026-02-01' group by measures",
    "select distinct on (valid_at) forecasts::text from energy.forecasts where building_id = 'b'
     order by valid_at, issued_at desc",
];

async fn answers(postgres: &mut PgConnection) -> Vec<String> {
    let mut all = Vec::new();
    for query in QUERIES {
        let found = texts(postgres, query).await;
        assert!(!found.is_empty(), "{query}");
        all.extend(found);
    }
    all
}

/// Two deployed databases with the data above, one with TimescaleDB created but not yet enabled.
async fn both() -> Option<[(Throwaway, PgConnection); 2]> {
    let (plain, timescale) = (deployed().await, deployed().await);
    let mut both = [plain, timescale];
    if !is_preloaded(&mut both[0].1).await {
        return None;
    }
    // The first command of a session creates it, and the next session can use it.
    both[1].0.connect().await.execute("create extension timescaledb").await.unwrap();
    both[1].1 = both[1].0.connect().await;
    run(&mut both[1].1, "set energy.clock = '2026-03-15 12:00Z'").await;
    run(&mut both[1].1, "alter role edf_owner login").await;
    for (_, postgres) in &mut both {
        run(postgres, DATA).await;
    }
    run(&mut both[0].1, "call energy.make_partitions()").await;
    Some(both)
}

const POLICIES: &str = "
    select concat_ws(' ', job_id, proc_name, hypertable_name, config ->> 'compress_after', config ->> 'drop_after',
        config ->> 'start_offset')
    from timescaledb_information.jobs where hypertable_schema in ('raw', 'energy') order by job_id";

async fn compress(postgres: &mut PgConnection) -> usize {
    let chunks =
        format!("select chunk::text from unnest(array['{}']) as name, show_chunks(name) as chunk", LARGE.join("','"));
    let chunks = texts(postgres, &chunks).await;
    for chunk in &chunks {
        run(postgres, &format!("call convert_to_columnstore('{chunk}', if_not_columnstore => true)")).await;
    }
    chunks.len()
}

#[tokio::test]
async fn hypertables_give_the_same_results_as_months_compressed_or_not() {
    let Some([(_one, mut plain), (_two, mut timescale)]) = both().await else {
        return skipped("native TimescaleDB, which this server has not preloaded");
    };
    let expected = answers(&mut plain).await;
    run(&mut timescale, "call energy.make_partitions()").await;
    // Compressed chunks can be read, written and corrected; a second call changes nothing.
    run(&mut timescale, "call energy.enable_timescaledb()").await;
    assert_eq!(answers(&mut timescale).await, expected);
    assert!(compress(&mut timescale).await > 40);
    assert_eq!(answers(&mut timescale).await, expected);

    let correction = "
        insert into energy.building_hours values ('b', '2025-11-05', 99, 1, 1, 1, 1, 'missing', '2026-03-15')
            on conflict (building_id, hour_at) do update set consumption_kwh = 99;
        insert into raw.meter_readings values (2, '2025-11-05', '2025-11-05', 1)
            on conflict (sensor_id, read_at, received_at) do update set value = excluded.value;
        delete from energy.apartment_hours where hour_at = '2025-12-01'";
    run(&mut plain, correction).await;
    run(&mut timescale, correction).await;
    run(
        &mut timescale,
        "call refresh_continuous_aggregate('energy.building_days_aggregate', '2025-09-01'::timestamptz,
             '2026-03-01'::timestamptz)",
    )
    .await;
    assert_eq!(answers(&mut timescale).await, answers(&mut plain).await);
}

#[tokio::test]
async fn policies_follow_the_configuration_and_are_removed_while_another_clock_is_set() {
    let Some([_, (_database, mut timescale)]) = both().await else {
        return skipped("policies of native TimescaleDB, which this server has not preloaded");
    };
    run(&mut timescale, "set energy.clock = ''").await;
    run(&mut timescale, "call energy.enable_timescaledb()").await;
    let made = texts(&mut timescale, POLICIES).await;
    // Of each table as configured, and the refresh of the days.
    let configured = "select (count(compress_after) + count(keep) + 1)::text from energy.storage";
    assert_eq!(texts(&mut timescale, configured).await, [made.len().to_string()], "{made:#?}");
    run(&mut timescale, "call energy.enable_timescaledb()").await;
    assert_eq!(texts(&mut timescale, POLICIES).await, made, "a second call changes nothing");

    run(
        &mut timescale,
        "call energy.load_config(jsonb_set(energy.current_config(), '{storage,tables,energy.forecasts}',
             '{\"chunk\": \"14 days\", \"compress_after\": \"21 days\", \"keep\": null}'))",
    )
    .await;
    run(&mut timescale, "call energy.enable_timescaledb()").await;
    let changed = texts(&mut timescale, POLICIES).await;
    let new: Vec<_> = changed.iter().filter(|policy| !made.contains(policy)).collect();
    assert!(
        changed.len() == made.len() - 1 && new.len() == 1 && new[0].ends_with("policy_compression forecasts 21 days"),
        "{changed:#?}"
    );

    run(&mut timescale, "set energy.clock = '2026-03-15 12:00Z'").await;
    run(&mut timescale, "call energy.enable_timescaledb()").await;
    assert_eq!(texts(&mut timescale, POLICIES).await, [""; 0]);
}
