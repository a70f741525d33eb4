use axess_macros::uuid_id;
use axess_rng::{SecureRng, random_array};
use chrono::{DateTime, Utc};

uuid_id! {
    /// Names one human account.
    ///
    /// ```
    /// use axess_identity::UserId;
    /// use axess_rng::SystemRng;
    /// let now = chrono::DateTime::from_timestamp(1_767_225_600, 0).unwrap();
    /// let id = UserId::generate(now, &SystemRng);
    /// assert_eq!(id.to_string().parse::<UserId>().unwrap(), id);
    /// ```
    pub struct UserId;
}

uuid_id! {
    /// Names one tenant: the unit of isolation that every lookup carries.
    ///
    /// ```
    /// use axess_identity::TenantId;
    /// assert!("not-a-uuid".parse::<TenantId>().is_err());
    /// ```
    pub struct TenantId;
}

uuid_id! {
    /// Names one device of one user.
    ///
    /// ```
    /// use axess_identity::DeviceId;
    /// assert_eq!(DeviceId::from_parts(0, [0; 10]), DeviceId::from_parts(0, [0; 10]));
    /// ```
    pub struct DeviceId;
}

uuid_id! {
    /// Names one audit event; deduplicates deliveries of the same event.
    ///
    /// ```
    /// use axess_identity::EventId;
    /// let (early, late) = (EventId::from_parts(1, [9; 10]), EventId::from_parts(2, [0; 10]));
    /// assert!(early < late, "ids sort by time");
    /// ```
    pub struct EventId;
}

uuid_id! {
    /// Names one reserved credential attempt: what a factor verification spends.
    ///
    /// ```
    /// use axess_identity::AttemptId;
    /// assert_eq!(AttemptId::from_parts(0, [0; 10]).as_uuid().get_version_num(), 7);
    /// ```
    pub struct AttemptId;
}

uuid_id! {
    /// Names one refresh token (never its secret).
    ///
    /// ```
    /// use axess_identity::RefreshTokenId;
    /// assert!(format!("{:?}", RefreshTokenId::from_parts(0, [0; 10])).starts_with("RefreshTokenId("));
    /// ```
    pub struct RefreshTokenId;
}

uuid_id! {
    /// Names one family of refresh tokens: all that descend from one login.
    ///
    /// ```
    /// use axess_identity::TokenFamilyId;
    /// assert_ne!(TokenFamilyId::from_parts(0, [0; 10]), TokenFamilyId::from_parts(1, [0; 10]));
    /// ```
    pub struct TokenFamilyId;
}

macro_rules! generate {
    ($($name:ident),*) => {$(
        impl $name {
            /// Makes a fresh time-ordered id from the injected time and randomness.
            #[must_use]
            pub fn generate(now: DateTime<Utc>, rng: &(impl SecureRng + ?Sized)) -> Self {
                let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
                Self::from_parts(millis, random_array(rng))
            }
        }
    )*};
}

generate!(UserId, TenantId, DeviceId, EventId, AttemptId, RefreshTokenId, TokenFamilyId);
