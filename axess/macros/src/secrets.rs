/// Defines a secret text type.
///
/// The value is zeroised on drop, has no `Display`, `Serialize`, `Deref`, `Hash` or `PartialEq`, prints as
/// `Name([redacted])`, is read only through the greppable `expose()` and compared only in constant time.
///
/// ```
/// axess_macros::secret_text! {
///     /// A gate code.
///     pub struct GateCode;
/// }
/// let code = GateCode::from("1234");
/// assert!(code.ct_eq("1234"));
/// assert_eq!(format!("{code:?}"), "GateCode([redacted])");
/// ```
#[macro_export]
macro_rules! secret_text {
    ($(#[$meta:meta])* pub struct $name:ident;) => {
        $(#[$meta])*
        #[derive(Clone)]
        pub struct $name(::zeroize::Zeroizing<::std::string::String>);

        impl $name {
            /// Returns the secret.
            ///
            /// Every use is a place to review.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }

            /// Compares with `other` in time that depends only on the lengths.
            #[must_use]
            pub fn ct_eq(&self, other: &str) -> bool {
                ::subtle::ConstantTimeEq::ct_eq(self.0.as_bytes(), other.as_bytes()).into()
            }
        }

        impl ::core::convert::From<::std::string::String> for $name {
            fn from(secret: ::std::string::String) -> Self {
                Self(::zeroize::Zeroizing::new(secret))
            }
        }

        impl ::core::convert::From<&str> for $name {
            fn from(secret: &str) -> Self {
                Self(::zeroize::Zeroizing::new(secret.to_owned()))
            }
        }

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(::core::concat!(::core::stringify!($name), "([redacted])"))
            }
        }
    };
}

/// Defines a secret byte-string type with the same promises as [`secret_text!`].
///
/// ```
/// axess_macros::secret_bytes! {
///     /// A device key.
///     pub struct DeviceKey;
/// }
/// assert_eq!(DeviceKey::from(vec![1, 2, 3]).expose(), &[1, 2, 3]);
/// ```
#[macro_export]
macro_rules! secret_bytes {
    ($(#[$meta:meta])* pub struct $name:ident;) => {
        $(#[$meta])*
        #[derive(Clone)]
        pub struct $name(::zeroize::Zeroizing<::std::vec::Vec<u8>>);

        impl $name {
            /// Returns the secret.
            ///
            /// Every use is a place to review.
            #[must_use]
            pub fn expose(&self) -> &[u8] {
                &self.0
            }

            /// Compares with `other` in time that depends only on the lengths.
            #[must_use]
            pub fn ct_eq(&self, other: &[u8]) -> bool {
                ::subtle::ConstantTimeEq::ct_eq(self.0.as_slice(), other).into()
            }
        }

        impl ::core::convert::From<::std::vec::Vec<u8>> for $name {
            fn from(secret: ::std::vec::Vec<u8>) -> Self {
                Self(::zeroize::Zeroizing::new(secret))
            }
        }

        impl<const N: usize> ::core::convert::From<[u8; N]> for $name {
            fn from(secret: [u8; N]) -> Self {
                let secret = ::zeroize::Zeroizing::new(secret);
                Self(::zeroize::Zeroizing::new(secret.to_vec()))
            }
        }

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(::core::concat!(::core::stringify!($name), "([redacted])"))
            }
        }
    };
}
