//! How names are kept: by the text they are parsed from.

use crate::db::column::Column;
use axess_core::store::{AttemptOutcome, IdpProtocol};
use axess_identity::{
    EmailAddress, FactorKind, Identifier, ProviderName, TenantSlug, TenantStatus, UserStatus,
};
use std::net::IpAddr;

macro_rules! parsed {
    ($($ty:ty),*) => {$(
        impl Column for $ty {
            type Raw = String;

            fn into_raw(self) -> String {
                self.to_string()
            }

            fn from_raw(raw: String) -> Option<Self> {
                raw.parse().ok()
            }
        }
    )*};
}

parsed!(EmailAddress, FactorKind, IpAddr, ProviderName, TenantSlug);

macro_rules! named {
    ($($ty:ty { $($variant:ident = $name:literal),* })*) => {$(
        impl Column for $ty {
            type Raw = String;

            fn into_raw(self) -> String {
                match self { $(Self::$variant => $name),* }.to_owned()
            }

            fn from_raw(raw: String) -> Option<Self> {
                match &*raw { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    )*};
}

named! {
    UserStatus { Pending = "pending", Active = "active", Suspended = "suspended", Erased = "erased" }
    TenantStatus { Active = "active", Suspended = "suspended", Deleted = "deleted" }
    AttemptOutcome { Success = "success", Failure = "failure", Locked = "locked", Abandoned = "abandoned" }
}

impl Column for Identifier {
    type Raw = String;

    fn into_raw(self) -> String {
        self.into()
    }

    fn from_raw(raw: String) -> Option<Self> {
        Self::try_from(raw).ok()
    }
}

impl Column for IdpProtocol {
    type Raw = String;

    fn into_raw(self) -> String {
        self.as_str().to_owned()
    }

    fn from_raw(raw: String) -> Option<Self> {
        Self::from_name(&raw)
    }
}
