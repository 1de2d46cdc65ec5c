//! Rebuilds all hours building by building, so that forecasts do not wait for the last one.

use edf_tests::{as_role, refusal};
use sqlx::{Connection, query, query_as, query_scalar};

/// The hours of two buildings as one hash, and the transactions that wrote the lost hour.
const STATE: &str = "
    select sum(hashtextextended(h::text, 0))::text, count(*),
        count(distinct xmin::text) filter (where hour_at = '2017-05-05 12:00Z')
    from energy.building_hours as h where building_id = any ($1)";

#[tokio::test]
async fn a_rebuild_restores_every_hour_in_one_transaction_per_building() {
    let buildings = &["homes-5-8", "homes-14-17"][..];
    let mut postgres = as_role("postgres").await;
    let mut pipeline = as_role("pipeline").await;
    let before: (String, i64, i64) = query_as(STATE).bind(buildings).fetch_one(&mut postgres).await.unwrap();
    let newest: i64 = query_scalar("select coalesce(max(job_run_id), 0) from energy.job_runs")
        .fetch_one(&mut postgres)
        .await
        .unwrap();
    query("delete from energy.building_hours where building_id = any ($1) and hour_at = '2017-05-05 12:00Z'")
        .bind(buildings)
        .execute(&mut postgres)
        .await
        .unwrap();
    query("call energy.rebuild_building_hours($1)").bind(buildings).execute(&mut pipeline).await.unwrap();
    let after: (String, i64, i64) = query_as(STATE).bind(buildings).fetch_one(&mut postgres).await.unwrap();
    assert_eq!((&after.0, after.1, after.2), (&before.0, before.1, 2));
    let failed = "select count(*) from energy.job_runs where job_name = 'rebuild_building_hours' and job_run_id > $1";
    assert_eq!(query_scalar::<_, i64>(failed).bind(newest).fetch_one(&mut postgres).await.unwrap(), 0);

    // Within a caller's transaction it cannot commit, and fails before it has blocked anything.
    let mut work = pipeline.begin().await.unwrap();
    let inside = "call energy.rebuild_building_hours('{homes-5-8}')";
    assert_eq!(refusal(&mut work, inside).await.code, "2D000");
}
