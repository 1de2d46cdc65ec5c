//! Each rule raises an alarm about what it is made for, and none about what only looks like it or is not known.

use crate::tower::{add_tower, alarms, fill, known, make_days, say, score, scored, set};
use edf_tests::as_role;
use serde_json::json;
use sqlx::{Connection, Executor, raw_sql};

/// Days that are scored.
const DAYS: (&str, &str) = ("2017-01-15", "2017-01-20");

/// The rules, of apartments and of buildings.
const RULES: [&str; 11] = [
    "cold_building",
    "flat_sensor",
    "heat_in_summer",
    "hot_water_at_night",
    "impossible_value",
    "no_heat",
    "no_response",
    "open_window",
    "sensor_mismatch",
    "silent_sensor",
    "stuck_valve",
];

fn alarm(flat: &str, date: &str, rule: &str) -> (String, String, String) {
    (flat.to_owned(), date.to_owned(), rule.to_owned())
}

#[tokio::test]
async fn usual_days_have_a_score_by_each_rule_and_no_alarm() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    score(&mut work, DAYS.0, DAYS.1).await;
    assert!(alarms(&mut work).await.is_empty());
    for rule in RULES {
        let flat = if rule == "cold_building" { "" } else { "f1" };
        let (is_alarm, score, ..) = known(&mut work, flat, "2017-01-18", rule).await;
        assert!(!is_alarm && score < 0.5, "{rule}: {score}");
    }
    // Today is not over.
    assert!(scored(&mut work, "f1", "2017-01-21", "stuck_valve").await.is_none());
}

#[tokio::test]
async fn a_valve_is_stuck_where_heat_flows_into_a_room_that_is_too_warm_for_long() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    say(&mut work, "f1", "living", "room_temperature", "2017-01-17 06:00", "2017-01-19", "25 + value - 20.8").await;
    // As warm, and nothing is heated: the sun, or neighbours.
    say(&mut work, "f2", "living", "room_temperature", "2017-01-17 06:00", "2017-01-19", "25 + value - 20.8").await;
    say(&mut work, "f2", "", "heating", "2017-01-16", "2017-01-20", "0").await;
    // Seventeen hours.
    say(&mut work, "f3", "bath", "room_temperature", "2017-01-17 06:00", "2017-01-17 23:00", "24").await;
    // A setpoint that is lowered for the night, over which the room cools slowly.
    say(&mut work, "f4", "%", "setpoint", "2017-01-17 22:00", "2017-01-18 05:00", "17").await;
    // As warm as it has been since the first day: its neighbours heat it.
    say(&mut work, "f5", "living", "room_temperature", "2017-01-08", "2017-01-21", "25 + value - 20.8").await;
    score(&mut work, DAYS.0, DAYS.1).await;
    assert_eq!(
        alarms(&mut work).await,
        [alarm("f1", "2017-01-17", "stuck_valve"), alarm("f1", "2017-01-18", "stuck_valve")]
    );
    let (_, first, hours, evidence) = known(&mut work, "f1", "2017-01-17", "stuck_valve").await;
    assert_eq!(hours, Some(18.0));
    assert_eq!(evidence["room"], "living");
    assert_eq!(evidence["setpoint_c"], 21.0);
    assert_eq!(evidence["heating_kwh"], 7.2);
    assert_eq!(evidence["since"], "2017-01-17 06:00");
    assert!((24.0..26.0).contains(&evidence["room_c"].as_f64().unwrap()), "{evidence}");
    // It grows while it lasts, and ends.
    let (_, second, hours, _) = known(&mut work, "f1", "2017-01-18", "stuck_valve").await;
    assert!(second > first && hours == Some(42.0), "{first} {second} {hours:?}");
    assert_eq!(known(&mut work, "f1", "2017-01-19", "stuck_valve").await, (false, 0.0, None, json!({})));
    let (_, shorter, hours, _) = known(&mut work, "f3", "2017-01-17", "stuck_valve").await;
    assert!((0.4..0.5).contains(&shorter) && hours == Some(17.0), "{shorter} {hours:?}");
    assert_eq!(known(&mut work, "f2", "2017-01-17", "stuck_valve").await.1, 0.0);
    assert_eq!(known(&mut work, "f4", "2017-01-18", "stuck_valve").await.1, 0.0);
    assert_eq!(known(&mut work, "f5", "2017-01-18", "stuck_valve").await.1, 0.0);
    // Where what is usual does not count, it is stuck.
    set(&mut work, "{anomalies,rules,stuck_valve,usual_days}", "0").await;
    score(&mut work, DAYS.0, DAYS.1).await;
    assert!(known(&mut work, "f5", "2017-01-18", "stuck_valve").await.0);
}

#[tokio::test]
async fn a_room_does_not_respond_where_it_is_heated_in_vain() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    say(&mut work, "f1", "bath", "room_temperature", "2017-01-17", "2017-01-18 12:00", "17.5 + (value - 21)").await;
    // It warms, if slowly.
    let warming = "17 + extract(epoch from hour_at - '2017-01-17 00:00 Europe/Zurich'::timestamptz) / 3600 * 0.15";
    say(&mut work, "f2", "bath", "room_temperature", "2017-01-17", "2017-01-17 20:00", warming).await;
    // Asked for only now and then: the room has had no time.
    let asked = "case when extract(hour from hour_at)::integer % 4 = 0 then 24 else 21 end";
    say(&mut work, "f3", "living", "setpoint", "2017-01-17", "2017-01-19", asked).await;
    score(&mut work, DAYS.0, DAYS.1).await;
    assert_eq!(
        alarms(&mut work).await,
        [alarm("f1", "2017-01-17", "no_response"), alarm("f1", "2017-01-18", "no_response")]
    );
    let (_, _, _, evidence) = known(&mut work, "f1", "2017-01-17", "no_response").await;
    assert_eq!((&evidence["room"], &evidence["setpoint_c"]), (&json!("bath"), &json!(21.0)), "{evidence}");
    // Its first hours were cold, too few to tell.
    assert!(known(&mut work, "f2", "2017-01-17", "no_response").await.1 < 0.5);
    assert_eq!(known(&mut work, "f3", "2017-01-17", "no_response").await.1, 0.0);
}

#[tokio::test]
async fn no_heat_arrives_where_a_room_stays_cold_in_winter() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    say(&mut work, "f1", "%", "room_temperature", "2017-01-17", "2017-01-18", "value - 4").await;
    say(&mut work, "f1", "", "heating", "2017-01-17", "2017-01-18", "0").await;
    // Nothing is asked for.
    say(&mut work, "f2", "%", "room_temperature", "2017-01-17", "2017-01-18", "value - 4").await;
    say(&mut work, "f2", "%", "setpoint", "2017-01-17", "2017-01-18", "16").await;
    say(&mut work, "f2", "", "heating", "2017-01-17", "2017-01-18", "0").await;
    score(&mut work, DAYS.0, DAYS.1).await;
    assert_eq!(alarms(&mut work).await, [alarm("f1", "2017-01-17", "no_heat")]);
    let (_, _, hours, evidence) = known(&mut work, "f1", "2017-01-17", "no_heat").await;
    // After the four hours that the room has to have been cold.
    assert_eq!(evidence["heating_kwh"], 0.0);
    assert!(hours.unwrap() >= 18.0 && evidence["outdoor_c"].as_f64().unwrap() < 12.0, "{hours:?} {evidence}");

    // As cold in the hours that count, but warm the day before: boilers rest.
    work.execute(raw_sql(
        "update raw.weather_observations set temperature_c = 22 where weather_location_id = 'a-test-hill'
           and valid_at >= '2017-01-16 00:00 Europe/Zurich' and valid_at < '2017-01-17 00:00 Europe/Zurich'",
    ))
    .await
    .unwrap();
    score(&mut work, DAYS.0, DAYS.1).await;
    let (_, _, fewer, _) = known(&mut work, "f1", "2017-01-17", "no_heat").await;
    assert!(fewer.unwrap() <= hours.unwrap() - 6.0, "{fewer:?} {hours:?}");

    // Whether it is winter is not known.
    work.execute("delete from raw.weather_observations where weather_location_id = 'a-test-hill'").await.unwrap();
    score(&mut work, DAYS.0, DAYS.1).await;
    assert!(scored(&mut work, "f1", "2017-01-17", "no_heat").await.is_none());
    assert!(alarms(&mut work).await.is_empty());
}

#[tokio::test]
async fn a_sensor_is_wrong_where_it_is_unlike_its_neighbours_and_the_other_rooms() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    say(&mut work, "f1", "bath", "room_temperature", "2017-01-16", "2017-01-18", "value + 7").await;
    // A flat that is kept cold, as it was asked.
    say(&mut work, "f2", "%", "room_temperature", "2017-01-16", "2017-01-18", "value - 8").await;
    say(&mut work, "f2", "%", "setpoint", "2017-01-16", "2017-01-18", "12").await;
    // One that is cold in all its rooms, and nobody says what was asked for.
    say(&mut work, "f3", "%", "room_temperature", "2017-01-16", "2017-01-18", "value - 8").await;
    say(&mut work, "f3", "%", "setpoint", "2017-01-08", "2017-01-21", "null").await;
    score(&mut work, DAYS.0, DAYS.1).await;
    let mismatches: Vec<_> = alarms(&mut work).await.into_iter().filter(|alarm| alarm.2 == "sensor_mismatch").collect();
    assert_eq!(
        mismatches,
        [alarm("f1", "2017-01-16", "sensor_mismatch"), alarm("f1", "2017-01-17", "sensor_mismatch")]
    );
    let (_, _, hours, evidence) = known(&mut work, "f1", "2017-01-16", "sensor_mismatch").await;
    assert_eq!((hours, &evidence["room"]), (Some(24.0), &json!("bath")), "{evidence}");
    assert!(
        evidence["neighbours_c"].as_f64().unwrap() < 22.0 && evidence["room_c"].as_f64().unwrap() > 27.0,
        "{evidence}"
    );
    assert_eq!(known(&mut work, "f2", "2017-01-16", "sensor_mismatch").await.1, 0.0);
}

#[tokio::test]
async fn where_all_neighbours_are_wrong_nothing_is_said_of_the_one_that_differs() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    for flat in ["f2", "f3", "f4", "f5"] {
        say(&mut work, flat, "%", "room_temperature", "2017-01-15", "2017-01-19", "value + 19").await;
    }
    score(&mut work, DAYS.0, DAYS.1).await;
    assert!(scored(&mut work, "f1", "2017-01-17", "sensor_mismatch").await.is_none());
    assert!(alarms(&mut work).await.iter().all(|alarm| alarm.0 != "f1"));

    // Nor with too few of them.
    work.execute(
        "delete from energy.measure_hours where building_id = 'a-test-tower' and apartment_id in ('f4', 'f5')",
    )
    .await
    .unwrap();
    work.execute("delete from energy.apartment_days where building_id = 'a-test-tower'").await.unwrap();
    score(&mut work, DAYS.0, DAYS.1).await;
    assert!(scored(&mut work, "f2", "2017-01-20", "sensor_mismatch").await.is_none());
    assert!(scored(&mut work, "f4", "2017-01-20", "silent_sensor").await.is_none());
}

#[tokio::test]
async fn a_sensor_is_silent_where_the_others_speak_and_a_flat_where_its_building_does() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    say(&mut work, "f1", "bath", "room_temperature", "2017-01-17", "2017-01-19 12:00", "null").await;
    // A gateway that lost its power.
    say(&mut work, "f2", "%", "%", "2017-01-16 12:00", "2017-01-21", "null").await;
    // Vacant: registers say nothing, rooms are still felt.
    say(&mut work, "f3", "", "h%", "2017-01-10", "2017-01-21", "null").await;
    // A room for twenty hours.
    say(&mut work, "f4", "bath", "room_temperature", "2017-01-17 04:00", "2017-01-18", "null").await;
    score(&mut work, DAYS.0, DAYS.1).await;
    let expected = [
        alarm("f1", "2017-01-17", "silent_sensor"),
        alarm("f1", "2017-01-18", "silent_sensor"),
        alarm("f2", "2017-01-18", "silent_sensor"),
        alarm("f2", "2017-01-19", "silent_sensor"),
        alarm("f2", "2017-01-20", "silent_sensor"),
    ];
    assert_eq!(alarms(&mut work).await, expected);
    let (_, _, hours, evidence) = known(&mut work, "f1", "2017-01-18", "silent_sensor").await;
    assert_eq!(hours, Some(48.0));
    let wanted = json!({"measures": "room_temperature", "room": "bath", "silent_sensors": 1,
        "rest_of_the_apartment": "heard", "since": "2017-01-17 00:00"});
    assert_eq!(evidence, wanted);
    assert_eq!(known(&mut work, "f1", "2017-01-19", "silent_sensor").await.1, 0.0);
    let (_, _, hours, evidence) = known(&mut work, "f2", "2017-01-18", "silent_sensor").await;
    assert_eq!((hours, &evidence["rest_of_the_apartment"]), (Some(60.0), &json!("silent too")));
    assert_eq!(known(&mut work, "f3", "2017-01-18", "silent_sensor").await.1, 0.0);
    // What is not known of a flat is not judged by another rule.
    assert!(scored(&mut work, "f2", "2017-01-18", "stuck_valve").await.is_none());

    // A building that is silent as a whole is another matter.
    say(&mut work, "%", "%", "%", "2017-01-14", "2017-01-21", "null").await;
    score(&mut work, DAYS.0, DAYS.1).await;
    assert!(alarms(&mut work).await.is_empty());
    assert!(scored(&mut work, "f2", "2017-01-18", "silent_sensor").await.is_none());
}

#[tokio::test]
async fn a_temperature_is_flat_where_the_rest_moves() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    say(&mut work, "f1", "bath", "room_temperature", "2017-01-17", "2017-01-20", "21.3").await;
    // Not for long enough.
    say(&mut work, "f2", "bath", "room_temperature", "2017-01-17", "2017-01-18 23:00", "21.3").await;
    // A drift in small steps moves after all.
    let drifting = "20 + extract(epoch from hour_at - '2017-01-17 00:00 Europe/Zurich'::timestamptz) / 3600 * 0.04";
    say(&mut work, "f3", "bath", "room_temperature", "2017-01-16", "2017-01-20", drifting).await;
    score(&mut work, DAYS.0, DAYS.1).await;
    assert_eq!(
        alarms(&mut work).await,
        [alarm("f1", "2017-01-18", "flat_sensor"), alarm("f1", "2017-01-19", "flat_sensor")]
    );
    let (_, _, hours, evidence) = known(&mut work, "f1", "2017-01-18", "flat_sensor").await;
    assert_eq!((hours, &evidence["room_c"], &evidence["room"]), (Some(48.0), &json!(21.3), &json!("bath")));

    // Where nothing else moves either, all may be as constant as they say.
    say(&mut work, "f1", "%", "room_temperature", "2017-01-08", "2017-01-21", "21.3").await;
    say(&mut work, "f1", "", "heating", "2017-01-08", "2017-01-21", "0").await;
    work.execute("update raw.weather_observations set temperature_c = 5 where weather_location_id = 'a-test-hill'")
        .await
        .unwrap();
    score(&mut work, DAYS.0, DAYS.1).await;
    assert!(alarms(&mut work).await.is_empty());
    assert_eq!(known(&mut work, "f1", "2017-01-18", "flat_sensor").await.1, 0.0);
}

#[tokio::test]
async fn a_value_that_no_flat_has_is_impossible() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    say(&mut work, "f1", "bath", "room_temperature", "2017-01-17 10:00", "2017-01-17 11:00", "70").await;
    say(&mut work, "f2", "", "heating", "2017-01-17 10:00", "2017-01-17 12:00", "80").await;
    say(&mut work, "f3", "", "hot_water", "2017-01-17 10:00", "2017-01-17 11:00", "900").await;
    // Hot and plenty, and possible.
    say(&mut work, "f4", "bath", "room_temperature", "2017-01-17 10:00", "2017-01-17 11:00", "44").await;
    say(&mut work, "f4", "", "hot_water", "2017-01-17 10:00", "2017-01-17 11:00", "300").await;
    score(&mut work, DAYS.0, DAYS.1).await;
    let impossible: Vec<_> =
        alarms(&mut work).await.into_iter().filter(|alarm| alarm.2 == "impossible_value").collect();
    assert_eq!(impossible, ["f1", "f2", "f3"].map(|flat| alarm(flat, "2017-01-17", "impossible_value")));
    let (_, _, hours, evidence) = known(&mut work, "f2", "2017-01-17", "impossible_value").await;
    assert_eq!(hours, Some(2.0));
    let wanted = json!({
        "measures": "heating", "value": 80.0, "allowed": "up to 30 kWh in an hour", "since": "2017-01-17 10:00",
    });
    assert_eq!(evidence, wanted);
}

#[tokio::test]
async fn hot_water_leaks_where_it_flows_all_night_and_the_night_was_measured() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    say(&mut work, "f1", "", "hot_water", "2017-01-16", "2017-01-19", "value + 3").await;
    // One night only: somebody had a bath, and another one.
    say(&mut work, "f2", "", "hot_water", "2017-01-17", "2017-01-17 06:00", "4").await;
    // An hour without.
    say(
        &mut work,
        "f3",
        "",
        "hot_water",
        "2017-01-16",
        "2017-01-19",
        "case extract(hour from hour_at) when 2 then 0 else 4 end",
    )
    .await;
    // A gap that was filled evenly says nothing of a night.
    say(&mut work, "f4", "", "hot_water", "2017-01-16", "2017-01-19", "4").await;
    work.execute(
        "update energy.measure_hours set quality = 'interpolated'
         where building_id = 'a-test-tower' and apartment_id = 'f4' and measures = 'hot_water'
             and hour_at between '2017-01-16' and '2017-01-19'",
    )
    .await
    .unwrap();
    score(&mut work, DAYS.0, DAYS.1).await;
    let expected = ["2017-01-17", "2017-01-18"].map(|date| alarm("f1", date, "hot_water_at_night"));
    assert_eq!(alarms(&mut work).await, expected);
    let (_, _, hours, evidence) = known(&mut work, "f1", "2017-01-17", "hot_water_at_night").await;
    assert_eq!(hours, Some(8.0));
    assert_eq!(evidence["nights"], 2);
    assert_eq!(evidence["since"], "2017-01-16");
    assert_eq!(evidence["litres_each_hour_of_the_night"], 3.0);
    assert_eq!(known(&mut work, "f3", "2017-01-17", "hot_water_at_night").await.1, 0.0);
    assert!(scored(&mut work, "f4", "2017-01-17", "hot_water_at_night").await.is_none());
}

#[tokio::test]
async fn a_window_is_open_where_a_room_fell_sharply_and_is_heated_against_it() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    say(&mut work, "f1", "living", "room_temperature", "2017-01-17 09:00", "2017-01-17 16:00", "16").await;
    // A long airing.
    say(&mut work, "f2", "living", "room_temperature", "2017-01-17 09:00", "2017-01-17 14:00", "17").await;
    // A valve that was turned down, in an open flat.
    say(&mut work, "f3", "living", "room_temperature", "2017-01-17 09:00", "2017-01-17 16:00", "17").await;
    say(&mut work, "f3", "living", "setpoint", "2017-01-17 09:00", "2017-01-17 16:00", "15").await;
    // Open, and nothing is heated.
    say(&mut work, "f4", "living", "room_temperature", "2017-01-17 09:00", "2017-01-17 16:00", "16").await;
    say(&mut work, "f4", "", "heating", "2017-01-17 05:00", "2017-01-17 16:00", "0").await;
    score(&mut work, DAYS.0, DAYS.1).await;
    let open: Vec<_> = alarms(&mut work).await.into_iter().filter(|alarm| alarm.2 == "open_window").collect();
    assert_eq!(open, [alarm("f1", "2017-01-17", "open_window")]);
    let (_, _, hours, evidence) = known(&mut work, "f1", "2017-01-17", "open_window").await;
    assert_eq!((hours, &evidence["room"], &evidence["room_c"]), (Some(7.0), &json!("living"), &json!(16.0)));
    assert_eq!(evidence["heating_kwh"], 2.8);
    assert!(evidence["fall_c_per_h"].as_f64().unwrap() > 3.0, "{evidence}");
}

#[tokio::test]
async fn heat_in_summer_is_that_of_warm_days_which_are_known() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    work.execute(raw_sql(
        "update raw.weather_observations set temperature_c = temperature_c + 20
         where weather_location_id = 'a-test-hill' and valid_at >= '2017-01-16 00:00 Europe/Zurich'
             and valid_at < '2017-01-20 00:00 Europe/Zurich';
         delete from raw.weather_observations
         where weather_location_id = 'a-test-hill' and valid_at >= '2017-01-19 00:00 Europe/Zurich'
             and valid_at < '2017-01-19 20:00 Europe/Zurich'",
    ))
    .await
    .unwrap();
    say(&mut work, "f2", "", "heating", "2017-01-16", "2017-01-20", "0").await;
    score(&mut work, DAYS.0, DAYS.1).await;
    let warm: Vec<_> = alarms(&mut work)
        .await
        .into_iter()
        .filter(|alarm| alarm.2 == "heat_in_summer" && alarm.0.as_str() < "f3")
        .collect();
    assert_eq!(warm, ["2017-01-17", "2017-01-18"].map(|date| alarm("f1", date, "heat_in_summer")));
    let (_, _, hours, evidence) = known(&mut work, "f1", "2017-01-17", "heat_in_summer").await;
    assert_eq!((hours, &evidence["days"], &evidence["heating_kwh"]), (Some(48.0), &json!(2), &json!(9.6)));
    assert!(scored(&mut work, "f1", "2017-01-19", "heat_in_summer").await.is_none());
}

#[tokio::test]
async fn a_building_is_cold_where_most_of_its_flats_are() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    for flat in ["f1", "f2", "f3"] {
        say(&mut work, flat, "%", "room_temperature", "2017-01-17 03:00", "2017-01-17 15:00", "value - 4").await;
    }
    for flat in ["f1", "f2"] {
        say(&mut work, flat, "%", "room_temperature", "2017-01-19 03:00", "2017-01-19 15:00", "value - 4").await;
    }
    score(&mut work, DAYS.0, DAYS.1).await;
    let of_building: Vec<_> = alarms(&mut work).await.into_iter().filter(|alarm| alarm.2 == "cold_building").collect();
    assert_eq!(of_building, [alarm("", "2017-01-17", "cold_building")]);
    let (_, _, hours, evidence) = known(&mut work, "", "2017-01-17", "cold_building").await;
    assert_eq!((hours, &evidence["cold_apartments"], &evidence["apartments"]), (Some(12.0), &json!(3), &json!(5)));
}

#[tokio::test]
async fn a_day_whose_clocks_change_has_the_hours_that_it_has() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    work.execute(raw_sql(
        "set local energy.clock = '2016-10-31 12:00Z';
         insert into raw.weather_observations (weather_location_id, valid_at, received_at, temperature_c)
         select 'a-test-hill', hour_at, hour_at, 5
         from generate_series('2016-03-20 00:00Z'::timestamptz, '2016-10-31', '1 hour') as hour_at",
    ))
    .await
    .unwrap();
    for (first, change, end, hours) in [
        ("2016-03-24 23:00Z", "2016-03-27", "2016-03-28 12:00Z", 23.0),
        ("2016-10-27 22:00Z", "2016-10-30", "2016-10-31 11:00Z", 25.0),
    ] {
        fill(&mut work, first, end).await;
        let next = if hours < 24.0 { "2016-03-28" } else { "2016-10-31" };
        say(&mut work, "f1", "living", "room_temperature", change, next, "25 + value - 20.8").await;
        let night_before = if hours < 24.0 { "2016-03-26" } else { "2016-10-29" };
        say(&mut work, "f2", "", "hot_water", night_before, next, "value + 3").await;
        score(&mut work, night_before, change).await;
        assert_eq!(known(&mut work, "f1", change, "stuck_valve").await.2, Some(hours));
        assert_eq!(known(&mut work, "f2", change, "hot_water_at_night").await.2, Some(8.0));
        assert_eq!(known(&mut work, "f3", change, "hot_water_at_night").await.1, 0.0);
        assert_eq!(known(&mut work, "f4", change, "flat_sensor").await.1, 0.0);
    }
}

#[tokio::test]
async fn what_an_apartment_has_no_sensor_of_is_not_judged() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    let statement = "
        -- One room and no setpoint; no room at all; no heat; nothing but ten hours of each day.
        delete from energy.measure_hours
        where building_id = 'a-test-tower' and apartment_id = 'f1' and (room_name = 'bath' or measures = 'setpoint');
        delete from energy.measure_hours where building_id = 'a-test-tower' and apartment_id = 'f2' and room_name <> '';
        delete from energy.measure_hours
        where building_id = 'a-test-tower' and apartment_id = 'f3' and measures = 'heating';
        delete from energy.measure_hours
        where building_id = 'a-test-tower' and apartment_id = 'f4'
            and extract(hour from hour_at at time zone 'Europe/Zurich') >= 10;
        -- A year of gaps.
        delete from energy.measure_hours where building_id = 'a-test-tower' and apartment_id = 'f5'";
    work.execute(raw_sql(statement)).await.unwrap();
    // What is known of it looks bad.
    say(&mut work, "f4", "%", "room_temperature", "2017-01-14", "2017-01-21", "27").await;
    say(&mut work, "f4", "", "h%", "2017-01-14", "2017-01-21", "9").await;
    score(&mut work, DAYS.0, DAYS.1).await;
    let rules: Vec<(String, Vec<String>)> = sqlx::query_as(
        "select apartment_id, array_agg(detector order by detector) from energy.anomaly_scores
         where building_id = 'a-test-tower' and local_date = '2017-01-18' group by 1 order by 1",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    let owned =
        |flat: &str, rules: &[&str]| (flat.to_owned(), rules.iter().map(|rule| (*rule).to_owned()).collect::<Vec<_>>());
    let expected = [
        owned(
            "f1",
            &[
                "flat_sensor",
                "heat_in_summer",
                "hot_water_at_night",
                "impossible_value",
                "open_window",
                "silent_sensor",
            ],
        ),
        owned("f2", &["heat_in_summer", "hot_water_at_night", "impossible_value"]),
        owned("f3", &["flat_sensor", "hot_water_at_night", "impossible_value", "silent_sensor"]),
        owned("f4", &["hot_water_at_night", "impossible_value", "silent_sensor"]),
    ];
    assert_eq!(rules, expected);
    // All of the night was measured.
    assert!(alarms(&mut work).await.iter().all(|alarm| alarm.0 == "f4" && alarm.2 == "hot_water_at_night"));
}

#[tokio::test]
async fn thresholds_and_durations_are_those_of_the_configuration() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    say(&mut work, "f3", "bath", "room_temperature", "2017-01-17 04:00", "2017-01-17 14:00", "24.5").await;
    score(&mut work, DAYS.0, DAYS.1).await;
    assert!(alarms(&mut work).await.is_empty());
    set(&mut work, "{anomalies,rules,stuck_valve}", r#"{"hours": 8}"#).await;
    score(&mut work, DAYS.0, DAYS.1).await;
    assert_eq!(alarms(&mut work).await, [alarm("f3", "2017-01-17", "stuck_valve")]);
    set(&mut work, "{anomalies,rules,stuck_valve}", r#"{"hours": 8, "over_c": 4}"#).await;
    score(&mut work, DAYS.0, DAYS.1).await;
    assert!(alarms(&mut work).await.is_empty());
    // One that is off has no scores.
    set(&mut work, "{anomalies,rules,stuck_valve}", r#"{"enabled": false}"#).await;
    score(&mut work, DAYS.0, DAYS.1).await;
    assert!(scored(&mut work, "f3", "2017-01-17", "stuck_valve").await.is_none());
    // A configuration of before there were rules means the defaults.
    work.execute("insert into energy.configs (config, checksum) select energy.current_config() - 'anomalies', ''")
        .await
        .unwrap();
    make_days(&mut work).await;
    score(&mut work, DAYS.0, DAYS.1).await;
    let (is_alarm, score, hours, _) = known(&mut work, "f3", "2017-01-17", "stuck_valve").await;
    assert!(!is_alarm && score > 0.3 && hours == Some(10.0), "{is_alarm} {score} {hours:?}");
}
