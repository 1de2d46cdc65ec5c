//! The calendar of a building's days: manual entries, the local day they apply to, and permissions.
//!
//! Everything is rolled back.

use edf_tests::{as_role, refusal};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query_as, query_scalar, raw_sql};

const BUILDING: &str = "homes-1-4";

/// Makes building `name` in `time_zone` with demand for the hours from `first` to `last`.
async fn add_building(
    connection: &mut PgConnection,
    name: &str,
    time_zone: &str,
    region: &str,
    first: &str,
    last: &str,
) {
    let building = format!(
        "insert into raw.buildings
         select '{name}', '{name}', '{time_zone}', '{region}', latitude, longitude, weather_location_id
         from raw.buildings where building_id = '{BUILDING}';
         insert into energy.building_hours
         select '{name}', hour_at, 1, null, 1, 1, 1, 'measured', hour_at + interval '1 hour'
         from generate_series('{first}'::timestamptz, '{last}', '1 hour') as hour_at"
    );
    connection.execute(raw_sql(AssertSqlSafe(building))).await.unwrap();
}

/// The hours, in UTC, returned by `sql`.
async fn hours(connection: &mut PgConnection, sql: &'static str) -> Vec<String> {
    query_scalar(sql).fetch_all(connection).await.unwrap()
}

#[tokio::test]
async fn holidays_school_holidays_and_events_entered_by_the_analyst_apply_to_their_days() {
    let mut analyst = as_role("analyst").await;
    let mut work = analyst.begin().await.unwrap();
    // The 26th is a Wednesday.
    work.execute(raw_sql(
        "insert into raw.holidays values ('US-CA', '2017-07-27', 'Made-up Day');
         insert into raw.school_holidays values ('US-CA', '2017-07-25', '2017-07-26', 'Made-up holidays');
         insert into raw.calendar_events (region, first_date, last_date, name, kind)
         values ('US-CA', '2017-07-26', '2017-07-26', 'Fair', 'market');
         insert into raw.calendar_events (building_id, first_date, last_date, name, kind)
         values ('homes-1-4', '2017-07-28', '2017-07-28', 'Works', 'closure')",
    ))
    .await
    .unwrap();
    let days: Vec<String> = query_scalar(
        "select concat_ws(' ', to_char(valid_at at time zone 'Etc/GMT+8', 'DD'), holiday_name,
                 case when is_school_holiday then 'school' end, case when is_event then 'event' end,
                 case when is_day_before_holiday then 'before' end, case when is_day_after_holiday then 'after' end,
                 case when is_bridge_day then 'bridge' end, days_until_next_holiday, days_since_last_holiday)
             from features.fct_training_samples
             where building_id = $1 and valid_at >= '2017-07-25 08:00Z' and valid_at < '2017-07-29 08:00Z'
             group by 1 order by 1",
    )
    .bind(BUILDING)
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(
        days,
        [
            "25 school 2 14",
            "26 school event before 1 14",
            "27 Made-up Day 0 0",
            // A building's event does not apply to others; the next holiday is Labor Day.
            "28 event after bridge 14 1",
        ]
    );
    let elsewhere: i64 = query_scalar(
        "select count(*) from features.fct_training_samples
         where building_id = 'homes-5-8' and is_event and valid_at >= '2017-07-28 08:00Z'",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(elsewhere, 0);
}

#[tokio::test]
async fn an_analyst_renames_a_public_holiday_of_the_seed() {
    let mut analyst = as_role("analyst").await;
    let mut work = analyst.begin().await.unwrap();
    let names = "select distinct holiday_name from features.fct_training_samples
                 where building_id = 'homes-1-4' and holiday_name is not null
                     and valid_at between '2017-07-01' and '2017-07-10'";
    assert_eq!(hours(&mut work, names).await, ["Independence Day"]);
    work.execute("insert into raw.holidays values ('US-CA', '2017-07-04', 'The Fourth')").await.unwrap();
    assert_eq!(hours(&mut work, names).await, ["The Fourth"]);
    work.execute("delete from raw.holidays where name = 'The Fourth'").await.unwrap();
    assert_eq!(hours(&mut work, names).await, ["Independence Day"]);
}

#[tokio::test]
async fn a_holiday_lasts_from_midnight_to_midnight_of_the_building() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_building(&mut work, "auckland", "Pacific/Auckland", "NZ-TEST", "2017-07-18", "2017-07-22").await;
    add_building(&mut work, "greenwich", "UTC", "NZ-TEST", "2017-07-18", "2017-07-22").await;
    work.execute("set local role analyst").await.unwrap();
    work.execute("insert into raw.holidays values ('NZ-TEST', '2017-07-20', 'a test')").await.unwrap();

    let spans: Vec<(String, String, String, i64)> = query_as(
        "select building_id, to_char(min(valid_at), 'DD HH24'), to_char(max(valid_at), 'DD HH24'),
             count(distinct valid_at)
         from features.fct_training_samples where is_holiday and building_id in ('auckland', 'greenwich')
         group by 1 order by 1",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    let span = |building: &str, first: &str, last: &str| (building.to_owned(), first.to_owned(), last.to_owned(), 24);
    assert_eq!(spans, [span("auckland", "19 12", "20 11"), span("greenwich", "20 00", "20 23")]);
}

#[tokio::test]
async fn days_of_23_and_25_hours_have_one_calendar() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_building(&mut work, "zurich", "Europe/Zurich", "CH-ZH", "2026-03-01", "2026-11-01").await;
    work.execute("set local role analyst").await.unwrap();
    let days: Vec<(String, i64, i64, bool)> = query_as(
        "select to_char(valid_at at time zone 'Europe/Zurich', 'MM-DD') as day, count(*),
             count(distinct (is_holiday, days_until_next_holiday, days_since_last_holiday, is_bridge_day,
                 is_school_holiday)),
             bool_and(is_school_holiday)
         from features.fct_training_samples where building_id = 'zurich'
         group by 1 having count(*) <> 24 and min(valid_at) > '2026-03-01' and max(valid_at) < '2026-11-01' order by 1",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(days, [("03-29".to_owned(), 23, 1, false), ("10-25".to_owned(), 25, 1, false)]);

    let special = hours(
        &mut work,
        "select distinct to_char(valid_at at time zone 'Europe/Zurich', 'MM-DD') from features.fct_training_samples
         where building_id = 'zurich' and is_bridge_day order by 1",
    )
    .await;
    assert_eq!(special, ["05-15"], "the Friday after Ascension");
}

#[tokio::test]
async fn training_and_forecast_read_the_same_calendar_of_the_same_hour() {
    let mut analyst = as_role("analyst").await;
    let mut work = analyst.begin().await.unwrap();
    work.execute("insert into raw.holidays values ('US-CA', '2017-07-27', 'a test')").await.unwrap();
    let (training, forecast): (String, String) = query_as(
        "select energy.training_query($1, energy.clock()), energy.forecast_query($1, '2017-07-27 05:00Z', '48 hours')",
    )
    .bind(BUILDING)
    .fetch_one(&mut *work)
    .await
    .unwrap();
    // Everything else that a model reads besides demand and weather: its names and its values.
    let same = format!(
        "with training as ({training}), forecast as ({forecast}),
         calendars as (
             select to_jsonb(training) - names as trained, to_jsonb(forecast) - names as given
             from training join forecast using (valid_at),
                 (values (array['consumption_kwh', 'received_at', 'temperature_c', 'ghi_w_m2'])) as weather (names)
         )
         select count(*), count(*) filter (where trained is distinct from given),
             count(*) filter (where given ->> 'is_holiday' = 'true')
         from calendars"
    );
    let (hours, different, holidays): (i64, i64, i64) =
        query_as(AssertSqlSafe(same)).fetch_one(&mut *work).await.unwrap();
    assert_eq!((hours, different, holidays), ((60 + 2) * 24, 0, 24 * 3), "Memorial Day, Independence Day and the test");

    let names = "select (edf.series_of($1)).regressor_names";
    let trained: Vec<String> = query_scalar(names).bind(&training).fetch_one(&mut *work).await.unwrap();
    let given: Vec<String> = query_scalar(names).bind(&forecast).fetch_one(&mut *work).await.unwrap();
    assert_eq!(trained, given);
}

#[tokio::test]
async fn invalid_calendar_entries_are_rejected() {
    let mut analyst = as_role("analyst").await;
    let event = |values: &str| {
        format!(
            "insert into raw.calendar_events (region, building_id, first_date, last_date, name, kind) values ({values})"
        )
    };
    for (code, statement) in [
        (
            "23514",
            "insert into raw.school_holidays values ('CH-ZH', '2030-02-02', '2030-02-01', 'backwards')".to_owned(),
        ),
        (
            "23514",
            "insert into raw.school_holidays values ('CH-ZH', '2030-02-02', '2300-02-01', 'a mistyped year')"
                .to_owned(),
        ),
        ("23514", "insert into raw.school_holidays values ('CH-ZH', '2030-02-02', '2030-02-03', ' ')".to_owned()),
        ("23514", event("'CH-ZH', null, '2030-02-02', '2030-02-01', 'backwards', 'market'")),
        ("23514", event("'CH-ZH', 'homes-1-4', '2030-02-01', '2030-02-01', 'of both', 'market'")),
        ("23514", event("null, null, '2030-02-01', '2030-02-01', 'of none', 'market'")),
        ("23514", event("'CH-ZH', null, '2030-02-01', '2030-02-01', 'its kind is a sentence', 'A market, I guess'")),
        ("23503", event("null, 'homes-of-nobody', '2030-02-01', '2030-02-01', 'of nobody', 'market'")),
        (
            "23505",
            event(
                "'CH-ZH', null, '2030-02-01', '2030-02-01', 'a', 'market'),
                 ('CH-ZH', null, '2030-02-01', '2030-02-02', 'a', 'market'",
            ),
        ),
    ] {
        assert_eq!(refusal(&mut analyst, &statement).await.code, code, "{statement}");
    }
}

#[tokio::test]
async fn only_an_analyst_may_write_the_calendar() {
    let mut analyst = as_role("analyst").await;
    let mut work = analyst.begin().await.unwrap();
    work.execute(raw_sql(
        "insert into raw.school_holidays values ('CH-ZH', '2030-02-01', '2030-02-02', 'a test');
         update raw.school_holidays set last_date = '2030-02-03';
         delete from raw.school_holidays;
         insert into raw.calendar_events (region, first_date, last_date, name, kind)
         values ('CH-ZH', '2030-02-01', '2030-02-02', 'a test', 'market');
         update raw.calendar_events set name = 'another test';
         delete from raw.calendar_events;
         select * from processed.public_holidays, processed.published_school_holidays limit 1",
    ))
    .await
    .unwrap();
    drop(work);

    let mut pipeline = as_role("pipeline").await;
    pipeline.execute("select * from processed.int_calendar_days limit 1").await.unwrap();
    for table in ["raw.holidays", "raw.school_holidays", "raw.calendar_events", "processed.public_holidays"] {
        let statement = format!("delete from {table}");
        assert_eq!(refusal(&mut pipeline, &statement).await.code, "42501", "{statement}");
    }
    let mut supplier = as_role("postgres").await;
    supplier.execute("set role supplier").await.unwrap();
    for relation in
        ["raw.holidays", "raw.calendar_events", "processed.int_calendar_days", "features.fct_training_samples"]
    {
        let statement = format!("select * from {relation}");
        assert_eq!(refusal(&mut supplier, &statement).await.code, "42501", "{statement}");
    }
}
