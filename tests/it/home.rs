//! Homes on the weekend of a clock change: one with a solar roof and one without, with an API in front and residents.

use crate::storage::{deployed, run};
use edf_tests::{Api, Throwaway};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

/// The database's current time: 10:20 in Zurich, the day before the clocks go forward.
pub const CLOCK: &str = "2026-03-28 09:20Z";

/// Forty issues of forecasts of 1 kWh demand and of a roof with 3 kWh at noon UTC; the actuals of an issue deviate by
/// the same share in all hours, by a different one in each issue.
const DATA: &str = "
    insert into raw.weather_locations values ('here', 47, 8);
    insert into raw.buildings (building_id, name, time_zone, region, latitude, longitude, weather_location_id)
    select building_id, building_id, 'Europe/Zurich', 'CH-ZH', 47, 8, 'here'
    from unnest(array['roof', 'plain', 'bare', 'neighbour']) as building_id;
    insert into raw.apartments (building_id, apartment_id) select building_id, 'flat' from raw.buildings;
    insert into energy.building_access
    values ('anna', 'roof'), ('ben', 'plain'), ('cleo', 'bare'), ('dora', 'roof'), ('dora', 'plain');
    create temporary table issues as
    select issued_at, issued_at + (lead - 1) * interval '1 hour' as valid_at, lead,
        3 * greatest(0, cos(pi() * (extract(hour from issued_at + (lead - 1) * interval '1 hour')::float8 - 12) / 12))
            as solar, sin(n * 2.1) as off, cos(n * 3.7) as roof_off
    from generate_series('2026-02-17 05:00Z'::timestamptz, '2026-03-28 05:00Z', '1 day')
        with ordinality as i (issued_at, n)
    cross join generate_series(1, 72) as lead;
    insert into energy.forecasts (building_id, issued_at, valid_at, lead_hours, yhat, yhat_lower, yhat_upper)
    select building_id, issued_at, valid_at, lead, 1, 0.8, 1.3 from issues
    cross join unnest(array['roof', 'plain', 'neighbour']) as building_id;
    insert into energy.solar_forecasts
        (building_id, issued_at, valid_at, lead_hours, source, yhat, yhat_lower, yhat_upper, revision, known_at,
         config_id)
    select building_id, issued_at, valid_at, lead, 'fitted', solar, 0.4 * solar, 1.2 * solar, 0, issued_at, 1
    from issues cross join unnest(array['roof', 'neighbour']) as building_id;
    insert into energy.building_hours
        (building_id, hour_at, consumption_kwh, solar_kwh, apartments_reporting, apartments_expected, coverage_share,
         quality, received_at, solar_received_at)
    select building_id, valid_at, 1 + 0.2 * off, greatest(solar * (1 + 0.4 * roof_off), 0), 1, 1, 1, 'measured',
        valid_at + interval '61 minutes', valid_at + interval '61 minutes'
    from issues cross join unnest(array['roof', 'neighbour']) as building_id
    where lead <= 24 and valid_at < '2026-03-28 09:00Z'";

/// The homes, an API in front of them, and a superuser connection.
pub async fn homes() -> (Throwaway, Api, PgConnection) {
    let (database, mut postgres) = deployed().await;
    run(&mut postgres, &format!("set energy.clock = '{CLOCK}'")).await;
    sqlx::query(AssertSqlSafe(format!("alter database {} set energy.clock = '{CLOCK}'", database.name)))
        .execute(&mut postgres)
        .await
        .unwrap();
    run(&mut postgres, DATA).await;
    let api = Api::of(&database).await;
    (database, api, postgres)
}
