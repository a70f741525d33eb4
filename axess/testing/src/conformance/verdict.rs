use axess_core::store::StoreError;
use std::{
    any::Any,
    error::Error,
    fmt::{self, Debug},
};

/// What a case says of a store.
pub(super) type Verdict = Result<(), Breach>;

/// A promise the store did not keep.
#[derive(Debug)]
pub(super) struct Breach(String);

impl Breach {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    pub(super) fn panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self(format!("it panicked: {}", text.unwrap_or("with something that is no text")))
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<StoreError> for Breach {
    fn from(error: StoreError) -> Self {
        let mut text = format!("the store answered with an error: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self(text)
    }
}

/// Demands that `got` is `want`.
pub(super) fn same<T: PartialEq + Debug>(what: &str, got: T, want: T) -> Verdict {
    match got == want {
        true => Ok(()),
        false => Err(Breach(format!("{what}: expected {want:?}, got {got:?}"))),
    }
}

/// Demands that something is so.
pub(super) fn holds(what: &str, so: bool) -> Verdict {
    match so {
        true => Ok(()),
        false => Err(Breach(format!("{what}: it is not so"))),
    }
}

/// Takes a value a case cannot go on without.
pub(super) fn some<T>(what: &str, value: Option<T>) -> Result<T, Breach> {
    value.ok_or_else(|| Breach(format!("{what}: there is none")))
}
