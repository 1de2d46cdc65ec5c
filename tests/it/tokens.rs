//! Which tokens are accepted: signed with a key in the database, for this API, with a short lifetime, for one of its
//! roles.

use crate::storage::{deployed, run, texts};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use edf_tests::{Api, Throwaway, configure, environment, refusals, token};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{query_scalar, raw_sql};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A key as created by openssl, and its public part.
pub struct Key {
    kid: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
    pub jwk: Value,
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}");
    output.stdout
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Key {
    fn rsa(kid: &'static str, bits: usize) -> Self {
        let pem = openssl(&["genrsa", "-traditional", &bits.to_string()], b"");
        let der = openssl(&["rsa", "-traditional", "-outform", "DER"], &pem);
        let modulus = String::from_utf8(openssl(&["rsa", "-noout", "-modulus"], &pem)).unwrap();
        let hex = modulus.trim().trim_start_matches("Modulus=").to_owned();
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        let jwk = json!({ "kty": "RSA", "kid": kid, "use": "sig", "n": base64url(bytes), "e": "AQAB" });
        Self { kid, algorithm: Algorithm::RS256, key: EncodingKey::from_rsa_der(&der), jwk }
    }

    fn ec(kid: &'static str) -> Self {
        let pem = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], b"");
        let der = openssl(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], &pem);
        let public = openssl(&["pkey", "-pubout", "-outform", "DER"], &pem);
        // The point is at the end: x, then y.
        let (x, y) = public[public.len() - 64..].split_at(32);
        let jwk =
            json!({ "kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256", "x": base64url(x), "y": base64url(y) });
        Self { kid, algorithm: Algorithm::ES256, key: EncodingKey::from_ec_der(&der), jwk }
    }

    /// The secret that signs the tests' tokens.
    pub fn shared() -> Self {
        let secret = environment("EDF_TEST_JWT_SECRET");
        let jwk = json!({ "kty": "oct", "kid": "shared", "k": base64url(&secret) });
        Self { kid: "shared", algorithm: Algorithm::HS256, key: EncodingKey::from_secret(secret.as_bytes()), jwk }
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.kid.to_owned()), ..Header::new(self.algorithm) };
        encode(&header, claims, &self.key).unwrap()
    }
}

fn claims() -> Value {
    json!({ "sub": "a supplier", "role": "supplier", "aud": "edf-api", "exp": Utc::now().timestamp() + 3600 })
}

/// [`claims`] with one claim replaced or removed.
fn claims_but(name: &str, value: Value) -> Value {
    let mut claims = claims();
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value;
    }
    claims
}

/// Status and body of a read with a token.
pub async fn read(api: &Api, token: &str) -> (u16, String) {
    let answer = reqwest::Client::new().get(api.url("forecasts")).bearer_auth(token).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Waits until a token is accepted or rejected: PostgREST is notified of changes asynchronously.
pub async fn until(api: &Api, token: &str, status: u16) {
    for _ in 0..200 {
        if read(api, token).await.0 == status {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{token} is answered with {:?}, not {status}", read(api, token).await);
}

pub async fn set_keys(postgres: &mut PgConnection, keys: &[&Key]) {
    let jwks = json!({ "keys": keys.iter().map(|key| key.jwk.clone()).collect::<Vec<_>>() });
    let count: i32 = query_scalar("select energy.set_token_keys($1)").bind(jwks).fetch_one(postgres).await.unwrap();
    assert_eq!(count as usize, keys.len());
}

async fn api() -> (Throwaway, Api, PgConnection) {
    let (database, postgres) = deployed().await;
    let api = Api::of(&database).await;
    (database, api, postgres)
}

#[tokio::test]
async fn tokens_of_any_key_are_accepted_until_the_key_is_removed() {
    let (_database, api, mut postgres) = api().await;
    let (rsa, ec, shared) = (Key::rsa("old", 2048), Key::ec("new"), Key::shared());
    for key in [&rsa, &ec] {
        assert_eq!(read(&api, &key.sign(&claims())).await.0, 401, "{} is not known yet", key.kid);
    }
    // A rotation, in the documented steps.
    set_keys(&mut postgres, &[&rsa]).await;
    until(&api, &rsa.sign(&claims()), 200).await;
    assert_eq!(read(&api, &shared.sign(&claims())).await.0, 401, "keys of the database take the place of the setting");
    set_keys(&mut postgres, &[&rsa, &ec, &shared]).await;
    for key in [&ec, &rsa, &shared] {
        until(&api, &key.sign(&claims()), 200).await;
    }
    set_keys(&mut postgres, &[&ec]).await;
    until(&api, &rsa.sign(&claims()), 401).await;
    assert_eq!(read(&api, &shared.sign(&claims())).await.0, 401);
    assert_eq!(read(&api, &ec.sign(&claims())).await.0, 200);
    // The same kid with another key is that key.
    let again = Key::ec("new");
    set_keys(&mut postgres, &[&again]).await;
    until(&api, &again.sign(&claims()), 200).await;
    assert_eq!(read(&api, &ec.sign(&claims())).await.0, 401);
}

#[tokio::test]
async fn invalid_tokens_are_rejected() {
    let (_database, api, mut postgres) = api().await;
    let (rsa, other) = (Key::rsa("one", 2048), Key::rsa("one", 2048));
    set_keys(&mut postgres, &[&rsa, &Key::shared()]).await;
    until(&api, &rsa.sign(&claims()), 200).await;

    let body = base64url(claims().to_string());
    let unsigned = |alg: &str| format!("{}.{body}.", base64url(json!({ "alg": alg, "typ": "JWT" }).to_string()));
    let good = rsa.sign(&claims());
    let (head, signature) = good.rsplit_once('.').unwrap();
    let other_claims = base64url(claims_but("sub", json!("another supplier")).to_string());
    let header = head.split_once('.').unwrap().0;
    // The public key used as a shared secret, as text and in the form that the database gives to PostgREST.
    let public = EncodingKey::from_secret(rsa.jwk["n"].as_str().unwrap().as_bytes());
    let jwks = EncodingKey::from_secret(json!({ "keys": [rsa.jwk] }).to_string().as_bytes());
    let confused = |key: &EncodingKey| encode(&Header::new(Algorithm::HS256), &claims(), key).unwrap();
    let forged = [
        unsigned("none"),
        unsigned("None"),
        unsigned("HS256"),
        unsigned("RS256"),
        format!("{head}."),
        format!("{header}.{other_claims}.{signature}"),
        other.sign(&claims()),
        confused(&public),
        confused(&jwks),
        "a.b.c".to_owned(),
        "..".to_owned(),
        "x".repeat(7000),
    ];
    for token in &forged {
        let (status, body) = read(&api, token).await;
        assert!((400..404).contains(&status), "{token}: {status} {body}");
        assert!(!body.contains("select") && !body.contains("energy."), "{body}");
    }

    let now = Utc::now().timestamp();
    let long = 8 * 24 * 3600;
    for (name, value, status) in [
        ("aud", json!("another-api"), 401),
        ("aud", json!(["another-api", "a third"]), 401),
        ("aud", json!(""), 401),
        ("aud", json!(null), 401),
        ("exp", json!(now - 120), 401),
        ("exp", json!(now + long + 60), 401),
        ("exp", json!(4_102_444_800_i64), 401),
        ("exp", json!(1e300), 401),
        ("exp", json!("soon"), 401),
        ("exp", json!(-1), 401),
        ("exp", json!(null), 401),
        ("sub", json!(""), 401),
        ("sub", json!(null), 401),
        ("nbf", json!(now + 3600), 401),
        ("iat", json!(now + 3600), 401),
        ("role", json!("anonymous"), 401),
        ("role", json!(null), 401),
        ("role", json!("authenticator"), 403),
        ("role", json!("postgres"), 403),
        ("role", json!("edf_owner"), 403),
        ("role", json!("supplier\"; reset role; --"), 400),
        ("role", json!(["supplier"]), 400),
        ("key_id", json!("edf_0000000000000000"), 401),
        ("key_id", json!({}), 401),
    ] {
        for key in [&rsa, &Key::shared()] {
            let (found, body) = read(&api, &key.sign(&claims_but(name, value.clone()))).await;
            let is_as_expected = if status == 401 { found == 401 } else { (400..404).contains(&found) };
            assert!(is_as_expected, "{name} {value}: {found} {body}");
            assert!(!body.contains("energy.") && !body.to_lowercase().contains("select "), "{body}");
        }
    }
    for (name, value) in
        [("exp", json!(now + long - 60)), ("aud", json!(["edf-api", "x"])), ("extra", json!({ "a": [1] }))]
    {
        assert_eq!(read(&api, &rsa.sign(&claims_but(name, value.clone()))).await.0, 200, "{name} {value}");
    }
    configure(&mut postgres, "api,max_lifetime", "\"1 hours\"").await;
    assert_eq!(read(&api, &rsa.sign(&claims_but("exp", json!(now + 4000)))).await.0, 401);
    assert_eq!(read(&api, &rsa.sign(&claims_but("exp", json!(now + 3000)))).await.0, 200);
}

#[tokio::test]
async fn an_unusable_key_is_rejected_and_not_repeated() {
    let (_database, mut postgres) = deployed().await;
    let (rsa, small, ec) = (Key::rsa("rsa", 2048).jwk, Key::rsa("small", 1024).jwk, Key::ec("ec").jwk);
    let with = |jwk: &Value, name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        jwk
    };
    let secret = "c2VjcmV0LW9mLXRoZS10ZXN0cw".repeat(2);
    for (jwks, says) in [
        (json!({ "keys": [small] }), "2048 bits"),
        (json!({ "keys": [with(&rsa, "d", json!(secret))] }), "private"),
        (json!({ "keys": [with(&ec, "d", json!(secret))] }), "private"),
        (json!({ "keys": [with(&rsa, "alg", json!("HS256"))] }), "RS256"),
        (json!({ "keys": [with(&rsa, "alg", json!("none"))] }), "RS256"),
        (json!({ "keys": [with(&rsa, "use", json!("enc"))] }), "use"),
        (json!({ "keys": [with(&rsa, "kid", json!(null))] }), "kid"),
        (json!({ "keys": [with(&rsa, "kid", json!("a b"))] }), "kid"),
        (json!({ "keys": [with(&ec, "crv", json!("P-384"))] }), "P-256"),
        (json!({ "keys": [with(&ec, "x", json!("AAAA"))] }), "P-256"),
        (json!({ "keys": [{ "kty": "oct", "kid": "short", "k": "c2VjcmV0LW9mLXRoZS10ZXN0cw" }] }), "256 bits"),
        (json!({ "keys": [{ "kty": "OKP", "kid": "other", "crv": "Ed25519", "x": "AAAA" }] }), "kty"),
        (json!({ "keys": [rsa.clone(), with(&ec, "kid", json!("rsa"))] }), "same kid"),
        (json!({ "keys": ["no key"] }), "object"),
        (json!({ "keys": rsa.clone() }), "list"),
        (json!([rsa.clone()]), "list"),
        (json!({ "keys": [] }), "list"),
        (json!(null), "list"),
    ] {
        let error =
            query_scalar::<_, i32>("select energy.set_token_keys($1)").bind(&jwks).fetch_one(&mut postgres).await;
        let error = error.expect_err(&jwks.to_string());
        let error = error.as_database_error().unwrap();
        assert_eq!(error.code().as_deref(), Some("22023"), "{jwks}: {error}");
        assert!(error.message().contains(says), "{jwks}: {error}");
        assert!(!error.message().contains("c2Vj") && !error.message().contains(rsa["n"].as_str().unwrap()), "{error}");
    }
    assert_eq!(texts(&mut postgres, "select kid from energy.token_keys").await, Vec::<String>::new());
}

/// PostgREST treats an invalid JWKS as a shared secret, and the text of public keys is public.
#[tokio::test]
async fn keys_that_postgrest_cannot_parse_give_no_access() {
    let (_database, api, mut postgres) = api().await;
    let good = Key::ec("good");
    set_keys(&mut postgres, &[&good]).await;
    until(&api, &good.sign(&claims()), 200).await;
    // Not a point on the curve, which only PostgREST detects.
    let mut bad = Key::ec("bad");
    bad.jwk["y"] = json!(base64url([7; 32]));
    set_keys(&mut postgres, &[&good, &bad]).await;
    until(&api, &good.sign(&claims()), 401).await;
    let stored = texts(
        &mut postgres,
        "select jsonb_build_object('keys', jsonb_agg(jwk order by added_at, kid))::text from energy.token_keys",
    )
    .await;
    let given = texts(&mut postgres, "select energy.token_jwks()::text").await;
    for text in [stored, given].concat() {
        let secret = EncodingKey::from_secret(text.as_bytes());
        let forged = encode(&Header::new(Algorithm::HS256), &claims(), &secret).unwrap();
        assert_eq!(read(&api, &forged).await.0, 401, "{text}");
    }
}

#[tokio::test]
async fn requests_have_a_timeout_per_role() {
    let (_database, api, mut postgres) = api().await;
    run(
        &mut postgres,
        "create function api.wait(seconds float) returns text language sql as
             $$ select current_setting('statement_timeout') from pg_sleep(seconds) $$;
         grant execute on function api.wait to supplier, resident, gateway, operator, technician;
         notify pgrst, 'reload schema'",
    )
    .await;
    let ask = async |role: &str, seconds: f64| {
        let answer = api.get(&format!("rpc/wait?seconds={seconds}"), "somebody", role).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for _ in 0..200 {
        if ask("supplier", 0.0).await.0 == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for (role, limit) in
        [("supplier", "30s"), ("resident", "15s"), ("gateway", "1min"), ("operator", "1min"), ("technician", "30s")]
    {
        assert_eq!(ask(role, 0.0).await, (200, format!("\"{limit}\"")), "{role}");
    }
    // The timeout ends a request, and the response shows no statement.
    let (status, body) = ask("resident", 20.0).await;
    assert_eq!(status, 500, "{body}");
    let error: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(error["code"], "57014");
    assert!(!body.to_lowercase().contains("select"), "{body}");
}

#[tokio::test]
async fn only_the_owner_reads_keys_and_creates_tokens() {
    for role in [
        "pipeline",
        "analyst",
        "dashboard",
        "edf_approver",
        "weather",
        "api_log",
        "supplier",
        "operator",
        "technician",
        "anonymous",
    ] {
        let (_, mut session) = (role, edf_tests::as_role("postgres").await);
        raw_sql(sqlx::AssertSqlSafe(format!("set role {role}"))).execute(&mut session).await.unwrap();
        for statement in [
            "select * from energy.token_keys",
            "select key_hash from energy.api_keys",
            "insert into energy.token_keys values ('mine', '{}')",
            "update energy.api_keys set revoked_at = null",
            "select energy.token_jwks()",
            "select energy.signed_token('{}')",
            "select energy.set_token_keys('{}')",
            "select energy.rotate_signing_key()",
            "select energy.create_api_key('me')",
            "select energy.exchange_api_key('x')",
            "select energy.revoke_api_key('x')",
            "select api.configure()",
        ] {
            assert_eq!(edf_tests::refusal(&mut session, statement).await.code, "42501", "{role}: {statement}");
        }
    }
}

#[tokio::test]
async fn the_databases_signatures_are_standard() {
    let (_database, mut postgres) = deployed().await;
    // RFC 4231: cases 1, 2, 3 and 6, whose key is longer than a block.
    for (key, message, expected) in [
        ("repeat('0b', 20)", "4869205468657265", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            "'4a656665'",
            "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        ("repeat('aa', 20)", &"dd".repeat(50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (
            "repeat('aa', 131)",
            "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a\
             65204b6579202d2048617368204b6579204669727374",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ] {
        let sql = format!("select encode(energy.hmac_sha256(decode('{message}', 'hex'), decode({key}, 'hex')), 'hex')");
        assert_eq!(texts(&mut postgres, &sql).await, [expected], "{key}");
    }
    refusals(
        &mut postgres,
        &[("22023", "select energy.set_token_keys('{}')"), ("22023", "select energy.create_api_key('')")],
    )
    .await;
    run(&mut postgres, "select energy.rotate_signing_key()").await;
    let signed = texts(&mut postgres, "select energy.signed_token('{\"sub\": \"Zoë/+?\"}')").await;
    let secret: Vec<u8> = query_scalar("select secret from energy.token_keys").fetch_one(&mut postgres).await.unwrap();
    let mut validation = jsonwebtoken::Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    let key = jsonwebtoken::DecodingKey::from_secret(&secret);
    let read = jsonwebtoken::decode::<Value>(&signed[0], &key, &validation).unwrap();
    assert_eq!(read.claims, json!({ "sub": "Zoë/+?" }));
    assert!(jsonwebtoken::decode::<Value>(&token(&claims()), &key, &validation).is_err());
}
