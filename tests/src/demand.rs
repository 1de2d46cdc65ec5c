//! A small series: forty days of hourly demand that depends on the hour, the weekday and the temperature.

use sqlx::postgres::PgConnection;
use sqlx::{Executor, query_scalar};

/// Hours of `hourly` with known demand; 72 more only have a temperature.
pub const KNOWN_HOURS: i64 = 40 * 24;

/// The query for training and forecasting.
pub const DEMAND: &str = "select at, demand_kwh, temperature_c from hourly";

/// Parameters of a fast fit.
pub const QUICK: &str = r#"{"rounds": 20, "max_depth": 3}"#;

/// Creates the table `hourly`.
pub async fn seed_demand(connection: &mut PgConnection) {
    let seed = "
        create table hourly (at timestamptz primary key, demand_kwh double precision, temperature_c double precision);
        insert into hourly
        select at,
            case when n <= 960 then
                20 + 8 * sin(pi() * n / 12) + 3 * cos(pi() * n / 84) - 0.5 * temperature + mod(n * 7919, 101) / 101.0
                    end,
            temperature
        from generate_series('2026-01-05'::timestamptz, '2026-02-16 23:00', '1 hour') with ordinality as hours (at, n),
            lateral (select 8 + 6 * sin(pi() * (n - 8) / 12) + mod(n * 104729, 97) / 40.0) as weather (temperature)";
    connection.execute(sqlx::raw_sql(seed)).await.unwrap();
}

/// Trains a quick model of `subject` on [`DEMAND`]; returns its id.
pub async fn train(connection: &mut PgConnection, subject: &str) -> i64 {
    query_scalar("select edf.train($1, $2, parameters => $3::jsonb)")
        .bind(subject)
        .bind(DEMAND)
        .bind(QUICK)
        .fetch_one(connection)
        .await
        .unwrap()
}

/// Trains and approves a quick model of `subject`; returns its id.
pub async fn trained(connection: &mut PgConnection, subject: &str) -> i64 {
    let model = train(connection, subject).await;
    query_scalar("select edf.approve_model($1)").bind(model).fetch_one(connection).await.unwrap()
}
