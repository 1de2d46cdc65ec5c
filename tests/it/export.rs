//! Models for other programs: trees as XGBoost files.

use edf_tests::{DEMAND, QUICK, Throwaway, refusals, seed_demand, trained};
use sqlx::{AssertSqlSafe, Executor, query_as, query_scalar};

#[tokio::test]
async fn trees_are_exported_by_day_of_lead_in_the_format_of_xgboost() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let model = trained(&mut analyst, "house").await;
    let files: Vec<(i32, i32, Vec<u8>, bool, bool)> = query_as(
        "select issue_slot, lead_day, ubj, feature_names = (select feature_names from edf.models where model_id = $1),
             around -> 'base' ->> 'intercept' is not null and jsonb_array_length(around -> 'base' -> 'terms') > 3
         from edf.export_xgboost($1) order by issue_slot, lead_day",
    )
    .bind(model)
    .fetch_all(&mut analyst)
    .await
    .unwrap();
    assert!(!files.is_empty());
    for (slot, day, file, names, base) in &files {
        // An object with the keys of XGBoost's format.
        let has = |key: &str| file.windows(key.len()).any(|window| window == key.as_bytes());
        assert!(file[0] == b'{' && has("gbtree") && has("split_conditions") && has("temperature_c"), "{slot} {day}");
        assert!((0..24).contains(slot) && *day >= 1 && *names && *base, "{slot} {day} {names} {base}");
    }
    let plain: i64 = query_scalar(AssertSqlSafe(format!(
        "select edf.train('shed', '{DEMAND}', parameters => '{QUICK}'::jsonb || '{{\"base\": \"mean\"}}')"
    )))
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    let without: i64 = query_scalar("select count(*) from edf.export_xgboost($1) where around ->> 'base' is not null")
        .bind(plain)
        .fetch_one(&mut analyst)
        .await
        .unwrap();
    assert_eq!(without, 0);
}

#[tokio::test]
async fn models_other_than_plain_trees_are_rejected() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let naive: i64 = query_scalar(AssertSqlSafe(format!("select edf.train('house', '{DEMAND}', 'seasonal_naive')")))
        .fetch_one(&mut analyst)
        .await
        .unwrap();
    trained(&mut analyst, "shed").await;
    let retired: i64 =
        query_scalar("select model_id from edf.models where subject = 'shed'").fetch_one(&mut analyst).await.unwrap();
    trained(&mut analyst, "shed").await;
    analyst.execute(AssertSqlSafe(format!("select edf.empty_model({retired}, 'old')"))).await.unwrap();
    refusals(
        &mut analyst,
        &[
            ("0A000", &format!("select edf.export_xgboost({naive})")),
            ("55000", &format!("select edf.export_xgboost({retired})")),
            ("42704", "select edf.export_xgboost(987654321)"),
            ("22004", "select edf.export_xgboost(null)"),
            ("XX001", "select edf.xgboost_files('\\x00')"),
        ],
    )
    .await;
}
