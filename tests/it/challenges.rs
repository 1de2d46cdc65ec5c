//! Champion and challenger: shadow forecasts, their comparison, and promotion.

use edf_tests::{Throwaway, approver, configure, connect, deployment, refusal, refusals};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query, query_as, query_scalar, raw_sql};

/// A copy with a seasonal naive champion and a pending challenger for the same building.
async fn two_models() -> (Throwaway, PgConnection, i64, i64) {
    let (copy, mut postgres) = deployment().await;
    configure(&mut postgres, "evaluation,gate,max_rmse_ratio", "1").await;
    configure(&mut postgres, "evaluation,stress", "null").await;
    let mut pipeline = connect("pipeline", &copy.name).await;
    pipeline.execute("call energy.train_models('{homes-1-4}')").await.unwrap();
    let champion: i64 = query_scalar("select model_id from energy.approve_models('the first') where approved")
        .fetch_one(&mut approver(&copy.name).await)
        .await
        .unwrap();
    pipeline.execute("call energy.train_models('{homes-1-4}', strategy => 'lear')").await.unwrap();
    let challenger: i64 = query_scalar("select model_id from edf.models where status = 'pending'")
        .fetch_one(&mut pipeline)
        .await
        .unwrap();
    (copy, postgres, champion, challenger)
}

/// Starts a challenge in the past, and issues the champion's forecasts of twenty days since.
async fn serve(copy: &Throwaway, challenger: i64) -> i64 {
    let mut analyst = connect("analyst", &copy.name).await;
    analyst.execute("set energy.clock = '2017-07-06 04:00Z'").await.unwrap();
    let challenge: i64 = query_scalar("select energy.start_challenge($1, 14, 'a look')")
        .bind(challenger)
        .fetch_one(&mut analyst)
        .await
        .unwrap();
    let mut pipeline = connect("pipeline", &copy.name).await;
    for day in 6..26 {
        let issue = format!("call energy.issue_forecasts('2017-07-{day:02} 05:00Z')");
        pipeline.execute(AssertSqlSafe(issue)).await.unwrap();
    }
    challenge
}

#[tokio::test]
async fn a_challenger_forecasts_in_shadow_and_is_compared_with_the_champion() {
    let (copy, mut postgres, champion, challenger) = two_models().await;
    let challenge = serve(&copy, challenger).await;
    let mut pipeline = connect("pipeline", &copy.name).await;
    let shadow = "select count(*), count(distinct issued_at),
                      min(extract(epoch from valid_at - issued_at) / 3600 - lead_hours + 1)::float8,
                      min(yhat_upper - yhat_lower) from energy.shadow_forecasts";
    for _ in 0..2 {
        pipeline.execute("call energy.issue_shadow_forecasts()").await.unwrap();
        let found: (i64, i64, f64, f64) = query_as(shadow).fetch_one(&mut pipeline).await.unwrap();
        assert_eq!((found.0, found.1, found.2), (20 * 72, 20, 0.0));
        assert!(found.3 > 0.0, "{found:?}");
    }
    // Shadow forecasts are not served.
    let served: i64 = query_scalar("select count(*) from energy.forecasts where model_id = $1")
        .bind(challenger)
        .fetch_one(&mut pipeline)
        .await
        .unwrap();
    assert_eq!(served, 0);

    let compare = "select issues, hours, days, rmse_a, rmse_b, improvement_pct, mean_difference, statistic, p_value
                   from energy.compare_models($1, $2)";
    let found: (i64, i64, f64, f64, f64, f64, f64, f64, f64) = query_as(compare)
        .bind(challenger)
        .bind(champion)
        .fetch_one(&mut connect("analyst", &copy.name).await)
        .await
        .unwrap();
    assert_eq!((found.0, found.1, found.2), (20, 20 * 72, 20.0));
    assert!((found.5 - 100.0 * (1.0 - found.3 / found.4)).abs() < 1e-9 && found.5 > 0.0, "{found:?}");
    // Computed here: mean squares of each issue, whose forecasts overlap with those of two others.
    let test: (f64, f64, f64) = query_as(
        "with losses as (
             select issued_at, sqrt(avg((consumption_kwh - shadow.yhat) ^ 2)) as a,
                 sqrt(avg((consumption_kwh - forecasts.yhat) ^ 2)) as b
             from energy.shadow_forecasts as shadow join energy.forecasts using (building_id, issued_at, valid_at)
             join energy.building_hours on building_hours.building_id = forecasts.building_id and hour_at = valid_at
             group by issued_at
         )
         select mean_difference, statistic, p_value
         from (select array_agg(a order by issued_at) as a, array_agg(b order by issued_at) as b from losses) as listed
         cross join lateral edf.diebold_mariano(a, b, 3)",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    let close = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-9;
    assert!(close(found.6, test.0) && close(found.7, test.1) && close(found.8, test.2), "{found:?} {test:?}");
    let back: (f64, f64, f64) =
        query_as("select mean_difference, statistic, p_value from energy.compare_models($2, $1)")
            .bind(challenger)
            .bind(champion)
            .fetch_one(&mut postgres)
            .await
            .unwrap();
    assert!(((back.0 + found.6) / found.6).abs() < 1e-9 && (back.2 - found.8).abs() < 1e-9, "{back:?}");
    let none: (i64, i64, Option<f64>) =
        query_as("select issues, hours, p_value from energy.compare_models($1, 987654321)")
            .bind(challenger)
            .fetch_one(&mut postgres)
            .await
            .unwrap();
    assert_eq!(none, (0, 0, None));

    // The challenge is over; without a rule a person decides.
    let (state, outcome, status): (String, String, String) = query_as(
        "select state, outcome, models.status from energy.challenges join edf.models using (model_id)
         where challenge_id = $1",
    )
    .bind(challenge)
    .fetch_one(&mut pipeline)
    .await
    .unwrap();
    assert_eq!((state.as_str(), status.as_str()), ("ended", "pending"));
    assert!(outcome.contains("% below that of model") && outcome.ends_with("; a person decides"), "{outcome}");
    let approved: bool =
        query_scalar("select approved from energy.approve_models('better in shadow', model_ids => array[$1])")
            .bind(challenger)
            .fetch_one(&mut approver(&copy.name).await)
            .await
            .unwrap();
    assert!(approved);
    // Its shadow forecasts equal what it would have served.
    let differ: i64 = query_scalar(
        "select count(*) from energy.shadow_forecasts as shadow
         join edf.forecast('homes-1-4', energy.forecast_query('homes-1-4', '2017-07-20 05:00Z', '72 hours'),
             '72 hours', '2017-07-20 05:00Z',
                           energy.stored_regressor_forecasts('homes-1-4', '2017-07-20 05:00Z',
                               '2017-05-21 05:00Z')) as served using (valid_at)
         where shadow.issued_at = '2017-07-20 05:00Z' and abs(shadow.yhat - served.yhat) < 1e-9",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert_eq!(differ, 72);
}

#[tokio::test]
async fn a_configured_rule_promotes_a_significantly_better_challenger() {
    let (copy, mut postgres, champion, challenger) = two_models().await;
    configure(&mut postgres, "governance,promote", r#"{"min_improvement_pct": 1, "max_p_value": 0.2}"#).await;
    let challenge = serve(&copy, challenger).await;
    let mut pipeline = connect("pipeline", &copy.name).await;
    pipeline.execute("call energy.issue_shadow_forecasts()").await.unwrap();
    let (state, outcome): (String, String) =
        query_as("select state, outcome from energy.challenges where challenge_id = $1")
            .bind(challenge)
            .fetch_one(&mut pipeline)
            .await
            .unwrap();
    let p: f64 = query_scalar("select p_value from energy.compare_models($1, $2, alternative => 'less')")
        .bind(challenger)
        .bind(champion)
        .fetch_one(&mut postgres)
        .await
        .unwrap();
    assert_eq!((state.as_str(), p <= 0.2), ("promoted", true), "{outcome}");
    let statuses: Vec<(i64, String)> =
        query_as("select model_id, status from edf.models order by model_id").fetch_all(&mut pipeline).await.unwrap();
    assert_eq!(statuses, [(champion, "retired".to_owned()), (challenger, "approved".to_owned())]);
    let (reason, by): (String, String) =
        query_as("select reason, happened_by from edf.model_events where model_id = $1 and event = 'approved'")
            .bind(challenger)
            .fetch_one(&mut pipeline)
            .await
            .unwrap();
    assert_eq!((reason.as_str(), by.as_str()), (outcome.as_str(), "pipeline"));
    assert!(reason.contains("rule governance.promote of configuration"), "{reason}");
}

#[tokio::test]
async fn only_a_pending_model_with_a_champion_can_be_a_challenger_once() {
    let (copy, mut postgres, champion, challenger) = two_models().await;
    let mut analyst = connect("analyst", &copy.name).await;
    let other: i64 = query_scalar("select energy.train_model('homes-5-8')").fetch_one(&mut analyst).await.unwrap();
    let start = |model: i64| format!("select energy.start_challenge({model})");
    analyst.execute(AssertSqlSafe(start(challenger))).await.unwrap();
    refusals(
        &mut analyst,
        &[
            ("55000", &start(challenger)),
            ("55000", &start(champion)),
            ("55000", &start(other)),
            ("42704", "select energy.start_challenge(987654321)"),
            ("42704", "select energy.start_challenge(null)"),
        ],
    )
    .await;
    refusals(&mut connect("analyst", &copy.name).await, &[("42704", "select energy.train_archetype('castles')")]).await;
    // The champion is rejected: there is nothing left to compare with.
    query("select edf.reject_model($1, 'not this one')").bind(challenger).execute(&mut postgres).await.unwrap();
    let mut pipeline = connect("pipeline", &copy.name).await;
    pipeline.execute("call energy.issue_shadow_forecasts()").await.unwrap();
    let (state, outcome): (String, String) =
        query_as("select state, outcome from energy.challenges").fetch_one(&mut pipeline).await.unwrap();
    assert_eq!(state, "cancelled");
    assert_eq!(outcome, format!("model {challenger} is rejected and model {champion} approved"));
}

/// The models that forecast a slot, by building.
async fn served_by(session: &mut PgConnection, slot: &str) -> Vec<(String, i64)> {
    query_as(
        "select distinct building_id, model_id from energy.forecasts
         where issued_at = $1::timestamptz and source = 'archetype' order by 1",
    )
    .bind(slot)
    .fetch_all(session)
    .await
    .unwrap()
}

#[tokio::test]
async fn an_archetypes_challenger_serves_a_share_of_buildings_and_is_compared_on_all() {
    let (copy, mut postgres) = deployment().await;
    configure(&mut postgres, "evaluation,gate,max_newcomer_rmse_ratio", "3").await;
    configure(&mut postgres, "evaluation,gate,max_champion_rmse_ratio", "3").await;
    configure(&mut postgres, "evaluation,stress", "null").await;
    let mut pipeline = connect("pipeline", &copy.name).await;
    let mut approver = approver(&copy.name).await;
    pipeline.execute("call energy.train_models(archetypes => '{homes}')").await.unwrap();
    let champion: i64 = query_scalar("select model_id from energy.approve_models('the first') where approved")
        .fetch_one(&mut approver)
        .await
        .unwrap();
    pipeline
        .execute("call energy.train_models(archetypes => '{homes}', parameters => '{\"max_rows\": 20000}')")
        .await
        .unwrap();
    let challenger: i64 = query_scalar("select model_id from edf.models where status = 'pending'")
        .fetch_one(&mut pipeline)
        .await
        .unwrap();
    let mut analyst = connect("analyst", &copy.name).await;
    analyst.execute("set energy.clock = '2017-07-20 04:00Z'").await.unwrap();
    let challenge: i64 = query_scalar("select energy.start_challenge($1, 14, 'fewer rounds')")
        .bind(challenger)
        .fetch_one(&mut analyst)
        .await
        .unwrap();
    let share = |share: &str| format!("select energy.serve_share({challenge}, {share}, 'good in shadow')");

    // Serving requires the right to approve.
    assert_eq!(refusal(&mut analyst, &share("0.5")).await.code, "42501");
    let own = format!("select energy.serve_share({challenge}, 0.5, ' ')");
    refusals(
        &mut approver,
        &[
            ("22023", own.as_str()),
            ("22023", &share("null")),
            ("22023", &share("1.5")),
            ("42704", "select energy.serve_share(987654321, 0.5, 'why')"),
        ],
    )
    .await;
    let mut trainer = connect("pipeline", &copy.name).await;
    postgres.execute("grant edf_approver to pipeline").await.unwrap();
    refusals(&mut trainer, &[("55000", &share("0.5"))]).await;
    postgres.execute("revoke edf_approver from pipeline").await.unwrap();

    approver.execute(AssertSqlSafe(share("0.5"))).await.unwrap();
    for slot in ["2017-07-20 05:00Z", "2017-07-21 05:00Z", "2017-07-22 05:00Z"] {
        pipeline.execute(AssertSqlSafe(format!("call energy.issue_forecasts('{slot}')"))).await.unwrap();
    }
    let drawn: Vec<(String, i64)> = query_as(
        "select building_id, coalesce(energy.challenger_of($1, building_id), $1) from raw.buildings
         where archetype = 'homes' order by 1",
    )
    .bind(champion)
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    let by_challenger = drawn.iter().filter(|(_, model)| *model == challenger).count();
    assert!(by_challenger > 0 && by_challenger < drawn.len(), "{drawn:?}");
    for slot in ["2017-07-20 05:00Z", "2017-07-22 05:00Z"] {
        assert_eq!(served_by(&mut pipeline, slot).await, drawn, "{slot}: the same buildings every day");
    }
    // The other model forecasts each building in shadow; shared inputs are read once per slot.
    postgres
        .execute(raw_sql("begin; set local track_functions = 'all'; call energy.issue_shadow_forecasts()"))
        .await
        .unwrap();
    let calls: Vec<(String, i64)> = query_as(
        "select funcname, calls from pg_stat_xact_user_functions
         where funcname in ('inputs_of_place', 'shadow_forecast') order by 1",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    assert_eq!(calls, [("inputs_of_place".to_owned(), 3), ("shadow_forecast".to_owned(), 3 * drawn.len() as i64)]);
    postgres.execute("commit").await.unwrap();
    pipeline.execute("call energy.issue_shadow_forecasts()").await.unwrap();
    let compared: (i64, i64) = query_as("select buildings, issues from energy.compare_models($1, $2)")
        .bind(challenger)
        .bind(champion)
        .fetch_one(&mut analyst)
        .await
        .unwrap();
    assert_eq!(compared, (drawn.len() as i64, 3));

    approver.execute(AssertSqlSafe(share("0"))).await.unwrap();
    pipeline.execute("call energy.issue_forecasts('2017-07-23 05:00Z')").await.unwrap();
    let all: Vec<(String, i64)> = drawn.iter().map(|(building, _)| (building.clone(), champion)).collect();
    assert_eq!(served_by(&mut pipeline, "2017-07-23 05:00Z").await, all);
}

#[tokio::test]
async fn a_late_forecast_uses_the_model_of_its_slot_and_its_revision_the_current_one() {
    let (copy, mut postgres) = deployment().await;
    configure(&mut postgres, "evaluation,gate,max_rmse_ratio", "1").await;
    configure(&mut postgres, "evaluation,stress", "null").await;
    let mut approver = approver(&copy.name).await;
    let mut models = Vec::new();
    for clock in ["2017-07-25 05:00Z", "2017-07-28 12:00Z"] {
        let mut pipeline = connect("pipeline", &copy.name).await;
        pipeline.execute(AssertSqlSafe(format!("set energy.clock = '{clock}'"))).await.unwrap();
        pipeline.execute("call energy.train_models('{homes-1-4}')").await.unwrap();
        let approved: i64 = query_scalar("select model_id from energy.approve_models('better') where approved")
            .fetch_one(&mut approver)
            .await
            .unwrap();
        models.push(approved);
    }
    let mut pipeline = connect("pipeline", &copy.name).await;
    let by = "select distinct model_id from energy.forecasts
              where building_id = 'homes-1-4' and issued_at = '2017-07-27 05:00Z'";
    pipeline.execute("call energy.issue_forecasts('2017-07-27 05:00Z')").await.unwrap();
    assert_eq!(query_scalar::<_, i64>(by).fetch_all(&mut pipeline).await.unwrap(), [models[0]]);
    pipeline.execute("call energy.reissue_forecasts('2017-07-27 05:00Z', '{homes-1-4}')").await.unwrap();
    assert_eq!(query_scalar::<_, i64>(by).fetch_all(&mut pipeline).await.unwrap(), [models[1]]);
    // No model is old enough for a slot before the first.
    pipeline.execute("call energy.issue_forecasts('2017-07-24 05:00Z')").await.unwrap();
    let first = by.replace("27 05", "24 05");
    assert_eq!(query_scalar::<_, i64>(AssertSqlSafe(first)).fetch_all(&mut pipeline).await.unwrap(), [models[1]]);
}
