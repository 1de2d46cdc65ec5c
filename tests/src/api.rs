//! PostgREST and the tokens it takes.

use crate::environment;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::Value;

/// The address of `path` on the API.
pub fn api_url(path: &str) -> String {
    format!("{}/{path}", environment("EDF_TEST_API_URL").trim_end_matches('/'))
}

/// A token with these claims, signed as the API asks.
pub fn token(claims: &Value) -> String {
    let secret = EncodingKey::from_secret(environment("EDF_TEST_JWT_SECRET").as_bytes());
    encode(&Header::default(), claims, &secret).unwrap()
}
