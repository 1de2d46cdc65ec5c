//! The path of a value in a document.

use std::fmt;

/// A path as a linked list from its end to its start, so that traversal does not allocate.
pub enum Place<'a> {
    Root,
    Member(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Item(array, at) => write!(f, "{array}[{at}]"),
            Self::Member(object, name) => {
                if !matches!(object, Self::Root) {
                    write!(f, "{object}.")?;
                }
                let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
                if !name.is_empty() && name.chars().all(plain) { f.write_str(name) } else { write!(f, "{name:?}") }
            }
        }
    }
}
