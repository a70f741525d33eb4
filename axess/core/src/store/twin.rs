/// Defines a storage trait, its object-safe twin, and both bridges between them.
///
/// Implementations of the trait write plain `async fn`; the twin boxes the futures. The list after `for` names the
/// trait objects behind an `Arc` that implement the trait.
macro_rules! storage_trait {
    (
        $(#[$meta:meta])*
        pub trait $name:ident / $twin:ident $(: $parent:ident / $parent_twin:ident)?
        for [$($object:ident),*]
        $verbs:tt
    ) => {
        storage_trait! { @trait [$(#[$meta])*] $name [$($parent +)?] $verbs }
        storage_trait! { @twin $name $twin [$($parent_twin +)?] $verbs }
        $( storage_trait! { @object $object $name $twin $verbs } )*
    };

    (@trait [$($meta:tt)*] $name:ident [$($parent:tt)*] {
        $(
            $(#[$verb_meta:meta])*
            async fn $verb:ident($($arg:ident : $ty:ty),* $(,)?) -> $ret:ty;
        )*
    }) => {
        $($meta)*
        pub trait $name: $($parent)* Send + Sync + 'static {
            $(
                $(#[$verb_meta])*
                fn $verb(&self, $($arg: $ty),*) -> impl ::core::future::Future<Output = $ret> + Send;
            )*
        }
    };

    (@twin $name:ident $twin:ident [$($parent:tt)*] {
        $(
            $(#[$verb_meta:meta])*
            async fn $verb:ident($($arg:ident : $ty:ty),* $(,)?) -> $ret:ty;
        )*
    }) => {
        #[doc = concat!("Is the object-safe twin of [`", stringify!($name), "`], implemented for every implementation of it.")]
        pub trait $twin: $($parent)* Send + Sync + 'static {
            $(
                #[doc = concat!("Calls [`", stringify!($name), "::", stringify!($verb), "`].")]
                fn $verb(&self, $($arg: $ty),*)
                    -> ::core::pin::Pin<Box<dyn ::core::future::Future<Output = $ret> + Send + '_>>;
            )*
        }

        impl<T: $name> $twin for T {
            $(
                fn $verb(&self, $($arg: $ty),*)
                    -> ::core::pin::Pin<Box<dyn ::core::future::Future<Output = $ret> + Send + '_>>
                {
                    Box::pin(<T as $name>::$verb(self, $($arg),*))
                }
            )*
        }
    };

    (@object $object:ident $name:ident $twin:ident {
        $(
            $(#[$verb_meta:meta])*
            async fn $verb:ident($($arg:ident : $ty:ty),* $(,)?) -> $ret:ty;
        )*
    }) => {
        impl $name for ::std::sync::Arc<dyn $object> {
            $(
                fn $verb(&self, $($arg: $ty),*) -> impl ::core::future::Future<Output = $ret> + Send {
                    <dyn $object as $twin>::$verb(&**self, $($arg),*)
                }
            )*
        }
    };
}

pub(crate) use storage_trait;
