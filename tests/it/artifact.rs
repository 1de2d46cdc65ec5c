//! A corrupted model is an error, never a crash or a wrong forecast.

use edf_tests::{DEMAND, Refusal, Throwaway, seed_demand, train};
use sqlx::postgres::PgConnection;
use sqlx::{Executor, query_scalar};

const PREDICT: &str = "
    select count(yhat) from edf.predict($2, edf.series_of($1), '72 hours', null, '{0.1,0.9}')";

async fn predict(connection: &mut PgConnection, artifact: &[u8]) -> sqlx::Result<i64> {
    query_scalar(PREDICT).bind(DEMAND).bind(artifact).fetch_one(connection).await
}

async fn must_be_damaged(connection: &mut PgConnection, artifact: &[u8], how: &str) {
    match predict(connection, artifact).await {
        Ok(_) => panic!("{how} was not detected"),
        Err(error) => {
            let refusal = Refusal::from(error);
            assert_eq!(refusal.code, "XX001", "{how}: {refusal:?}");
            assert!(!refusal.hint.is_empty(), "{how}: no hint");
        }
    }
    connection.execute("select 1").await.expect("the session is usable");
}

#[tokio::test]
async fn a_flipped_byte_or_a_truncated_end_is_detected() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let model = train(&mut analyst, "house").await;
    let artifact: Vec<u8> = query_scalar("select artifact from edf.models where model_id = $1")
        .bind(model)
        .fetch_one(&mut analyst)
        .await
        .unwrap();
    assert_eq!(predict(&mut analyst, &artifact).await.unwrap(), 72);

    let (len, stride) = (artifact.len(), artifact.len() / 60);
    for at in (0..16).chain((16..len).step_by(stride)).chain(len - 33..len) {
        let mut damaged = artifact.clone();
        damaged[at] ^= 1 << (at % 8);
        must_be_damaged(&mut analyst, &damaged, &format!("byte {at} of {len}")).await;
    }
    for end in (0..50).chain((50..len).step_by(stride)).chain([len - 1]) {
        must_be_damaged(&mut analyst, &artifact[..end], &format!("an end at {end} of {len}")).await;
    }
    let longer = [artifact.as_slice(), &[0]].concat();
    must_be_damaged(&mut analyst, &longer, "a byte too many").await;
    assert_eq!(predict(&mut analyst, &artifact).await.unwrap(), 72);
}
