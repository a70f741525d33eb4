//! Stores with one fault: every verb goes to a sound store, but for the one a fault overrides.

use crate::instrument::verbs::{for_each_verb, types::*};

/// Makes a store of a fault.
pub(super) struct Broken<T>(pub(super) T);

/// One fault, and the sound store behind it.
pub(super) trait Fault: Send + Sync + 'static {
    type Sound: Send + Sync + 'static;

    fn sound(&self) -> &Self::Sound;
}

/// Waits long enough for others to look at the same state.
pub(super) async fn linger() {
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
}

macro_rules! breakable {
    ($($store:ident $(: $parent:ident)? { $($verb:ident($($arg:ident: $ty:ty),*) -> $answer:ty;)* })*) => {
        /// The verbs a fault may override, by storage trait.
        pub(super) mod fault {
            use super::*;
            use std::future::Future;

            $(
                pub(in super::super) trait $store: Fault<Sound: axess_core::store::$store> $(+ $parent)? {$(
                    fn $verb(&self, $($arg: $ty),*) -> impl Future<Output = Result<$answer, StoreError>> + Send {
                        <Self::Sound as axess_core::store::$store>::$verb(self.sound(), $($arg),*)
                    }
                )*}
            )*
        }

        $(
            impl<T: fault::$store> axess_core::store::$store for Broken<T> {$(
                async fn $verb(&self, $($arg: $ty),*) -> Result<$answer, StoreError> {
                    <T as fault::$store>::$verb(&self.0, $($arg),*).await
                }
            )*}
        )*
    };
}

for_each_verb!(breakable);

/// Declares faults over sound stores: `Name(SoundStore);`.
macro_rules! faults {
    ($($name:ident($sound:ty);)+) => {$(
        #[derive(Default)]
        struct $name($sound);

        impl $crate::conformance::tests::broken::Fault for $name {
            type Sound = $sound;

            fn sound(&self) -> &$sound {
                &self.0
            }
        }
    )+};
}

pub(super) use faults;
