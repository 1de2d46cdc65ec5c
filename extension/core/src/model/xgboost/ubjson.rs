//! Zero-copy reader for the subset of Universal Binary JSON that XGBoost writes.
//!
//! Numbers are big-endian. Typed arrays of numbers remain a slice of bytes, to be read by [`Value::numbers`]; see
//! <https://ubjson.org>.

use crate::error::Error;

/// A value, borrowed from the bytes.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Object(Vec<(&'a str, Value<'a>)>),
    Array(Vec<Value<'a>>),
    /// A typed array of numbers.
    Numbers(u8, &'a [u8]),
    Text(&'a str),
    /// Single numbers, true, false and null, which are not used.
    Other,
}

impl<'a> Value<'a> {
    /// Reads a single value that must span all of `bytes`.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader { bytes };
        let kind = reader.byte()?;
        let value = reader.value(kind, 0)?;
        if reader.bytes.is_empty() { Ok(value) } else { Err(damaged("bytes are left over")) }
    }

    /// The member at a path of names.
    pub(super) fn at(&self, path: &[&str]) -> Result<&Self, Error> {
        path.iter()
            .try_fold(self, |value, name| match value {
                Self::Object(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
                _ => None,
            })
            .ok_or_else(|| damaged(&format!("{} is missing", path.join("."))))
    }

    pub(super) fn items(&self) -> Result<&[Self], Error> {
        match self {
            Self::Array(items) => Ok(items),
            _ => Err(damaged("an array is expected")),
        }
    }

    pub(super) fn text(&self) -> Result<&'a str, Error> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(damaged("a string is expected")),
        }
    }

    /// Numbers of `N` bytes with type `kind`, each decoded by `read`.
    pub(super) fn numbers<const N: usize, T>(&self, kind: u8, read: fn([u8; N]) -> T) -> Result<Vec<T>, Error> {
        match self {
            Self::Numbers(found, bytes) if *found == kind => {
                Ok(bytes.as_chunks::<N>().0.iter().copied().map(read).collect())
            }
            _ => Err(damaged("numbers have an unexpected type")),
        }
    }
}

/// Maximum nesting depth; models are less deep.
const DEEPEST: usize = 32;

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or_else(|| damaged("it is cut"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Error> {
        Ok(self.take(1)?[0])
    }

    /// A length, preceded by its type.
    fn length(&mut self) -> Result<usize, Error> {
        let kind = self.byte()?;
        let bytes = self.take(width(kind).ok_or_else(|| damaged("a length is not a number"))?)?;
        // Lengths are non-negative, so the types only differ in width.
        let length = bytes.iter().fold(0_u64, |length, byte| (length << 8) | u64::from(*byte));
        usize::try_from(length).map_err(|_| damaged("a length is too long"))
    }

    fn text(&mut self) -> Result<&'a str, Error> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| damaged("a string is not UTF-8"))
    }

    fn value(&mut self, kind: u8, depth: usize) -> Result<Value<'a>, Error> {
        if depth > DEEPEST {
            return Err(damaged("it is nested too deeply"));
        }
        match kind {
            b'{' => {
                let mut members = Vec::new();
                while self.bytes.first() != Some(&b'}') {
                    let key = self.text()?;
                    let kind = self.byte()?;
                    members.push((key, self.value(kind, depth + 1)?));
                }
                self.byte()?;
                Ok(Value::Object(members))
            }
            b'[' => self.array(depth),
            b'S' => Ok(Value::Text(self.text()?)),
            b'Z' | b'T' | b'F' => Ok(Value::Other),
            number => {
                self.take(width(number).ok_or_else(|| damaged("a value is of no known type"))?)?;
                Ok(Value::Other)
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value<'a>, Error> {
        let mark = self.byte()?;
        if mark == b'$' {
            let kind = self.byte()?;
            let width = width(kind).ok_or_else(|| damaged("an array is of no known type"))?;
            if self.byte()? != b'#' {
                return Err(damaged("an array has no length"));
            }
            let length = self.length()?.checked_mul(width).ok_or_else(|| damaged("a length is too long"))?;
            return Ok(Value::Numbers(kind, self.take(length)?));
        }
        if mark != b'#' {
            return Err(damaged("an array has no length"));
        }
        let length = self.length()?;
        // Each item has at least one byte, so an invalid length cannot reserve too much.
        let mut items = Vec::with_capacity(length.min(self.bytes.len()));
        for _ in 0..length {
            let kind = self.byte()?;
            items.push(self.value(kind, depth + 1)?);
        }
        Ok(Value::Array(items))
    }
}

/// Size of a number of this type, in bytes.
fn width(kind: u8) -> Option<usize> {
    match kind {
        b'i' | b'U' => Some(1),
        b'I' => Some(2),
        b'l' | b'd' => Some(4),
        b'L' | b'D' => Some(8),
        _ => None,
    }
}

pub(super) fn damaged(what: &str) -> Error {
    Error::DamagedArtifact(format!("the boosters cannot be read: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_items_strings_and_numbers_are_read() {
        let bytes = b"{U\x01aS U\x02hii\x01b[#U\x02i\x05Ti\x01c[$d#U\x01\x3f\x80\x00\x00i\x01d{}}".to_vec();
        let bytes: Vec<u8> = bytes.into_iter().filter(|byte| *byte != b' ').collect();
        let value = Value::read(&bytes).unwrap();
        assert_eq!(value.at(&["a"]).unwrap().text(), Ok("hi"));
        assert_eq!(value.at(&["b"]).unwrap().items().unwrap().len(), 2);
        assert_eq!(value.at(&["c"]).unwrap().numbers(b'd', f32::from_be_bytes), Ok(vec![1.0]));
        assert!(value.at(&["d", "e"]).unwrap_err().to_string().contains("d.e is missing"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(b"{[$#UiSLldTZ}".to_vec())], 0..60)
        ) {
            let _ = Value::read(&bytes);
        }
    }
}
