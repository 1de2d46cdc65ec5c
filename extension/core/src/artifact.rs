//! Serialises a model as versioned bytes.
//!
//! ```text
//! magic "EDFM" | format version u16 | header length u32 | header (JSON) | fitted state | SHA-256
//! ```
//!
//! Numbers are little-endian. The digest covers everything before it, so a flipped or missing byte is an error and
//! never a wrong forecast or a crash in a parser. The digest is not a signature: access to the registry controls which
//! models run.
//!
//! Format 5 can be read too ([`v5`]), so that models survive an upgrade; format 6 except for models with `solar`, whose
//! intervals had another unit.
//!
//! A header with a `kind` field belongs to a model that does not forecast; see [`crate::anomaly`].

mod v5;

use crate::clean::Plausible;
use crate::confidence::Learnt;
use crate::error::Error;
use crate::features::FeatureSpec;
use crate::intraday::Intraday;
use crate::origin::Phases;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

const MAGIC: &[u8; 4] = b"EDFM";
/// Increased when an older version could not read the new format, or would misread it.
const FORMAT_VERSION: u16 = 7;
/// From this version on, the intervals of `solar` depend on the clear-sky index.
const CLEAR_SKY_VERSION: u16 = 7;
const TRAIN_AGAIN: &str = "train it again: select edf.train(...), then edf.approve_model(...)";
const HEADER_AT: usize = 10;
const DIGEST_LEN: usize = 32;

/// Everything a forecast needs besides the fitted state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Name of the strategy.
    pub strategy: String,
    /// Step of the series, in seconds.
    pub step_seconds: i64,
    /// Maximum lead, in rows.
    pub horizon: usize,
    /// Names of the regressors, in order.
    pub regressors: Vec<String>,
    /// The feature spec.
    pub features: FeatureSpec,
    /// All hyperparameters.
    pub parameters: Value,
    /// End of the training set (exclusive), in seconds since 1970.
    pub trained_until: i64,
    /// The local times of day that can be forecast origins.
    pub phases: Phases,
    /// Assumed delay between the end of a row and its availability, in seconds, if one was given.
    pub availability_seconds: Option<i64>,
    /// Lower bound of the forecasts.
    pub floor: Option<f64>,
    /// Plausible range of each regressor.
    pub plausible: Plausible,
    /// Intraday correction of residuals.
    pub intraday: Intraday,
    /// Range of the training data.
    pub learnt: Learnt,
}

impl Header {
    /// Whether this strategy or one of its members has this name.
    fn names(&self, strategy: &str) -> bool {
        let members = self.parameters.get("members").and_then(Value::as_array).into_iter().flatten();
        self.strategy == strategy || members.filter_map(|member| member.get("strategy")).any(|name| name == strategy)
    }
}

/// Serialises a header and a state.
pub fn encode(header: &Header, state: &[u8]) -> Result<Vec<u8>, Error> {
    pack(header, state)
}

/// Serialises any header with a state.
pub(crate) fn pack(header: &impl Serialize, state: &[u8]) -> Result<Vec<u8>, Error> {
    let header = serde_json::to_vec(header).map_err(|error| Error::Internal(error.to_string()))?;
    let length = u32::try_from(header.len()).map_err(|error| Error::Internal(error.to_string()))?;
    let mut bytes = Vec::with_capacity(HEADER_AT + header.len() + state.len() + DIGEST_LEN);
    bytes.extend(MAGIC);
    bytes.extend(FORMAT_VERSION.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(header);
    bytes.extend(state);
    bytes.extend(Sha256::digest(&bytes));
    Ok(bytes)
}

/// The parts of an artifact whose digest was verified.
pub(crate) struct Packed<'a> {
    version: u16,
    /// The header as JSON.
    pub header: &'a [u8],
    /// The fitted state.
    pub state: &'a [u8],
}

impl Packed<'_> {
    /// The kind of model; `None` for a forecasting model.
    pub fn kind(&self) -> Result<Option<String>, Error> {
        #[derive(Deserialize)]
        struct Named {
            kind: Option<String>,
        }
        serde_json::from_slice::<Named>(self.header).map(|named| named.kind).map_err(|error| unreadable(&error))
    }
}

fn unreadable(error: &serde_json::Error) -> Error {
    Error::DamagedArtifact(format!("its header: {error}"))
}

/// The reverse of [`pack`].
pub(crate) fn unpack(bytes: &[u8]) -> Result<Packed<'_>, Error> {
    let damaged = |what: &str| Error::DamagedArtifact(what.to_owned());
    let (content, digest) = bytes.split_last_chunk::<DIGEST_LEN>().ok_or_else(|| damaged("it is too short"))?;
    let (magic, rest) = content.split_first_chunk::<4>().ok_or_else(|| damaged("it is too short"))?;
    if magic != MAGIC {
        return Err(damaged("it has no model header"));
    }
    if Sha256::digest(content)[..] != digest[..] {
        return Err(damaged("its checksum does not match"));
    }
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(|| damaged("it is too short"))?;
    let version = u16::from_le_bytes(*version);
    if !(v5::VERSION..=FORMAT_VERSION).contains(&version) {
        let what =
            if version > FORMAT_VERSION { "update the extension: alter extension edf update" } else { TRAIN_AGAIN };
        return Err(Error::NotSupported(format!(
            "the model is in format {version}, this version of edf reads {} to {FORMAT_VERSION}; {what}",
            v5::VERSION
        )));
    }
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(|| damaged("it is too short"))?;
    let length = u32::from_le_bytes(*length) as usize;
    let (header, state) = rest.split_at_checked(length).ok_or_else(|| damaged("its header is cut"))?;
    Ok(Packed { version, header, state })
}

/// The reverse of [`encode`].
pub fn decode(bytes: &[u8]) -> Result<(Header, Cow<'_, [u8]>), Error> {
    let packed = unpack(bytes)?;
    if let Some(kind) = packed.kind()? {
        return Err(Error::NotSupported(format!(
            "this is an anomaly model ({kind}), which does not forecast; edf.score_anomalies scores rows with it"
        )));
    }
    let Packed { version, header, state } = packed;
    let (header, state) = match version {
        v5::VERSION => v5::read(serde_json::from_slice(header).map_err(|error| unreadable(&error))?, state)?,
        _ => (serde_json::from_slice::<Header>(header).map_err(|error| unreadable(&error))?, Cow::Borrowed(state)),
    };
    if version < CLEAR_SKY_VERSION && header.names("solar") {
        return Err(Error::NotSupported(format!(
            "the model is of strategy {:?} in format {version}, whose intervals this version of edf does not read; \
             {TRAIN_AGAIN}",
            header.strategy
        )));
    }
    if header.step_seconds <= 0 || header.horizon == 0 {
        return Err(Error::DamagedArtifact("its header has invalid values".to_owned()));
    }
    Ok((header, state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::Phase;
    use proptest::prelude::*;

    fn sample() -> Vec<u8> {
        sample_of("xgboost", serde_json::json!({"eta": 0.1}))
    }

    fn sample_of(strategy: &str, parameters: Value) -> Vec<u8> {
        let header = Header {
            strategy: strategy.to_owned(),
            step_seconds: 3600,
            horizon: 72,
            regressors: vec!["temperature_c".to_owned()],
            features: FeatureSpec::default(),
            parameters,
            trained_until: 1_700_000_000,
            phases: Phases::only(Phase { slot: 5, delay: 1 }),
            availability_seconds: Some(3600),
            floor: Some(0.0),
            plausible: Plausible::default(),
            intraday: Intraday::default(),
            learnt: Learnt::default(),
        };
        encode(&header, b"state").unwrap()
    }

    #[test]
    fn artifacts_round_trip() {
        let bytes = sample();
        let (header, state) = decode(&bytes).unwrap();
        assert_eq!(*state, *b"state");
        assert_eq!(encode(&header, &state).unwrap(), bytes);
    }

    #[test]
    fn any_flipped_bit_and_any_truncation_is_an_error() {
        let bytes = sample();
        for at in 0..bytes.len() {
            assert!(decode(&bytes[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(decode(&flipped).is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    fn in_version(mut bytes: Vec<u8>, version: u16) -> Vec<u8> {
        bytes.truncate(bytes.len() - DIGEST_LEN);
        bytes[4..6].copy_from_slice(&version.to_le_bytes());
        bytes.extend(Sha256::digest(&bytes));
        bytes
    }

    #[test]
    fn a_newer_format_is_not_supported_rather_than_damaged() {
        let bytes = in_version(sample(), FORMAT_VERSION + 1);
        assert!(matches!(decode(&bytes), Err(Error::NotSupported(_))));
    }

    #[test]
    fn of_format_6_only_models_with_solar_are_trained_again() {
        let members = serde_json::json!({"members": [{"strategy": "lear"}, {"strategy": "solar"}]});
        for (strategy, parameters, is_read) in [
            ("ensemble", serde_json::json!({"members": [{"strategy": "lear"}]}), true),
            ("ensemble", members, false),
            ("solar", serde_json::json!({}), false),
        ] {
            let bytes = sample_of(strategy, parameters);
            assert!(decode(&bytes).is_ok());
            match decode(&in_version(bytes, 6)) {
                Ok(_) => assert!(is_read),
                Err(Error::NotSupported(told)) => assert!(!is_read && told.contains("train it again"), "{told}"),
                Err(error) => panic!("{error}"),
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(decode(&bytes).is_err());
        }
    }
}
