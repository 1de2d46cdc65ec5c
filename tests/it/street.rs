//! A street of buildings of all sizes with three weeks of forecasts, an API in front, and access per subject.

use crate::storage::{deployed, run};
use edf_tests::{Api, Throwaway};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query};

/// Buildings, and their number of apartments at the clock, 2026-03-15 12:00Z.
pub const BUILDINGS: [(&str, i64); 8] = [
    ("tall", 8),
    ("wide", 7),
    ("broad", 6),
    ("small-2", 2),
    ("small-3", 3),
    ("lone", 1),
    // Three until 10 March.
    ("grown", 6),
    // Six until an hour before the clock.
    ("shrunk", 4),
];

/// Which buildings each subject may see.
pub const ACCESS: [(&str, &[&str]); 8] = [
    ("utility", &["tall", "wide", "broad", "small-2", "small-3", "lone"]),
    ("few", &["tall", "small-2", "lone"]),
    ("hidden", &["small-2", "small-3"]),
    ("alone", &["small-2"]),
    ("together", &["tall", "wide"]),
    ("apart", &["tall", "broad"]),
    ("changing", &["grown", "shrunk", "small-2"]),
    ("nobody", &[]),
];

/// All issues have the same forecast of an hour. Errors are the same for all buildings except `broad`, whose errors
/// have the opposite sign: half the interval in two hours of ten, a tenth of that in the others. The newest issue has
/// one revision. Two past hours were refreshed.
const DATA: &str = "
    insert into raw.weather_locations values ('here', 47, 8);
    insert into raw.buildings (building_id, name, time_zone, region, latitude, longitude, weather_location_id)
    select building_id, building_id, 'Europe/Zurich', 'CH-ZH', 47, 8, 'here' from sizes;
    insert into raw.apartments (building_id, apartment_id)
    select building_id, 'flat-' || n from sizes cross join generate_series(1, apartments) as n;
    update raw.apartments set valid_from = '2026-03-10 08:00Z' where building_id = 'grown' and apartment_id > 'flat-3';
    insert into raw.apartments (building_id, apartment_id, valid_to)
    values ('shrunk', 'flat-5', '2026-03-15 11:00Z'), ('shrunk', 'flat-6', '2026-03-15 11:00Z');
    insert into energy.forecasts
        (building_id, issued_at, valid_at, lead_hours, yhat, yhat_lower, yhat_upper, confidence, source, quality,
         quality_reasons)
    select building_id, issued_at, valid_at, lead, yhat, yhat - width, yhat + width, 0.9, 'profile', 0.5, '{no_model}'
    from sizes
    cross join generate_series('2026-02-20 05:00Z'::timestamptz, '2026-03-15 05:00Z', '1 day') as issued_at
    cross join generate_series(1, 72) as lead
    cross join lateral (select issued_at + (lead - 1) * interval '1 hour' as valid_at) as hours
    cross join lateral (
        select apartments + extract(hour from valid_at) / 8 as yhat, apartments / 4.0 as width) as shape;
    insert into energy.building_hours
        (building_id, hour_at, consumption_kwh, apartments_reporting, apartments_expected, coverage_share, quality,
         received_at)
    select building_id, valid_at,
        yhat + (yhat_upper - yhat) * case when building_id = 'broad' then -1 else 1 end
            * case extract(epoch from valid_at)::bigint / 3600 % 10 when 0 then 1 when 5 then -1 else 0.1 end,
        1, 1, 1, 'measured', valid_at + interval '61 minutes'
    from energy.forecasts where lead_hours <= 24 and valid_at < '2026-03-15 12:00Z';
    insert into energy.superseded_forecasts
        (building_id, issued_at, valid_at, lead_hours, yhat, yhat_lower, yhat_upper, revision, created_at,
         superseded_at)
    select building_id, issued_at, valid_at, lead_hours, yhat + 1, yhat_lower, yhat_upper + 1, 0,
        '2026-03-15 05:01Z', '2026-03-15 06:15Z'
    from energy.forecasts where issued_at = '2026-03-15 05:00Z';
    update energy.forecasts set revision = 1, created_at = '2026-03-15 06:15Z' where issued_at = '2026-03-15 05:00Z';
    insert into energy.refreshed_forecasts
        (building_id, valid_at, refreshed_at, issued_at, lead_hours, yhat, yhat_lower, yhat_upper, source, quality,
         quality_reasons)
    select building_id, valid_at, '2026-03-15 10:05Z', issued_at, lead_hours - 5, yhat, yhat_lower, yhat_upper, 'model',
        1, '{}'
    from energy.forecasts
    where issued_at = '2026-03-15 05:00Z' and valid_at between '2026-03-15 10:00Z' and '2026-03-15 11:00Z';
    call energy.score_forecasts('-infinity')";

/// Grants subjects access to buildings.
pub async fn grant<'a>(postgres: &mut PgConnection, access: impl Iterator<Item = (&'a str, &'a [&'a str])>) {
    for (subject, granted) in access {
        query("insert into energy.building_access select $1, unnest($2::text[])")
            .bind(subject)
            .bind(granted)
            .execute(&mut *postgres)
            .await
            .unwrap();
    }
}

/// The street, an API in front of it, and a superuser connection.
pub async fn street() -> (Throwaway, Api, PgConnection) {
    let (database, mut postgres) = deployed().await;
    let clock = format!("alter database {} set energy.clock = '2026-03-15 12:00Z'", database.name);
    postgres.execute(AssertSqlSafe(clock)).await.unwrap();
    run(&mut postgres, "create temporary table sizes (building_id text, apartments bigint)").await;
    for (building, apartments) in BUILDINGS {
        query("insert into sizes values ($1, $2)")
            .bind(building)
            .bind(apartments)
            .execute(&mut postgres)
            .await
            .unwrap();
    }
    grant(&mut postgres, ACCESS.into_iter()).await;
    run(&mut postgres, DATA).await;
    let api = Api::of(&database).await;
    (database, api, postgres)
}
