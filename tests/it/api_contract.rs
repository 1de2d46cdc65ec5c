//! docs/api.md and docs/pipeline.md match the API: the examples run, and the reference equals the OpenAPI document,
//! which is valid.

use crate::jobs::issue_forecasts;
use edf_tests::{api_url, as_role, environment, token_of};
use reqwest::Client;
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Output, Stdio};

const SUPPLIER: &str = "supplier-of-the-contract";

pub fn root() -> String {
    std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs the tests") + "/.."
}

pub fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", root())).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The contents of the fenced blocks in a language.
fn blocks(markdown: &str, language: &str) -> Vec<String> {
    let fence = format!("\n```{language}\n");
    markdown.split(&fence).skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

/// Grants the supplier access to a building with forecasts and a score.
async fn served() {
    issue_forecasts().await;
    let mut postgres = as_role("postgres").await;
    sqlx::query(
        "insert into energy.building_access select $1, unnest(array['all-homes', 'homes-1-4']) on conflict do nothing",
    )
    .bind(SUPPLIER)
    .execute(&mut postgres)
    .await
    .unwrap();
}

/// Runs a program of the environment in docker/local/requirements.txt with this input.
pub fn python(program: &str, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(format!("{}/venv/bin/{program}", environment("EDF_CACHE")))
        .args(arguments)
        .envs([("API", api_url("").trim_end_matches('/')), ("TOKEN", &token_of(SUPPLIER, "supplier"))])
        // A directory where its leftovers do no harm.
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What Schemathesis found, first, and not how it set out: a log that is cut keeps its first lines.
fn findings(report: &str) -> &str {
    ["= FAILURES =", "= ERRORS ="]
        .iter()
        .filter_map(|title| report.find(title))
        .min()
        .map_or(report, |at| &report[at..])
}

async fn openapi() -> String {
    openapi_of(&token_of(SUPPLIER, "supplier")).await
}

/// The OpenAPI document that PostgREST returns for a token's role.
async fn openapi_of(token: &str) -> String {
    Client::new().get(api_url("")).bearer_auth(token).send().await.unwrap().text().await.unwrap()
}

/// The document without the header parameters of its operations. Schemathesis sends header bytes that are not UTF-8, to
/// which PostgREST responds with 500; the front rejects them, and random_requests sends others.
fn without_headers(document: &str) -> String {
    let mut document: Value = serde_json::from_str(document).unwrap();
    let shared = document["parameters"].clone();
    let mut removed = 0;
    for operation in document["paths"]
        .as_object_mut()
        .unwrap()
        .values_mut()
        .flat_map(|path| path.as_object_mut().unwrap().values_mut())
    {
        let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) else { continue };
        let before = parameters.len();
        parameters.retain(|parameter| {
            let name = parameter["$ref"].as_str().and_then(|path| path.rsplit('/').next());
            name.map_or(parameter, |name| &shared[name])["in"] != "header"
        });
        removed += before - parameters.len();
    }
    assert!(removed > 0, "the document has header parameters");
    document.to_string()
}

#[tokio::test]
async fn no_schemathesis_request_causes_a_server_error() {
    served().await;
    for role in ["supplier", "resident", "operator", "technician"] {
        let token = token_of(SUPPLIER, role);
        let document = std::env::temp_dir().join(format!("edf-openapi-{role}-{}.json", std::process::id()));
        std::fs::write(&document, without_headers(&openapi_of(&token).await)).unwrap();
        let (url, header) = (api_url(""), format!("Authorization: Bearer {token}"));
        let run = ["run", document.to_str().unwrap(), "--url", url.trim_end_matches('/'), "--header", &header];
        // GET requests only: other tests run at the same time.
        let asked = ["--include-method", "GET", "--phases", "coverage,fuzzing", "--max-examples", "20", "--seed", "1"];
        let judged = ["--checks", "not_a_server_error", "--request-timeout", "60", "--no-color"];
        let output = python("schemathesis", &[&run[..], &asked, &judged].concat(), "");
        std::fs::remove_file(&document).unwrap();
        let report = said(&output);
        assert!(output.status.success() && report.contains(" passed"), "{role}: {}", findings(&report));
    }
}

#[tokio::test]
async fn the_examples_of_the_pages_run() {
    served().await;
    let (page, overview) = (read("docs/api.md"), read("docs/pipeline.md"));
    let mut shells = blocks(&page, "sh");
    assert!(shells.len() >= 2);
    let about_the_api: Vec<String> =
        blocks(&overview, "sh").into_iter().filter(|block| block.contains("$API")).collect();
    assert!(!about_the_api.is_empty(), "docs/pipeline.md shows the API");
    shells.extend(about_the_api);
    for block in &shells {
        // Each command must succeed.
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", block])
            .envs([("API", api_url("").trim_end_matches('/')), ("TOKEN", &token_of(SUPPLIER, "supplier"))])
            .env("RESIDENT_TOKEN", token_of(SUPPLIER, "resident"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{block}\n{}", said(&output));
        // Nothing has been scored yet; CSV, images and discarded responses print no JSON.
        let asked = ["", "accuracy", "rpc/forecast_chart"].map(|path| block.matches(&format!("$API/{path}")).count());
        let asked = asked[0] - asked[1] - asked[2];
        let shown = asked - block.matches("text/csv").count() - block.matches("-o /dev/null").count();
        assert_eq!(said(&output).matches("[{").count(), shown, "{block}\n{}", said(&output));
    }
    let scripts = blocks(&page, "python");
    assert_eq!(scripts.len(), 1);
    let output = python("python", &["-"], &scripts[0]);
    assert!(output.status.success() && said(&output).contains("hours ahead"), "{}", said(&output));
}

#[tokio::test]
async fn the_reference_matches_the_api() {
    let output = python("python", &[&format!("{}/sql/api/describe.py", root())], &openapi().await);
    assert!(output.status.success(), "{}", said(&output));
    let written = String::from_utf8(output.stdout).unwrap();
    assert!(written == read("docs/api.md"), "generate it with sql/api/describe.py:\n{written}");
}

#[tokio::test]
async fn the_openapi_document_is_valid() {
    let output = python("openapi-spec-validator", &["--schema", "2.0", "-"], &openapi().await);
    assert!(output.status.success(), "{}", said(&output));
    // An invalid one is detected.
    let broken = openapi().await.replace("\"in\":\"query\"", "\"in\":\"nowhere\"");
    assert!(!python("openapi-spec-validator", &["--schema", "2.0", "-"], &broken).status.success());
}

#[tokio::test]
async fn each_path_and_column_has_a_description_and_an_example_that_runs() {
    served().await;
    let document: Value = serde_json::from_str(&openapi().await).unwrap();
    assert!(document["info"]["description"].as_str().unwrap().starts_with("Contract 1.0."), "{}", document["info"]);
    let paths = document["paths"].as_object().unwrap();
    let views: Vec<&str> =
        paths.keys().map(|path| &path[1..]).filter(|path| !path.is_empty() && !path.starts_with("rpc")).collect();
    let mut sorted = views.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["accuracy", "forecast_history", "forecasts", "portfolio_forecasts", "refresh_history"]);
    for view in views {
        let get = &paths[&format!("/{view}")]["get"];
        let description = get["description"].as_str().unwrap();
        let (_, example) = description.split_once("Example: `GET /").unwrap_or_else(|| panic!("{view}: {description}"));
        let url = api_url(example.trim_end_matches('`'));
        let answer = Client::new().get(&url).bearer_auth(token_of(SUPPLIER, "supplier")).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{url}");
        let rows: Vec<Value> = answer.json().await.unwrap();
        let columns = document["definitions"][view]["properties"].as_object().unwrap();
        for (column, about) in columns {
            let description =
                about["description"].as_str().unwrap_or_else(|| panic!("{view}.{column} has no description"));
            assert!(description.contains("Example: "), "{view}.{column}: {description}");
            let kind = about["type"].as_str().unwrap();
            for found in rows.iter().filter_map(|row| row.get(column)).filter(|found| !found.is_null()) {
                let fits = match kind {
                    "string" => found.is_string(),
                    "number" => found.is_number(),
                    "integer" => found.is_i64(),
                    "array" => found.is_array(),
                    _ => false,
                };
                assert!(fits, "{view}.{column} is documented as {kind}, but is {found}");
            }
        }
    }
}
