//! Stress tests: forecasts of models for unseen combinations, and their effect on approval.

use edf_tests::{approver, configure, connect, deployment, refusals};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query_as, query_scalar};

type Check = (String, String, bool, f64, f64, Option<String>);

async fn stress(session: &mut PgConnection, model: i64) -> Vec<Check> {
    query_as("select * from energy.stress_test($1)").bind(model).fetch_all(session).await.unwrap()
}

#[tokio::test]
async fn a_plausible_model_passes_every_scenario_and_violations_of_tight_limits_have_numbers() {
    let (copy, mut postgres) = deployment().await;
    let mut analyst = connect("analyst", &copy.name).await;
    let own: i64 = query_scalar("select energy.train_model('homes-1-4')").fetch_one(&mut analyst).await.unwrap();
    let of_archetype: i64 =
        query_scalar("select energy.train_archetype('homes')").fetch_one(&mut analyst).await.unwrap();
    for model in [own, of_archetype] {
        let checks = stress(&mut analyst, model).await;
        let failed: Vec<_> = checks.iter().filter(|check| !check.2).collect();
        assert!(failed.is_empty(), "{failed:?}");
        let mut scenarios: Vec<&str> = checks.iter().map(|check| check.0.as_str()).collect();
        scenarios.dedup();
        assert_eq!(
            scenarios,
            [
                "bitterly cold and sunny",
                "colder",
                "cool",
                "everything off",
                "heat wave",
                "holiday on a Monday",
                "no sun",
                "weather of the last days"
            ]
        );
        // Three rules for each scenario, four for some.
        assert_eq!(checks.len(), 8 * 3 + 4);
    }
    // The scenarios differ for a model that reads them.
    let means: (i64, i64) =
        query_as("select count(distinct value), count(*) from energy.stress_test($1) where rule = 'no peak'")
            .bind(of_archetype)
            .fetch_one(&mut analyst)
            .await
            .unwrap();
    assert!(means.0 >= 6 && means.1 == 8, "{means:?}");

    // Apartments that have ended or not yet started do not count, here and in service.
    postgres
        .execute(
            "insert into raw.apartments (building_id, apartment_id, valid_from, valid_to)
             select building_id, spans.name, since, until from raw.buildings
             cross join (values ('past', null::timestamptz, '2016-08-01Z'::timestamptz),
                 ('future', '2030-01-01Z', null)) as spans (name, since, until)",
        )
        .await
        .unwrap();
    let (inputs, current): (String, i64) = query_as(
        "select inputs, (select count(*) from raw.apartments as those
         where building_id = (energy.archetype_members('homes', known_at))[1]
                         and apartment_id not in ('past', 'future'))
         from energy.stress_inputs($1) join energy.trainings on model_id = $1",
    )
    .bind(of_archetype)
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    let counted: i64 =
        query_scalar(AssertSqlSafe(format!("select distinct apartments::bigint from ({inputs}) as hours")))
            .fetch_one(&mut postgres)
            .await
            .unwrap();
    assert_eq!(counted, current);

    configure(&mut postgres, "evaluation,stress", r#"{"max_jump_ratio": 0.001, "max_peak_ratio": 0.001}"#).await;
    let checks = stress(&mut analyst, own).await;
    let jump = checks.iter().find(|check| check.0 == "cool" && check.1 == "no jump").unwrap();
    assert!(!jump.2 && jump.3 > jump.4, "{jump:?}");
    assert!(jump.5.as_ref().unwrap().starts_with("cool: it jumps by "), "{jump:?}");
    assert!(checks.iter().all(|check| check.2 != ["no jump", "no peak"].contains(&check.1.as_str())), "{checks:?}");
    let kept: i64 = query_scalar("select count(*) from energy.stress_tests").fetch_one(&mut analyst).await.unwrap();
    assert_eq!(kept, 0, "energy.stress_test writes nothing");
}

#[tokio::test]
async fn an_implausible_model_stays_pending_with_reasons_unless_approval_overrides_them() {
    let (copy, mut postgres) = deployment().await;
    configure(&mut postgres, "evaluation,gate,max_rmse_ratio", "1").await;
    let mut pipeline = connect("pipeline", &copy.name).await;
    // A champion, and a rule that would approve a better model.
    pipeline.execute("call energy.train_models('{homes-1-4}')").await.unwrap();
    let mut approver = approver(&copy.name).await;
    approver.execute("select * from energy.approve_models('the first')").await.unwrap();
    configure(&mut postgres, "governance,auto_approve", r#"{"min_improvement_pct": 1, "min_days": 1}"#).await;
    // A linear model trained in a warm spring extrapolates far below zero in the cold.
    pipeline
        .execute(
            r#"call energy.train_models('{homes-1-4}', strategy => 'lear', features => '{"non_negative": false}')"#,
        )
        .await
        .unwrap();
    let (model, status, message, step): (i64, String, String, String) = query_as(
        "select model_id, models.status, message, details ->> 'failures'
         from energy.training_runs join edf.models using (model_id) join energy.training_steps as steps using (run_id)
         where steps.step = 'stress' and state = 'registered' order by run_id desc limit 1",
    )
    .fetch_one(&mut pipeline)
    .await
    .unwrap();
    assert_eq!(status, "pending");
    assert!(message.starts_with("it failed its stress test: ") && step.contains("colder"), "{message} {step}");
    for reason in ["colder: with 8 degrees less it forecasts ", "bitterly cold and sunny: the least hour is -"] {
        assert!(message.contains(reason), "{reason}: {message}");
    }
    let approve = "select approved, problem from energy.approve_models('a test', subjects => '{homes-1-4}'";
    let refused: (bool, Option<String>) =
        query_as(AssertSqlSafe(format!("{approve})"))).fetch_one(&mut approver).await.unwrap();
    assert!(!refused.0 && refused.1.as_ref().unwrap().contains("it failed its stress test"), "{refused:?}");
    let card: String = query_scalar("select energy.model_card($1)").bind(model).fetch_one(&mut approver).await.unwrap();
    assert!(
        card.contains("## Stress test") && card.contains("| colder | colder never lowers heating demand | no |"),
        "{card}"
    );
    // It passes under other limits: the newest test counts.
    configure(
        &mut postgres,
        "evaluation,stress",
        r#"{"max_heating_drop_pct": 100, "min_width_ratio": 0, "max_jump_ratio": 100}"#,
    )
    .await;
    let failures: Vec<String> =
        query_scalar("select energy.record_stress_test($1)").bind(model).fetch_one(&mut approver).await.unwrap();
    assert!(
        failures.iter().all(|reason| reason.contains("the least hour is -")) && !failures.is_empty(),
        "{failures:?}"
    );
    let approved: (bool, Option<String>) =
        query_as(AssertSqlSafe(format!("{approve}, despite_stress => true)"))).fetch_one(&mut approver).await.unwrap();
    assert_eq!(approved, (true, None));
}

#[tokio::test]
async fn untestable_models_give_a_reason() {
    let (copy, mut postgres) = deployment().await;
    let mut analyst = connect("analyst", &copy.name).await;
    let by_hand: i64 = query_scalar(
        "select edf.train('by hand', energy.training_query('homes-1-4', energy.clock()), 'seasonal_naive')",
    )
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    let blind: i64 = query_scalar("select energy.train_model('homes-5-8')").fetch_one(&mut analyst).await.unwrap();
    postgres.execute("set session_replication_role = replica").await.unwrap();
    postgres
        .execute(AssertSqlSafe(format!(
            "update edf.models set features = features - 'temperature' where model_id = {blind}"
        )))
        .await
        .unwrap();
    refusals(
        &mut analyst,
        &[
            ("42704", "select energy.stress_test(987654321)"),
            ("42704", "select energy.stress_test(null)"),
            ("55000", &format!("select energy.stress_test({by_hand})")),
            ("55000", &format!("select energy.stress_test({blind})")),
        ],
    )
    .await;
}
