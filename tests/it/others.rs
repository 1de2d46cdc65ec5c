//! For a caller, another tenant's building is indistinguishable from one that does not exist.

use crate::storage::run;
use crate::street::street;
use edf_tests::{Api, assert_times_alike};
use serde_json::json;
use std::time::Instant;

/// `{b}` stands for the building. One that exists, and one that does not, of the same length.
const THERE: &str = "wide";
const NOT_THERE: &str = "wild";

const PATHS: [&str; 5] = ["forecasts", "forecast_history", "refresh_history", "portfolio_forecasts", "accuracy"];

const QUERIES: [&str; 46] = [
    "building_id=eq.{b}",
    "building_id=neq.{b}",
    "building_id=gt.{b}",
    "building_id=gte.{b}",
    "building_id=lt.{b}",
    "building_id=lte.{b}",
    "building_id=like.{b}",
    "building_id=like(any).{{b},x}",
    "building_id=ilike.*{b}*",
    "building_id=match.^{b}$",
    "building_id=imatch.{b}",
    "building_id=in.({b})",
    "building_id=in.(%22{b}%22,small-2)",
    "building_id=isdistinct.{b}",
    "building_id=fts.{b}",
    "building_id=plfts.{b}",
    "building_id=phfts(english).{b}",
    "building_id=wfts.{b}",
    "building_id=cs.{{b}}",
    "building_id=cd.{{b}}",
    "building_id=ov.{{b}}",
    "building_id=sl.{b}",
    "building_id=sr.{b}",
    "building_id=nxl.{b}",
    "building_id=nxr.{b}",
    "building_id=adj.{b}",
    "building_id=is.{b}",
    "building_id=eq(any).{{b}}",
    "building_id=eq(all).{{b}}",
    "building_id=not.eq.{b}",
    "building_id=not.in.({b})",
    "or=(building_id.eq.{b},demand_kwh.gt.0)",
    "not.or=(building_id.eq.{b})",
    "and=(building_id.eq.{b},or(building_id.eq.{b},valid_at.is.null))",
    "building_id=eq.{b}&order=demand_kwh.desc",
    "order={b}",
    "select={b}",
    "select=building_id::int&building_id=eq.{b}",
    "select=building_id::date&building_id=gte.{b}",
    "select=*,{b}(*)",
    "select=*,buildings!{b}(*)&buildings.building_id=eq.{b}",
    "select={b}:building_id",
    "building_id->>{b}=eq.1",
    "columns={b}",
    "limit={b}",
    "building_id=eq.{b}&limit=1&offset=1",
];

const HEADERS: [&[(&str, &str)]; 7] = [
    // PostgREST reads all of these headers, and passes the last one to api.check_token.
    &[("prefer", "count=planned"), ("prefer", "return=minimal")],
    &[("prefer", "count=estimated"), ("prefer", "return=minimal")],
    &[],
    &[("prefer", "count=exact")],
    &[("range", "0-5")],
    &[("accept", "text/csv")],
    &[("accept", "application/vnd.pgrst.object+json")],
];

/// Everything in a response, with the building's name removed.
async fn answer(api: &Api, path: &str, building: &str, who: (&str, &str), headers: &[(&str, &str)]) -> String {
    let mut request = api.get(&path.replace("{b}", building), who.0, who.1);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let told: Vec<_> =
        answer.headers().iter().filter(|(name, _)| *name != "date").map(|header| format!("{header:?}")).collect();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(!status.is_server_error(), "{who:?}: {path} {headers:?}: {status} {text}");
    format!("{status} {told:?} {text}").replace(building, "{b}")
}

#[tokio::test]
async fn a_building_of_others_looks_like_one_that_does_not_exist() {
    let (_database, api, mut postgres) = street().await;
    // Gives the planner statistics about the existing one and its number of rows.
    run(
        &mut postgres,
        "delete from energy.forecasts where building_id <> 'wide' and issued_at < '2026-03-12'; analyze",
    )
    .await;
    for who in [("hidden", "supplier"), ("hidden", "resident"), ("hidden", "gateway")] {
        for path in PATHS {
            for (n, query) in QUERIES.iter().enumerate() {
                let asked = format!("{path}?{query}");
                // Every request with the estimates, and with one of the other headers.
                for headers in [HEADERS[0], HEADERS[1], HEADERS[2 + n % (HEADERS.len() - 2)]] {
                    let one = answer(&api, &asked, THERE, who, headers).await;
                    assert_eq!(
                        one,
                        answer(&api, &asked, NOT_THERE, who, headers).await,
                        "{who:?}: {asked} {headers:?}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn function_arguments_reveal_no_more() {
    let (_database, api, _postgres) = street().await;
    let calls = [
        ("set_apartment_validity", json!({ "building_id": "{b}", "apartment_id": "flat-1" })),
        ("set_sensor_validity", json!({ "building_id": "{b}", "sensor_type": "electricity_kwh_total" })),
        ("continue_sensor", json!({ "building_id": "{b}", "sensor_type": "electricity_kwh_total" })),
        ("ingest_meter_messages", json!({ "messages": [{ "building_id": "{b}" }] })),
        ("check_token", json!({ "building_id": "{b}" })),
        ("my_building", json!({ "building_id": "{b}" })),
        ("energy_advice", json!({ "building_id": "{b}", "energy_kwh": 1, "duration_hours": 1 })),
        ("my_self_consumption", json!({ "building_id": "{b}", "period": "week" })),
        ("energy_plan", json!({ "building_id": "{b}" })),
        ("dashboard", json!({ "building_id": "{b}" })),
    ];
    for (function, body) in &calls {
        for who in [("hidden", "gateway"), ("hidden", "supplier"), ("hidden", "resident"), ("nobody", "resident")] {
            let mut told = Vec::new();
            for building in [THERE, NOT_THERE] {
                let body = body.to_string().replace("{b}", building);
                let request =
                    api.post(&format!("rpc/{function}"), who.0, who.1).header("content-type", "application/json");
                let answer = request.body(body).send().await.unwrap();
                let (status, text) = (answer.status(), answer.text().await.unwrap());
                assert!(!status.is_server_error(), "{who:?}: {function}: {status} {text}");
                told.push(format!("{status} {text}").replace(building, "{b}"));
            }
            assert_eq!(told[0], told[1], "{who:?}: {function}");
        }
    }
}

#[tokio::test]
async fn response_times_do_not_reveal_buildings_of_others() {
    let (_database, api, _postgres) = street().await;
    let body = |building: &str| json!({ "building_id": building, "apartment_id": "flat-1" });
    for (path, role) in [
        ("forecasts?building_id=eq.{b}", "supplier"),
        ("forecast_history?building_id=eq.{b}", "resident"),
        ("rpc/forecast_chart?building_id={b}", "supplier"),
        ("rpc/set_apartment_validity", "gateway"),
    ] {
        let mut took = [Vec::new(), Vec::new()];
        for n in 0..400 {
            // The order alternates.
            for at in [n % 2, 1 - n % 2] {
                let (building, took) = ([THERE, NOT_THERE][at], &mut took[at]);
                let path = path.replace("{b}", building);
                let request = match role {
                    "gateway" => api.post(&path, "hidden", role).json(&body(building)),
                    _ => api.get(&path, "hidden", role),
                };
                let asked = Instant::now();
                request.send().await.unwrap().bytes().await.unwrap();
                took.push(asked.elapsed());
            }
        }
        assert_times_alike(path, &took);
    }
}

/// No text from a caller becomes a response header, and no error shows a statement.
#[tokio::test]
async fn input_is_never_a_response_header_or_part_of_a_statement() {
    let (_database, api, mut postgres) = street().await;
    let functions: Vec<(String, Vec<String>, Vec<String>)> = sqlx::query_as(
        "select proname::text, coalesce(proargnames[1:pronargs], '{}'),
             array(select format_type(type, null) from unnest(proargtypes) as type)
         from pg_proc where pronamespace = 'api'::regnamespace and proname not in ('check_token', 'configure')",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    assert!(functions.len() >= 10, "{functions:?}");
    let injected = [
        "x\r\nX-Injected: 1\r\n\r\nboo",
        "x\nX-Injected: 1",
        "'; drop table energy.forecasts; --",
        "\u{0}",
        "\u{85}\u{2028}X-Injected: 1",
    ];
    for (name, arguments, types) in &functions {
        for text in injected {
            for role in ["supplier", "resident", "gateway", "operator", "technician"] {
                let value = |kind: &String| match kind.as_str() {
                    "text[]" => json!([text]),
                    "bigint" | "integer" | "double precision" => json!(1),
                    "boolean" => json!(true),
                    "json" => json!([{ "building_id": text }]),
                    _ => json!(text),
                };
                // Other arguments get valid values, so that the text is processed.
                let body: serde_json::Map<_, _> = arguments
                    .iter()
                    .zip(types)
                    .filter(|(_, kind)| !["timestamp with time zone", "interval"].contains(&kind.as_str()))
                    .map(|(argument, kind)| (argument.clone(), value(kind)))
                    .collect();
                let answer = api.post(&format!("rpc/{name}"), "hidden", role).json(&body).send().await.unwrap();
                let (status, headers) = (answer.status(), answer.headers().clone());
                let said = answer.text().await.unwrap();
                assert!(!status.is_server_error(), "{role}: {name} {body:?}: {status} {said}");
                assert!(headers.get("x-injected").is_none(), "{role}: {name} {body:?}: {headers:?}");
                for words in
                    ["pgrst_", "insert into", "pl/pgsql", "energy.take", "drop table energy.forecasts; --\" does not"]
                {
                    assert!(!said.to_lowercase().contains(words), "{role}: {name}: {said}");
                }
            }
        }
    }
    for header in ["prefer", "range", "accept", "if-none-match", "accept-profile", "x-forwarded-for", "cookie"] {
        for text in
            ["'; drop table energy.forecasts; --", "\"x", "count=exact, count=planned", "\u{e9}", &"x".repeat(5000)]
        {
            let value = reqwest::header::HeaderValue::from_bytes(text.as_bytes()).unwrap();
            let answer = api.get("forecasts", "hidden", "supplier").header(header, value).send().await.unwrap();
            assert!(!answer.status().is_server_error(), "{header}: {text}: {}", answer.status());
        }
    }
    let left: i64 = sqlx::query_scalar("select count(*) from energy.forecasts").fetch_one(&mut postgres).await.unwrap();
    assert!(left > 0);
}
