//! `edf.portfolio`: quantiles of a sum from joint residuals of its series.

use edf_tests::{DEMAND, Throwaway, refusal, refusals, seed_demand};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query_as, query_scalar, raw_sql};

/// Ten houses, 220 days of forecasts of 24 hours: half of each error's variance is shared by all.
async fn seed_houses(analyst: &mut PgConnection) {
    let seed = "
        select setseed(0.42);
        create table residuals as
        with normal as materialized (
            select day, lead, house, sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) as z
            from generate_series(0, 219) as day, generate_series(1, 24) as lead, generate_series(0, 10) as house
        )
        select 'house ' || own.house as series,
            '2026-01-01 05:00Z'::timestamptz + own.day * interval '24 hours' as issued_at,
            '2026-01-01 05:00Z'::timestamptz + own.day * interval '24 hours' + (own.lead - 1) *
                interval '1 hour' as valid_at,
            own.lead as lead_hours, own.day, 10.0 as yhat, 10 + own.z + common.z as actual
        from normal as own join normal as common on common.house = 0 and (common.day, common.lead) = (own.day, own.lead)
        where own.house > 0";
    analyst.execute(raw_sql(seed)).await.unwrap();
}

const FORECASTS: &str = "select series, valid_at, lead_hours, yhat from residuals where day >= 120";

#[tokio::test]
async fn the_interval_of_a_sum_has_nominal_coverage_unlike_sums_of_quantiles_or_variances() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_houses(&mut analyst).await;
    // For comparison: the sums of the houses' quantiles, and of their variances.
    let (ours, added, unrelated, rows): (f64, f64, f64, i64) = query_as(AssertSqlSafe(format!(
        "with houses as (
             select sum(low) as low, sum(high) as high, sqrt(sum(variance)) * 1.645 as apart
             from (select percentile_cont(0.05) within group (order by actual - yhat) as low,
                 percentile_cont(0.95) within group (order by actual - yhat) as high,
                       variance(actual - yhat) as variance
                   from residuals where day < 120 group by series) as h
         ),
         sums as (select issued_at, lead_hours, sum(actual) as actual from residuals group by issued_at, lead_hours)
         select avg((actual between yhat_lower and yhat_upper)::int)::float8,
             avg((actual between yhat + low and yhat + high)::int)::float8,
             avg((actual between yhat - apart and yhat + apart)::int)::float8, count(*)
         from edf.portfolio('{FORECASTS}', 'select * from residuals') join sums using (issued_at, lead_hours) cross
         join houses"
    )))
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert_eq!(rows, 100 * 24);
    assert!((0.875..0.925).contains(&ours), "{ours}");
    assert!(added > 0.95 && unrelated < 0.65, "{added} of added quantiles, {unrelated} of added variances");
}

#[tokio::test]
async fn only_origins_known_for_all_series_count_and_their_number_is_returned() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_houses(&mut analyst).await;
    let one = "select series, valid_at, lead_hours, yhat from residuals where day = 200";
    let all: Vec<(f64, Vec<f64>, i64)> = query_as(
        "select yhat, quantile_values, origins from edf.portfolio($1, 'select * from residuals') order by valid_at",
    )
    .bind(one)
    .fetch_all(&mut analyst)
    .await
    .unwrap();
    assert_eq!(all.len(), 24);
    assert!(all.iter().all(|(yhat, quantiles, origins)| *yhat == 100.0 && quantiles.is_sorted() && *origins == 200));
    // One day of a house is unknown, its forecasts of another day are missing; a house outside the portfolio is
    // ignored.
    analyst
        .execute(raw_sql(
            "update residuals set actual = null where day = 50 and series = 'house 3';
             delete from residuals where day = 60 and series = 'house 4';
             insert into residuals select 'house 11', issued_at, valid_at, lead_hours, day, yhat, 1e6
             from residuals where series = 'house 1'",
        ))
        .await
        .unwrap();
    let ten = "select series, valid_at, lead_hours, yhat from residuals where day = 200 and series <> 'house 11'";
    let origins: Vec<i64> =
        query_scalar("select distinct origins from edf.portfolio($1, 'select * from residuals', '{0.5}')")
            .bind(ten)
            .fetch_all(&mut analyst)
            .await
            .unwrap();
    assert_eq!(origins, [198]);
}

#[tokio::test]
async fn model_forecasts_are_summed_with_residuals_of_stored_backtests() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    for (house, share) in [("a", 1), ("b", 2)] {
        let query = format!("select at, demand_kwh * {share} as kwh, temperature_c from hourly");
        let keep = format!(
            "select edf.keep_backtest('{house}', '{query}',
                 '{{\"strategy\": \"seasonal_naive\", \"schedule\": {{\"test_period\": \"10 days\"}}}}')"
        );
        analyst.execute(AssertSqlSafe(keep)).await.unwrap();
        let train = format!("select edf.approve_model(edf.train('{house}', '{query}', 'seasonal_naive'))");
        analyst.execute(AssertSqlSafe(train)).await.unwrap();
    }
    let (rows, wrong, origins): (i64, i64, i64) = query_as(
        "select count(*), count(*) filter (where abs(p.yhat - 3 * f.yhat) > 1e-9 or not p.yhat_lower < p.yhat_upper
             or p.issued_at <> '2026-02-14Z'), min(origins)
         from edf.portfolio(
             $$select 'a' as series, valid_at, lead_hours, yhat
             from edf.forecast('a', 'select at, demand_kwh, temperature_c from hourly')
               union all
               select 'b', valid_at, lead_hours, yhat
               from edf.forecast('b', 'select at, demand_kwh * 2, temperature_c from hourly')$$,
             'select subject as series, issued_at, lead_hours, actual, yhat from edf.kept_forecasts') as p
         join edf.forecast('a', $1) as f using (valid_at)",
    )
    .bind(DEMAND)
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert_eq!((rows, wrong, origins), (72, 0, 10));
}

#[tokio::test]
async fn inconsistent_input_is_rejected() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_houses(&mut analyst).await;
    let all = "select * from residuals";
    let cases = [
        ("22004", "null", all),
        ("22004", FORECASTS, "null"),
        ("22023", "", all),
        ("22023", "select series, valid_at, yhat from residuals", all),
        ("22023", FORECASTS, "select series, issued_at, lead_hours, yhat from residuals"),
        ("22000", "select * from residuals where false", all),
        ("22000", FORECASTS, "select * from residuals where false"),
        ("22000", FORECASTS, "select * from residuals where series <> 'house 2'"),
        // No origin has both halves.
        ("22000", FORECASTS, "select * from residuals where (series < 'house 5') = (day % 2 = 0)"),
        // No residual was known then.
        ("22000", "select * from residuals where day = 0", all),
        ("22000", "select * from residuals where day = 150 and (series <> 'house 2' or lead_hours < 5)", all),
        (
            "22000",
            "select series, valid_at, lead_hours, case series when 'house 2' then null else yhat end as yhat
             from residuals where day = 150",
            all,
        ),
        ("22000", "select series, valid_at, lead_hours, 'NaN'::float8 as yhat from residuals where day = 150", all),
        ("22000", FORECASTS, "select series, issued_at, lead_hours, 'Infinity'::float8 as actual, yhat from residuals"),
        (
            "22023",
            "select * from residuals where day = 150 union all select * from residuals
             where day = 150 and series = 'house 1'",
            all,
        ),
        (
            "22023",
            FORECASTS,
            "select * from residuals union all select * from residuals where day = 50 and series = 'house 1'",
        ),
        (
            "22023",
            "select series, valid_at, -1 as lead_hours, yhat from residuals where day = 150 and lead_hours = 1",
            all,
        ),
    ];
    let cases = cases.map(|(code, forecasts, residuals)| {
        let quoted = |query: &str| if query == "null" { query.to_owned() } else { format!("$q${query}$q$") };
        (code, format!("select edf.portfolio({}, {})", quoted(forecasts), quoted(residuals)))
    });
    let mut cases: Vec<_> = cases.iter().map(|(code, statement)| (*code, statement.as_str())).collect();
    let levels = format!("select edf.portfolio('{FORECASTS}', '{all}', '{{0.9,0.1}}')");
    cases.push(("22023", &levels));
    refusals(&mut analyst, &cases).await;
    let says = refusal(
        &mut analyst,
        &format!("select edf.portfolio('{FORECASTS}', $$select * from residuals where series <> 'house 2'$$)"),
    )
    .await;
    assert_eq!(says.message, "no residual of series \"house 2\" is known");
}
