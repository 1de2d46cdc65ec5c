//! Hours that exist already in a table of somebody's: the section of docs/data.md, run as it stands there.

use crate::readme::sql_blocks;
use crate::storage::{deployed, run, texts};
use sqlx::{AssertSqlSafe, Executor};

/// The clock of the deployed database is at 2026-03-15 12:00Z.
const TABLES: &str = "
    create table building_energy (building text, hour_at timestamptz, kwh double precision, primary key (building, hour_at));
    create table measured_weather as
    select hour_at, 8 - 6 * cos(extract(epoch from hour_at) / 43200 * pi()) + sin(extract(epoch from hour_at) / 500000) as temperature_c,
        greatest(0, -500 * cos(extract(epoch from hour_at) / 43200 * pi())) as ghi_w_m2
    from generate_series('2025-09-01Z'::timestamptz, '2026-03-15 11:00Z', '1 hour') as hour_at;
    create table predicted_weather as
    select '2026-03-15 06:00Z'::timestamptz as issued_at, valid_at, 9.0 as temperature_c, 200.0 as ghi_w_m2
    from generate_series('2026-03-15 06:00Z'::timestamptz, '2026-03-20', '1 hour') as valid_at;
    insert into building_energy
    select 'north', hour_at, 20 + 6 * sin(extract(epoch from hour_at) / 43200 * pi()) - 0.3 * temperature_c + mod(extract(epoch from hour_at)::bigint / 3600, 7) / 7
    from measured_weather where hour_at < '2026-03-15 09:00Z'";

#[tokio::test]
async fn a_building_is_forecast_from_the_hours_of_a_table() {
    let (database, mut postgres) = deployed().await;
    run(&mut postgres, &format!("alter database {} set energy.clock = '2026-03-15 12:00Z'", database.name)).await;
    run(&mut postgres, TABLES).await;
    let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs the tests") + "/..";
    let page = std::fs::read_to_string(format!("{root}/docs/data.md")).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with("Hours that exist already")).unwrap();
    let blocks = sql_blocks(section);
    assert_eq!(blocks.len(), 2);
    // A statement at a time, as psql does: procedures commit.
    for statement in blocks.iter().flat_map(|block| block.split(";\n")) {
        postgres.execute(AssertSqlSafe(statement)).await.unwrap_or_else(|error| panic!("{error}\n{statement}"));
    }
    let source =
        "select source || ' ' || count(*) from energy.forecasts where issued_at = '2026-03-15 12:00Z' group by source";
    assert_eq!(texts(&mut postgres, source).await, ["model 72"]);
    // The same again changes nothing, and a correction is known from now on.
    let load = blocks[0].split(";\n").find(|statement| statement.contains("energy.building_hours")).unwrap();
    run(&mut postgres, load).await;
    let corrected = "select count(*)::text from energy.building_hours where received_at = energy.clock()";
    assert_eq!(texts(&mut postgres, corrected).await, ["0"]);
    run(&mut postgres, "update building_energy set kwh = 99 where hour_at = '2026-03-14 09:00Z'").await;
    run(&mut postgres, load).await;
    assert_eq!(texts(&mut postgres, corrected).await, ["1"]);
}
