//! A SIMULATED winter of eight flats through the real jobs: messages of tablets, hours, days, features, models, scores
//! and alerts, every other morning. Each kind of fault is raised once, resolved over HTTP, and not raised again.

use crate::storage::{run, texts};
use edf_tests::{Api, configure, connect, deployment};
use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::{query_as, query_scalar};

/// What a flat's hours are where nothing is wrong. Day 0 is 1 November 2016; days 66 to 68 are warm.
const USUAL: &str = "
    select setseed(0.3);
    create table public.winter as
    select flat, day, hour, hour_at, outdoor_c,
        case when outdoor_c < 16 then (0.7 + 0.1 * flat) * 0.025 * (18 - outdoor_c) * (0.85 + 0.3 * random())
            else 0 end as heat_kwh,
        case when hour between 6 and 22 then floor(12 * random()) else 0 end as water_l,
        round((21 + 0.3 * sin(hour / 3.8 + flat) + 0.3 * random())::numeric, 1)::double precision as living_c,
        round((21.2 + 0.4 * sin(hour / 3.8 + flat + 1) + 0.3 * random())::numeric, 1)::double precision as bath_c
    from generate_series(1, 8) as flat
    cross join generate_series('2016-10-31 23:00Z'::timestamptz, '2017-01-24 22:00Z', '1 hour') as hour_at
    cross join lateral (select hour_at at time zone 'Europe/Zurich' as local) as clocks
    cross join lateral (select local::date - '2016-11-01'::date as day,
        extract(hour from local)::integer as hour) as places
    cross join lateral (select case when day between 66 and 68 then 20 + 1.5 * sin((hour - 9) / 3.82)
        else 3 + 4 * sin(day / 5.0) + 3 * sin((hour - 9) / 3.82) end as outdoor_c) as weather;
    alter table public.winter add column heat_total double precision, add column water_total double precision;
    create index on public.winter (hour_at);
    grant select on public.winter to pipeline";

/// A fault: the detector that is about it, the flat (0: the building), its first and last day, and what it does to
/// hours.
type Fault = (&'static str, i32, i32, i32, &'static str);

const FAULTS: [Fault; 12] = [
    ("stuck_valve", 1, 45, 47, "living_c = living_c + 4.5, heat_kwh = 2 * heat_kwh + 0.3"),
    ("no_response", 2, 47, 49, "living_c = 17.4 + 0.1 * random(), heat_kwh = heat_kwh + 0.2"),
    ("no_heat", 3, 49, 51, "living_c = 17 + 0.2 * random(), bath_c = 17 + 0.2 * random(), heat_kwh = 0"),
    // Its bath has no setpoint.
    ("sensor_mismatch", 4, 51, 53, "bath_c = bath_c + 8"),
    ("silent_sensor", 5, 53, 56, "bath_c = null"),
    ("flat_sensor", 6, 55, 59, "bath_c = 21.3"),
    ("impossible_value", 7, 57, 57, "living_c = case when hour between 9 and 13 then 55 else living_c end"),
    ("hot_water_at_night", 8, 59, 61, "water_l = water_l + 4"),
    (
        "open_window",
        1,
        61,
        61,
        "bath_c = case when hour between 8 and 20 then 15.5 else bath_c end, heat_kwh = heat_kwh + 0.3",
    ),
    ("heat_in_summer", 2, 66, 68, "heat_kwh = 0.3"),
    ("cold_building", 0, 72, 73, "living_c = 17 + 0.2 * random(), bath_c = 17 + 0.2 * random(), heat_kwh = 0"),
    // No rule is about it: the wrong meter is wired to the flat, and rooms are as they should be.
    ("expected_energy", 3, 77, 80, "heat_kwh = 2.5 * heat_kwh"),
];

/// Lines of tablets from one time up to another, and the weather.
const SAID: &str = "
    with said as (
        select hour_at, flat, jsonb_build_object(
            'timestamp_str', to_char(hour_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), 'building_id',
                'winter',
            'apartment_id', 'flat-' || flat, 'readings', (
                select jsonb_agg(reading) from (values
                    (jsonb_build_object('sensor_type', 'heating_energy_kwh', 'value', round(heat_total::numeric, 2))),
                    (jsonb_build_object('sensor_type', 'hot_water_litres', 'value', water_total)),
                    (jsonb_build_object('sensor_type', 'room_temp_c', 'room_name', 'living', 'value', living_c)),
                    (jsonb_build_object('sensor_type', 'setpoint_temp_c', 'room_name', 'living', 'value', 21)),
                    (jsonb_build_object('sensor_type', 'room_temp_c', 'room_name', 'bath', 'value', bath_c)),
                    (case when flat <> 4 then
                        jsonb_build_object('sensor_type', 'setpoint_temp_c', 'room_name', 'bath', 'value', 21) end)
                ) as readings (reading)
                where reading ->> 'value' is not null))::text as message
        from public.winter
        where hour_at >= $1::text::timestamptz and hour_at < $2::text::timestamptz
    )

    insert into raw.meter_inbox (message, received_at) select message, $2::text::timestamptz from said
    order by hour_at, flat";

const WEATHER: &str = "
    insert into raw.weather_observations (weather_location_id, valid_at, received_at, temperature_c, ghi_w_m2)
    select distinct 'winter', hour_at, hour_at + interval '1 hour', outdoor_c, greatest(0, 250 * sin((hour - 6) / 3.82))
    from public.winter where hour_at >= $1::text::timestamptz and hour_at < $2::text::timestamptz";

/// The morning of a day.
fn morning(day: i32) -> String {
    let date: chrono::NaiveDate = "2016-11-01".parse().unwrap();
    format!("{} 05:00Z", date + chrono::TimeDelta::days(i64::from(day)))
}

/// What was said since the morning before is taken in, and the jobs of a morning run.
async fn wake(postgres: &mut PgConnection, pipeline: &mut PgConnection, since: i32, day: i32, jobs: &[&str]) {
    let (from, to) = (if since < 0 { "2016-10-31 23:00Z".to_owned() } else { morning(since) }, morning(day));
    run(pipeline, &format!("set energy.clock = '{to}'")).await;
    sqlx::query(SAID).bind(&from).bind(&to).execute(&mut *pipeline).await.unwrap();
    sqlx::query(WEATHER).bind(&from).bind(&to).execute(postgres).await.unwrap();
    for job in jobs {
        run(pipeline, &format!("call energy.run_job('{job}')")).await;
    }
}

const MORNING: [&str; 4] = ["ingest_inbox", "refresh_hours", "refresh_days", "score_anomalies"];

#[tokio::test]
async fn each_kind_of_fault_of_a_winter_is_raised_once_resolved_and_not_raised_again() {
    let (database, mut postgres) = deployment().await;
    let mut pipeline = connect("pipeline", &database.name).await;
    run(
        &mut postgres,
        "insert into raw.weather_locations values ('winter', 47, 8);
         insert into raw.buildings (building_id, name, time_zone, region, latitude, longitude, weather_location_id,
             archetype)
         values ('winter', 'Winter', 'Europe/Zurich', 'CH-ZH', 47, 8, 'winter', 'wintry');
         insert into raw.apartments (building_id, apartment_id) select 'winter', 'flat-' || n
         from generate_series(1, 8) as n;
         insert into energy.building_access values ('tina', 'winter')",
    )
    .await;
    run(&mut postgres, USUAL).await;
    for (_, flat, first, last, change) in FAULTS {
        let of =
            format!("update public.winter set {change} where {flat} in (flat, 0) and day between {first} and {last}");
        run(&mut postgres, &of).await;
    }
    run(
        &mut postgres,
        "update public.winter set heat_total = sums.heat, water_total = sums.water
         from (select flat as of_flat, hour_at as of_hour, 1000 + sum(heat_kwh) over by_flat - heat_kwh as heat,
             500 + sum(water_l) over by_flat - water_l as water
               from public.winter window by_flat as (partition by flat order by hour_at)) as sums
         where flat = of_flat and hour_at = of_hour",
    )
    .await;
    configure(&mut postgres, "governance,auto_approve_anomalies", r#"{"max_alarm_pct": 10}"#).await;
    configure(&mut postgres, "evaluation,gate,max_alarm_pct", "10").await;
    configure(&mut postgres, "anomalies,models", r#"{"test_days": 7}"#).await;
    // Of so few flats the budget would be an alert a month.
    configure(&mut postgres, "anomaly_alerts,budget", "100").await;
    configure(&mut postgres, "anomaly_alerts,min_threshold", "0.42").await;
    let api = Api::of(&database).await;

    // Five weeks that are usual, then models of the archetype, approved by the rule.
    wake(&mut postgres, &mut pipeline, -1, 20, &MORNING).await;
    wake(&mut postgres, &mut pipeline, 20, 36, &[&MORNING[..], &["train_anomaly_models"]].concat()).await;
    let models = "select subject || ' ' || status from edf.models order by 1";
    assert_eq!(
        texts(&mut postgres, models).await,
        [
            "expected_energy:archetype:wintry approved",
            "isolation_forest:archetype:wintry approved",
            "local_outlier_factor:archetype:wintry approved"
        ]
    );
    let open = "select alert_id from energy.anomaly_alerts
                where building_id = 'winter' and status = 'Unseen' and withdrawn_at is null";
    let mut since = 36;
    for day in (38..=84).step_by(2) {
        wake(&mut postgres, &mut pipeline, since, day, &MORNING).await;
        since = day;
        // What is raised is looked at in the same morning; many a fault goes on for a day or two.
        for alert in texts(&mut postgres, open).await {
            let body = json!({"alert_id": alert, "outcome": "true_positive", "note": "fixed"});
            let answer = api.post("rpc/resolve_anomaly_alert", "tina", "technician").json(&body).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
        }
    }
    let failed =
        "select concat_ws(' ', job_name, building_id, message) from energy.job_runs where status <> 'succeeded'";
    assert_eq!(texts(&mut postgres, failed).await, Vec::<String>::new());

    let alerts: Vec<(String, i32, Vec<String>, String)> = query_as(
        "select apartment_id, first_date - '2016-11-01'::date, detectors, status from energy.anomaly_alerts
         where building_id = 'winter' and withdrawn_at is null order by 2, 1",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    for (kind, flat, first, last, _) in FAULTS {
        let name = if flat == 0 { String::new() } else { format!("flat-{flat}") };
        let raised = alerts.iter().filter(|alert| alert.0 == name && (first..=last + 1).contains(&alert.1)).count();
        assert_eq!(raised, 1, "{kind} of {name} from day {first}: {alerts:#?}");
        let seen: bool = query_scalar(
            "select exists (select from energy.anomaly_scores
             where building_id = 'winter' and apartment_id = $1 and detector = $2 and is_alarm
               and local_date - '2016-11-01'::date between $3 and $4)",
        )
        .bind(&name)
        .bind(kind)
        .bind(first)
        .bind(last)
        .fetch_one(&mut postgres)
        .await
        .unwrap();
        assert!(seen, "{kind} of {name}: {alerts:#?}");
    }
    assert!(alerts.iter().all(|alert| alert.3 == "Resolved-True Positive"));
    // Beside them there is no alert.
    let others: Vec<_> = alerts
        .iter()
        .filter(|alert| {
            !FAULTS.iter().any(|(_, flat, first, last, _)| {
                let name = if *flat == 0 { String::new() } else { format!("flat-{flat}") };
                alert.0 == name && (*first..=*last + 1).contains(&alert.1)
            })
        })
        .collect();
    assert!(others.is_empty(), "{others:#?}");
}
