//! `edf.scenarios`: joint paths with the dependence of past forecast errors.

use edf_tests::{Throwaway, refusal};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query_as, query_scalar, raw_sql};

/// Three houses, 160 days of forecasts of 24 hours. The error of a day has a part shared by all hours and houses, and
/// an independent part for each hour of a house.
async fn seed_houses(analyst: &mut PgConnection) {
    let seed = "
        select setseed(0.42);
        create table past as
        with normal as materialized (
            select day, lead, house, sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) as z
            from generate_series(0, 159) as day, generate_series(0, 24) as lead, generate_series(0, 3) as house
        )
        select 'house ' || own.house as series,
            '2026-01-01 05:00Z'::timestamptz + own.day * interval '24 hours' as issued_at,
            '2026-01-01 05:00Z'::timestamptz + own.day * interval '24 hours' + (own.lead - 1) *
                interval '1 hour' as valid_at,
            own.lead as lead_hours, own.day, 10.0 as yhat, 10 + own.z + 2 * common.z as actual,
            array[6.32, 10, 13.68] as quantile_values, array[0.05, 0.5, 0.95] as quantiles
        from normal as own join normal as common on (common.house, common.lead) = (0, 0) and common.day = own.day
        where own.house > 0 and own.lead > 0";
    analyst.execute(raw_sql(seed)).await.unwrap();
}

const NEXT: &str = "select series, valid_at, lead_hours, quantile_values, quantiles from past where day = 100";

#[tokio::test]
async fn steps_keep_their_quantiles_and_paths_the_dependence_of_errors() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_houses(&mut analyst).await;
    let found: (i64, i64, f64, f64, f64, f64) = query_as(AssertSqlSafe(format!(
        "with drawn as materialized (select * from edf.scenarios('{NEXT}', 'select * from past', 400, 7))
         select count(*), min(origins), avg((value <= 6.32)::int)::float8, avg((value <= 13.68)::int)::float8,
             (select corr(a.value, b.value) from drawn as a join drawn as b using (scenario)
              where (a.series, a.lead_hours, b.series, b.lead_hours) = ('house 1', 3, 'house 1', 20)),
             (select corr(a.value, b.value) from drawn as a join drawn as b using (scenario, valid_at)
              where (a.series, b.series) = ('house 1', 'house 3'))
         from drawn"
    )))
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    // Two shared parts of the error and one independent part: a correlation of 0.8.
    let (rows, origins, below, above, hours, houses) = found;
    assert_eq!((rows, origins), (400 * 3 * 24, 100));
    assert!((below - 0.05).abs() < 0.01 && (above - 0.95).abs() < 0.01, "{below} {above}");
    assert!((0.65..0.92).contains(&hours) && (0.7..0.9).contains(&houses), "{hours} {houses}");
    let again: bool = query_scalar(AssertSqlSafe(format!(
        "select (select array_agg(value) from edf.scenarios('{NEXT}', 'select * from past', 5, 7))
              = (select array_agg(value) from edf.scenarios('{NEXT}', 'select * from past', 5, 7))
            and (select array_agg(value) from edf.scenarios('{NEXT}', 'select * from past', 5, 7))
             <> (select array_agg(value) from edf.scenarios('{NEXT}', 'select * from past', 5, 8))"
    )))
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert!(again, "the same seed must give the same draws, another seed others");
}

#[tokio::test]
async fn scenarios_score_better_than_independent_draws_and_than_perfect_dependence() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_houses(&mut analyst).await;
    let load = "
        create table drawn as
        select issued_at, s.* from generate_series(100, 129) as n
        cross join lateral (select '2026-01-01 05:00Z'::timestamptz + n * interval '24 hours' as issued_at) as issue
        cross join lateral edf.scenarios(
            format('select series, valid_at, lead_hours, quantile_values, quantiles from past where day = %s', n),
            'select * from past', 100, n) as s;
        -- The values of each step reordered: at random, and by size.
        create table shuffled as
        select d.issued_at, d.series, d.valid_at, d.value,
            row_number() over (partition by d.issued_at, d.series, d.valid_at order by random()) as scenario,
            row_number() over (partition by d.issued_at, d.series, d.valid_at order by d.value) as rank
        from drawn as d";
    analyst.execute(raw_sql(load)).await.unwrap();
    let with_actual = |scenario: &str, table: &str| {
        format!(
            "(select array[avg(energy_score), avg(variogram_score), min(scenarios_n), max(steps_n), count(*)]
             from edf.score_scenarios(
                'select t.issued_at, t.{scenario} as scenario, series, t.valid_at, value, actual
                 from {table} as t join past using (series, valid_at)'))"
        )
    };
    let scores: Vec<Vec<f64>> = query_as(AssertSqlSafe(format!(
        "select unnested.scores::float8[] from (values (1, {}), (2, {}), (3, {})) as unnested (n, scores) order by n",
        with_actual("scenario", "drawn"),
        with_actual("scenario", "shuffled"),
        with_actual("rank", "shuffled")
    )))
    .fetch_all(&mut analyst)
    .await
    .unwrap()
    .into_iter()
    .map(|(scores,): (Vec<f64>,)| scores)
    .collect();
    let [ours, independent, comonotone] = [0, 1, 2].map(|at| &scores[at]);
    assert_eq!(ours[2..], [100.0, 72.0, 30.0]);
    for other in [independent, comonotone] {
        assert!(ours[0] < other[0] && ours[1] < other[1], "{ours:?} against {other:?}");
    }
}

#[tokio::test]
async fn inconsistent_input_is_rejected() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_houses(&mut analyst).await;
    let scenarios = |forecasts: &str, residuals: &str, count: &str| {
        format!("select * from edf.scenarios($${forecasts}$$, $${residuals}$$, {count})")
    };
    let past = "select * from past";
    let cases = [
        (
            "22023",
            "has no column quantile_values",
            scenarios(
                "select series, valid_at, lead_hours
            from past",
                past,
                "5",
            ),
        ),
        ("22023", "has no column actual", scenarios(NEXT, "select series, issued_at, lead_hours, yhat from past", "5")),
        ("22000", "returns no row", scenarios(&NEXT.replace("100", "999"), past, "5")),
        (
            "22023",
            "a series is listed twice",
            scenarios(
                "select * from past where day in (100, 100) union all
                                                         select * from past where day = 100",
                past,
                "5",
            ),
        ),
        ("22023", "a series is listed twice", scenarios(NEXT, "select * from past union all select * from past", "5")),
        (
            "22000",
            "has no quantiles, or other levels",
            scenarios(
                "select series, valid_at, lead_hours,
                quantile_values[:lead_hours % 2 + 2] as quantile_values, quantiles[:lead_hours % 2 + 2] as quantiles
                from past where day = 100",
                past,
                "5",
            ),
        ),
        (
            "22000",
            "no residual of series \"house 2\"",
            scenarios(
                NEXT,
                "select * from past
            where series <> 'house 2'",
                "5",
            ),
        ),
        ("22000", "no origin", scenarios("select * from past where day = 0", past, "5")),
        ("22023", "1 to 10000 scenarios", scenarios(NEXT, past, "0")),
        ("22023", "1 to 10000 scenarios", scenarios(NEXT, past, "10001")),
        ("22004", "scenarios", scenarios(NEXT, past, "null")),
        (
            "22023",
            "has no column actual",
            "select * from edf.score_scenarios(
            'select 1 as scenario, 2 as series, now() as valid_at, 3 as value')"
                .to_owned(),
        ),
        (
            "22000",
            "not all scenarios have the same steps",
            "select * from edf.score_scenarios(
            'select n as scenario, m as series, now() as valid_at, 3 as value, 2 as actual
             from generate_series(1, 3) as n, generate_series(1, 3) as m where n + m < 6')"
                .to_owned(),
        ),
        ("22023", "each scenario has one value", "select edf.energy_score('{1,2}', '{1,2,3}')".to_owned()),
    ];
    for (code, says, statement) in cases {
        let found = refusal(&mut analyst, &statement).await;
        assert!(found.code == code && found.message.contains(says), "{statement}: {found:?}");
        assert!(!found.hint.is_empty(), "{statement}: {found:?}");
    }
}
