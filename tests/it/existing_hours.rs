//! Existing hourly data in a table: the section of docs/data.md, executed as it is.

use crate::readme::sql_blocks;
use crate::storage::{run, texts};
use edf_tests::{approver, configure, connect, deployment};
use sqlx::{AssertSqlSafe, Executor};

/// Half a year of hours, up to three hours ago by the clock of the pipeline.
const TABLES: &str = "
    create table building_energy (building text, hour_at timestamptz, kwh double precision,
        primary key (building, hour_at));
    create table measured_weather as
    select hour_at, 8 - 6 * cos(extract(epoch from hour_at) / 43200 * pi()) +
        sin(extract(epoch from hour_at) / 500000) as temperature_c,
        greatest(0, -500 * cos(extract(epoch from hour_at) / 43200 * pi())) as ghi_w_m2
    from generate_series(energy.clock() - interval '190 days', energy.clock() - interval '1 hour', '1 hour') as hour_at;
    create table predicted_weather as
    select energy.clock() - interval '6 hours' as issued_at, valid_at, 9.0 as temperature_c, 200.0 as ghi_w_m2
    from generate_series(energy.clock() - interval '6 hours', energy.clock() + interval '4 days', '1 hour') as valid_at;
    insert into building_energy
    select 'north', hour_at, 20 + 6 * sin(extract(epoch from hour_at) / 43200 * pi()) - 0.3 * temperature_c + 3.0 *
        mod(hashtext(hour_at::text), 1000) / 1000
    from measured_weather where hour_at < energy.clock() - interval '2 hours'";

/// The statements of a block: each ends with a semicolon, and none has one inside.
fn statements(block: &str) -> impl Iterator<Item = &str> {
    block.split_inclusive(';').filter(|statement| statement.contains(';'))
}

#[tokio::test]
async fn a_building_is_forecast_from_the_hours_of_a_table() {
    let (database, mut postgres) = deployment().await;
    run(&mut postgres, TABLES).await;
    configure(&mut postgres, "training,strategy", "\"profile\"").await;
    let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs the tests") + "/..";
    let page = std::fs::read_to_string(format!("{root}/docs/data.md")).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with("Existing hourly data")).unwrap();
    let blocks = sql_blocks(section);
    assert_eq!(blocks.len(), 2);
    // A statement at a time, as psql does: procedures commit. Who trains does not approve.
    let mut analyst = connect("analyst", &database.name).await;
    let mut second = approver(&database.name).await;
    for statement in blocks.iter().flat_map(|block| statements(block)) {
        let session = match statement {
            trains if trains.contains("train_models") => &mut analyst,
            approves if approves.contains("approve_models") => &mut second,
            _ => &mut postgres,
        };
        session.execute(AssertSqlSafe(statement)).await.unwrap_or_else(|error| panic!("{error}\n{statement}"));
    }
    let source = "select source || ' ' || count(*) from energy.forecasts where building_id = 'north' group by source";
    assert_eq!(texts(&mut postgres, source).await, ["model 72"]);
    // The same again changes nothing, and a correction is known from now on.
    let load = statements(&blocks[0]).find(|statement| statement.contains("energy.building_hours")).unwrap();
    run(&mut postgres, load).await;
    let corrected =
        "select count(*)::text from energy.building_hours where building_id = 'north' and received_at = energy.clock()";
    assert_eq!(texts(&mut postgres, corrected).await, ["0"]);
    run(&mut postgres, "update building_energy set kwh = 99 where hour_at = energy.clock() - interval '1 day'").await;
    run(&mut postgres, load).await;
    assert_eq!(texts(&mut postgres, corrected).await, ["1"]);
}
