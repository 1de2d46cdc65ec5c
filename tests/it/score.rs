//! `edf.score`: scores any query of forecasts.

use edf_tests::{DEMAND, Throwaway, refusal, refusals, seed_demand};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query_as, query_scalar, raw_sql};

/// Ten forecasts of 48 hours by two strategies: `good` is 1 too high, `bad` 2 too low; the actual of the first hour is
/// unknown.
async fn seed_forecasts(connection: &mut PgConnection) {
    let seed = "
        create table forecasts as
        select strategy, day as issued_at, day + (lead - 1) * interval '1 hour' as valid_at, lead as lead_hours,
            case when day > '2026-01-01Z' or lead > 1 then demand end as actual, demand + off as yhat,
            demand + off - 1.5 as yhat_lower, demand + off + 1.5 as yhat_upper,
            demand + off - 1 as q05, demand + off as q50, demand + off + 1 as yhat_q97_5, 4 as scale
        from (values ('good', 1), ('bad', -2)) as strategies (strategy, off)
        cross join generate_series('2026-01-01Z'::timestamptz, '2026-01-10Z', '1 day') as day
        cross join generate_series(1, 48) as lead
        cross join lateral (select 10 + mod(lead - 1, 24) + 24 * ((lead - 1) / 24) as demand) as d";
    connection.execute(raw_sql(seed)).await.unwrap();
}

type Score = (String, String, Option<f64>, String, i64);

async fn score(connection: &mut PgConnection, arguments: &str) -> Vec<Score> {
    let question = format!("select slice::text, metric, value, unit, n from edf.score({arguments})");
    query_as(AssertSqlSafe(question)).fetch_all(connection).await.unwrap()
}

fn rows(slice: &str, n: i64, metrics: &[(&str, f64, &str)]) -> Vec<Score> {
    metrics
        .iter()
        .map(|(name, value, unit)| (slice.to_owned(), (*name).to_owned(), Some(*value), (*unit).to_owned(), n))
        .collect()
}

#[tokio::test]
async fn each_slice_has_a_row_per_requested_metric() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_forecasts(&mut analyst).await;
    let found =
        score(&mut analyst, "'select * from forecasts;', '{strategy,lead_day}', '{peak_error,mae,bias,coverage,mase}'")
            .await;
    let mut expected = Vec::new();
    for (strategy, off, covered) in [("bad", -2.0, 0.0), ("good", 1.0, 100.0)] {
        // The highest hours of the two days have a demand of 33 and 57.
        for (day, peak, n) in [(1, 33.0, 239), (2, 57.0, 240)] {
            let off: f64 = off;
            expected.extend(rows(
                &format!(r#"{{"lead_day": {day}, "strategy": "{strategy}"}}"#),
                n,
                &[
                    ("mae", off.abs(), "unit of actual"),
                    ("mase", off.abs() / 4.0, "ratio"),
                    ("bias", off, "unit of actual"),
                    ("coverage", covered, "percent"),
                    ("peak_error", 100.0 * off.abs() / peak, "percent"),
                ],
            ));
        }
    }
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found.2.unwrap() - expected.2.unwrap()).abs() < 1e-9, "{found:?}, expected {expected:?}");
        assert_eq!((&found.0, &found.1, &found.3, found.4), (&expected.0, &expected.1, &expected.3, expected.4));
    }
}

#[tokio::test]
async fn scores_equal_those_of_the_aggregates() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_forecasts(&mut analyst).await;
    let differing: Vec<String> = query_scalar(
        "with expected (metric, value) as (
             select m.* from (
                 select edf.mape(actual, yhat) as mape, edf.smape(actual, yhat) as smape,
                     edf.wape(actual, yhat) as wape,
                     edf.rmse(actual, yhat) as rmse, edf.mae(actual, yhat) as mae, edf.mase(actual, yhat, 4) as mase,
                         edf.bias(actual, yhat) as bias,
                     edf.pinball(actual, array[q05, q50, yhat_q97_5], '{0.05,0.5,0.975}') as pinball,
                     edf.crps(actual, array[q05, q50, yhat_q97_5], '{0.05,0.5,0.975}') as crps,
                     edf.rcrps(actual, array[q05, q50, yhat_q97_5], '{0.05,0.5,0.975}') as rcrps,
                     edf.coverage(actual, yhat_lower, yhat_upper) as coverage,
                         edf.interval_width(yhat_lower, yhat_upper) as interval_width
                 from forecasts where strategy = 'good') as e
             cross join lateral (values ('mape', mape), ('smape', smape), ('wape', wape), ('rmse', rmse), ('mae', mae),
                 ('mase', mase), ('bias', bias),
                 ('pinball', pinball), ('crps', crps), ('rcrps', rcrps), ('coverage', coverage),
                     ('interval_width', interval_width),
                 ('peak_error', 100 * (1 / 33.0 + 1 / 57.0) / 2)) as m
         )
         select metric || ': ' || coalesce(s.value::text, 'none') || ', expected ' ||
             coalesce(expected.value::text, 'none')
         from edf.score('select * from forecasts where strategy = ''good''') as s full join expected using (metric)
         where (abs(s.value - expected.value) < 1e-9) is not true",
    )
    .fetch_all(&mut analyst)
    .await
    .unwrap();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[tokio::test]
async fn the_default_metrics_depend_on_the_columns() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_forecasts(&mut analyst).await;
    let mut names = async |columns: &str| -> Vec<String> {
        let scores = score(&mut analyst, &format!("'select {columns} from forecasts'")).await;
        assert!(scores.iter().all(|score| score.0 == "{}"), "all rows are one slice");
        scores.into_iter().map(|score| score.1).collect()
    };
    let point = ["mape", "smape", "wape", "rmse", "mae", "bias"];
    assert_eq!(names("actual, yhat").await, point);
    assert_eq!(names("actual, q05, q50").await, ["pinball", "crps", "rcrps"]);
    assert_eq!(
        names("actual, array[q05, q50] as quantile_values, array[0.05, 0.5] as quantiles").await,
        ["pinball", "crps", "rcrps"]
    );
    assert_eq!(names("actual, yhat_lower, yhat_upper").await, ["coverage", "interval_width"]);
    assert_eq!(names("actual, yhat, issued_at, lead_hours").await, [&point[..], &["peak_error"]].concat());
}

#[tokio::test]
async fn mixed_series_in_a_slice_have_no_peak() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_forecasts(&mut analyst).await;
    let mixed = score(&mut analyst, "'select * from forecasts', metrics => '{peak_error}'").await;
    assert_eq!(mixed, [("{}".to_owned(), "peak_error".to_owned(), None, "percent".to_owned(), 958)]);
}

#[tokio::test]
async fn a_backtest_is_scored_in_one_statement_and_run_once() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let backtest = format!(
        "select * from edf.backtest(''{DEMAND}'', ''seasonal_naive'',
             schedule => jsonb_build_object(''test_period'', ''7 days''))"
    );
    let found = score(&mut analyst, &format!("'{backtest}', '{{lead_day}}', '{{rmse}}'")).await;
    assert_eq!(
        found.iter().map(|score| &*score.0).collect::<Vec<_>>(),
        [r#"{"lead_day": 1}"#, r#"{"lead_day": 2}"#, r#"{"lead_day": 3}"#]
    );
    let of_the_aggregate: Vec<Option<f64>> = query_scalar(AssertSqlSafe(format!(
        "select edf.rmse(actual, yhat) from ({}) as b group by ceil(lead_hours / 24) order by ceil(lead_hours / 24)",
        backtest.replace("''", "'")
    )))
    .fetch_all(&mut analyst)
    .await
    .unwrap();
    assert_eq!(found.iter().map(|score| score.2).collect::<Vec<_>>(), of_the_aggregate);

    analyst.execute("create sequence runs").await.unwrap();
    score(&mut analyst, "'select actual, yhat from (values (1, 2, nextval(''runs''))) as f (actual, yhat, run)'").await;
    let runs: i64 = query_scalar("select last_value from runs where is_called").fetch_one(&mut analyst).await.unwrap();
    assert_eq!(runs, 1);
}

#[tokio::test]
async fn invalid_queries_are_rejected_with_a_hint() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_forecasts(&mut analyst).await;
    let cases = [
        ("22004", "null"),
        ("22023", "''"),
        ("22023", "' ;'"),
        ("22004", "'select * from forecasts', by => null"),
        ("22004", "'select * from forecasts', by => '{null}'"),
        ("22023", "'select * from forecasts', by => '{stratgy}'"),
        ("22023", "'select actual, yhat from forecasts', by => '{lead_day}'"),
        ("22023", "'select * from forecasts', metrics => '{mspe}'"),
        ("22004", "'select * from forecasts', metrics => '{mae,null}'"),
        ("22023", "'select actual, yhat from forecasts', metrics => '{mase}'"),
        ("22023", "'select actual, yhat from forecasts', metrics => '{mae,crps}'"),
        ("22023", "'select yhat from forecasts'"),
        ("22023", "'select actual, yhat::text from forecasts'"),
        ("22023", "'select actual, yhat, yhat from forecasts'"),
        ("22023", "'select actual, q05, q05 as yhat_q05 from forecasts'"),
        ("22000", "'select * from forecasts where false'"),
        ("22000", "'select actual, ''NaN''::float8 as yhat from forecasts'"),
    ];
    let cases = cases.map(|(code, arguments)| (code, format!("select edf.score({arguments})")));
    let cases: Vec<_> = cases.iter().map(|(code, statement)| (*code, statement.as_str())).collect();
    refusals(&mut analyst, &cases).await;

    let unknown = refusal(&mut analyst, "select edf.score('select * from forecasts', metrics => '{coverge}')").await;
    assert_eq!(unknown.message, "unknown metric \"coverge\", did you mean \"coverage\"?");
    let missing =
        refusal(&mut analyst, "select edf.score('select actual, yhat from forecasts', metrics => '{mase}')").await;
    assert_eq!(missing.message, "metric \"mase\" reads actual, yhat, scale; the query has the columns actual, yhat");
}

#[tokio::test]
async fn a_query_that_writes_is_rejected() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_forecasts(&mut analyst).await;
    let write =
        "select edf.score('select 1 as actual, 1 as yhat) as q; drop table forecasts; select * from (select 1')";
    assert_eq!(refusal(&mut analyst, write).await.code, "0A000");
    let delete = "select edf.score('with gone as (delete from forecasts returning *) select * from gone')";
    assert_eq!(refusal(&mut analyst, delete).await.code, "0A000");
    let kept: i64 = query_scalar("select count(*) from forecasts").fetch_one(&mut analyst).await.unwrap();
    assert_eq!(kept, 960);
}
