//! Comparing forecasts: the Diebold-Mariano test, and the scale of MASE.

use crate::metrics::{close, reference};
use edf_tests::{Throwaway, refusals};
use sqlx::{query_as, query_scalar};

type Outcome = (i64, Option<f64>, Option<f64>, Option<f64>);

#[tokio::test]
async fn the_diebold_mariano_test_agrees_with_other_implementations() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    let numbers = |value: &serde_json::Value| -> Vec<f64> { serde_json::from_value(value.clone()).unwrap() };
    let reference = reference();
    let cases = reference["diebold_mariano"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let found: Outcome =
            query_as("select n, mean_difference, statistic, p_value from edf.diebold_mariano($1, $2, $3, $4, $5, $6)")
                .bind(numbers(&case["first"]))
                .bind(numbers(&case["second"]))
                .bind(case["horizon"].as_i64().unwrap() as i32)
                .bind(case["power"].as_f64().unwrap())
                .bind(case["alternative"].as_str().unwrap())
                .bind(case["kernel"].as_str().unwrap())
                .fetch_one(&mut analyst)
                .await
                .unwrap();
        assert_eq!(found.0 as usize, case["first"].as_array().unwrap().len());
        for (found, name) in [(found.1, "mean_difference"), (found.2, "statistic"), (found.3, "p_value")] {
            assert!(close(found, case[name].as_f64()), "{name}: {found:?}, expected {}", case[name]);
        }
    }
}

#[tokio::test]
async fn constant_loss_differences_have_no_statistic() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    for (arguments, expected) in [
        ("'{1,-2,3}', '{1,-2,3}'", (3, Some(0.0), None, None)),
        ("'{2,2,2}', '{1,1,1}'", (3, Some(3.0), None, None)),
        ("'{2,1}', '{1,3}', 2", (2, Some(-2.5), None, None)),
        ("'{1,null}', '{null,1}'", (0, None, None, None)),
        ("null, null", (0, None, None, None)),
    ] {
        let question = format!("select n, mean_difference, statistic, p_value from edf.diebold_mariano({arguments})");
        let found: Outcome = query_as(sqlx::AssertSqlSafe(question)).fetch_one(&mut analyst).await.unwrap();
        assert_eq!(found, expected, "{arguments}");
    }
}

#[tokio::test]
async fn the_mase_scale_is_the_error_of_seasonal_naive() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    let found: (Option<f64>, Option<f64>) =
        query_as("select edf.mase_scale('{1,10,3,14}', 2), edf.mase_scale('{1,10,null,14}', 2)")
            .fetch_one(&mut analyst)
            .await
            .unwrap();
    assert_eq!(found, (Some(3.0), Some(4.0)));
    let of_a_day: Option<f64> =
        query_scalar("select edf.mase_scale(array_agg(h::float8 order by h)) from generate_series(1, 24) as h")
            .fetch_one(&mut analyst)
            .await
            .unwrap();
    assert_eq!(of_a_day, None, "a day has no hour a week before");
}

#[tokio::test]
async fn invalid_arguments_are_rejected() {
    let database = Throwaway::with_extension().await;
    let cases = [
        ("22023", "'{1,2}', '{1}'"),
        ("22023", "'{1,2}', '{1,3}', 0"),
        ("22004", "'{1,2}', '{1,3}', null"),
        ("22023", "'{1,2}', '{1,3}', power => 0"),
        ("22023", "'{1,2}', '{1,3}', power => 'NaN'"),
        ("22023", "'{1,2}', '{1,3}', alternative => 'both'"),
        ("22004", "'{1,2}', '{1,3}', kernel => null"),
        ("22000", "'{1,NaN}', '{1,3}'"),
        ("22000", "'{1,2}', '{1,-Infinity}'"),
    ];
    let mut statements =
        cases.map(|(code, arguments)| (code, format!("select edf.diebold_mariano({arguments})"))).to_vec();
    statements.push(("22023", "select edf.mase_scale('{1,2}', 0)".to_owned()));
    statements.push(("22000", "select edf.mase_scale('{1,Infinity}', 1)".to_owned()));
    let cases: Vec<_> = statements.iter().map(|(code, statement)| (*code, statement.as_str())).collect();
    refusals(&mut database.connect().await, &cases).await;
}
