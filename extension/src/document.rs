//! A `jsonb` argument as a JSON document of the core.
//!
//! pgrx' own type panics on values that Postgres stores and JSON parsers reject: a number like 1e400, or 200 nested
//! arrays. Here they are errors with a code.

use edf_core::Error;
use pgrx::callconv::{Arg, ArgAbi};
use pgrx::datum::FromDatum;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{direct_function_call, pg_sys};
use serde_json::Value;
use std::ffi::{CStr, c_void};

/// The parsed document, or why it cannot be parsed.
pub struct Document(Result<Value, String>);

impl Document {
    /// The document; `name` is the argument's name.
    pub fn read(self, name: &str) -> Result<Value, Error> {
        self.0.map_err(|error| Error::InvalidArgument(format!("{name} cannot be read: {error}")))
    }
}

/// An argument that must not be NULL, as a document.
pub fn document(name: &str, argument: Option<Document>) -> Result<Value, Error> {
    crate::convert::given(name, argument)?.read(name)
}

impl FromDatum for Document {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: the datum is a jsonb, as in the function's signature; its string is freed here.
        unsafe {
            let given = datum.cast_mut_ptr();
            let whole = pg_sys::pg_detoast_datum_packed(given);
            let text = direct_function_call::<&CStr>(pg_sys::jsonb_out, &[Some(whole.into())])?;
            let read = match text.to_str() {
                Ok(text) => serde_json::from_str(text).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            pg_sys::pfree(text.as_ptr().cast_mut().cast::<c_void>());
            if whole != given {
                pg_sys::pfree(whole.cast());
            }
            Some(Self(read))
        }
    }
}

// SAFETY: the argument is read as the jsonb that `SqlTranslatable` says it is.
unsafe impl<'fcx> ArgAbi<'fcx> for Document {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: as above.
        let read = unsafe { arg.unbox_arg_using_from_datum() };
        read.unwrap_or_else(|| Self(Err("it is NULL".to_owned())))
    }
}

// SAFETY: it maps to jsonb, which does not belong to this extension.
unsafe impl SqlTranslatable for Document {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(Document);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("jsonb"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Ok(ReturnsRef::One(SqlMappingRef::literal("jsonb")));
}
