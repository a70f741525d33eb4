/// Defines a typed id over a UUID.
///
/// The id is `Copy`, ordered, hashable, parses from and prints as the hyphenated form. `from_parts` builds a
/// time-ordered UUIDv7 (RFC 9562 §5.7) from an injected time and injected random bytes.
///
/// ```
/// axess_macros::uuid_id! {
///     /// Names an invoice.
///     pub struct InvoiceId;
/// }
/// let id = InvoiceId::from_parts(1_767_225_600_000, [7; 10]);
/// assert_eq!(id.to_string().parse::<InvoiceId>().unwrap(), id);
/// ```
#[macro_export]
macro_rules! uuid_id {
    ($(#[$meta:meta])* pub struct $name:ident;) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(::uuid::Uuid);

        impl $name {
            /// Builds a UUIDv7 from milliseconds since the Unix epoch and ten random bytes.
            #[must_use]
            pub const fn from_parts(unix_millis: u64, random: [u8; 10]) -> Self {
                Self(::uuid::Builder::from_unix_timestamp_millis(unix_millis, &random).into_uuid())
            }

            /// Wraps an existing UUID of any version.
            #[must_use]
            pub const fn from_uuid(uuid: ::uuid::Uuid) -> Self {
                Self(uuid)
            }

            /// Returns the UUID.
            #[must_use]
            pub const fn as_uuid(&self) -> ::uuid::Uuid {
                self.0
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::write!(f, "{}({})", ::core::stringify!($name), self.0)
            }
        }

        impl ::core::str::FromStr for $name {
            type Err = ::uuid::Error;

            fn from_str(text: &str) -> ::core::result::Result<Self, ::uuid::Error> {
                ::uuid::Uuid::parse_str(text).map(Self)
            }
        }
    };
}
