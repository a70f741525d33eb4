use crate::{
    AuditPayload, account, administrative, authentication, authorisation, delegated, device, federation,
    lockout, refresh, shell, tenant, trail, workload,
};
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize, with::AsBox};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Defines the enum, its names and the conversion from each event's struct, all from one list.
macro_rules! catalogue {
    ($(#[$meta:meta])* pub enum AuthEvent { $($(#[$doc:meta])* $name:ident($group:ident),)* }) => {
        $(#[$meta])*
        pub enum AuthEvent {
            $($(#[$doc])* $name(#[rkyv(with = AsBox)] $group::$name),)*
        }

        impl AuthEvent {
            /// The names of all events, in the order of the catalogue.
            pub const ALL_NAMES: &[&str] = &[$(stringify!($name)),*];

            /// Returns the name of the event in the catalogue and on the wire.
            ///
            /// It never changes.
            #[must_use]
            pub fn wire_name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }
        }

        $(impl From<$group::$name> for AuthEvent {
            fn from(event: $group::$name) -> Self {
                Self::$name(event)
            }
        })*
    };
}

catalogue! {
    /// Something axess decided or did, as the audit trail records it.
    ///
    /// In JSON an event is one flat object whose `event_type` is [`wire_name`](Self::wire_name). When, where, in which
    /// tenant and at whose request it happened is in the [`AuthEventEnvelope`](crate::AuthEventEnvelope). New variants
    /// are appended at the end and nowhere else: their position is part of the binary form.
    ///
    /// ```
    /// use axess_events::{AuthEvent, account::PasswordChanged};
    /// use axess_identity::UserId;
    /// let event = AuthEvent::from(PasswordChanged { user_id: UserId::from_parts(0, [1; 10]) });
    /// assert_eq!(event.wire_name(), "PasswordChanged");
    /// assert!(AuthEvent::ALL_NAMES.contains(&event.wire_name()));
    /// ```
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
    #[serde(tag = "event_type")]
    pub enum AuthEvent {
        /// A login began.
        LoginStarted(authentication),
        /// A factor was verified.
        FactorVerified(authentication),
        /// A factor was refused.
        FactorFailed(authentication),
        /// A login was completed.
        LoginCompleted(authentication),
        /// A login ended without a session.
        LoginFailed(authentication),
        /// A session ended.
        Logout(authentication),
        /// A lockout began.
        LockoutTriggered(lockout),
        /// A lockout ended.
        LockoutCleared(lockout),
        /// An unknown device appeared.
        DeviceFirstSeen(device),
        /// A device became trusted.
        DeviceTrustGranted(device),
        /// A device was revoked.
        DeviceRevoked(device),
        /// A device record was deleted for its age.
        DevicePurged(device),
        /// A refresh token was bound to a device.
        DeviceBindingAdded(device),
        /// A session came from another device than its own.
        DeviceFingerprintMismatch(device),
        /// A policy evaluation permitted a request.
        AuthzAllow(authorisation),
        /// A policy evaluation denied a request.
        AuthzDeny(authorisation),
        /// A policy evaluation lacked an entity.
        AuthzEntityNotFound(authorisation),
        /// A workload proved its identity.
        WorkloadAuthenticated(workload),
        /// A workload failed to prove its identity.
        WorkloadRejected(workload),
        /// A tenant was created.
        TenantCreated(tenant),
        /// A tenant was suspended.
        TenantSuspended(tenant),
        /// A tenant's suspension was lifted.
        TenantUnsuspended(tenant),
        /// A tenant was deleted.
        TenantDeleted(tenant),
        /// A user let the application act for them elsewhere.
        DelegatedConsentGranted(delegated),
        /// A stored delegated credential was refreshed.
        DelegatedCredentialUsed(delegated),
        /// A consent was withdrawn.
        DelegatedConsentRevoked(delegated),
        /// A token was exchanged (RFC 8693).
        DelegatedTokenExchanged(delegated),
        /// An operator suspended a user.
        UserSuspended(administrative),
        /// An operator lifted a user's suspension.
        UserUnsuspended(administrative),
        /// An operator deleted a user.
        UserDeleted(administrative),
        /// An operator reset a user's password.
        PasswordReset(administrative),
        /// An operator reset a user's factor.
        FactorReset(administrative),
        /// An operator ended a user's session.
        SessionInvalidated(administrative),
        /// A logged-in user must prove more, or again.
        StepUpRequired(authentication),
        /// A logged-in user proved more, or again.
        StepUpCompleted(authentication),
        /// A user changed their password.
        PasswordChanged(account),
        /// Somebody asked for a password reset.
        PasswordResetRequested(account),
        /// A user set a new password through a reset.
        PasswordResetCompleted(account),
        /// A user added a factor.
        FactorEnrolled(account),
        /// A user removed a factor.
        FactorRemoved(account),
        /// A recovery code was spent.
        RecoveryCodeUsed(account),
        /// A sign-up began.
        SignupStarted(account),
        /// A sign-up was completed.
        SignupCompleted(account),
        /// A code was sent by e-mail.
        EmailCodeSent(account),
        /// A user proved to read mail at their address.
        EmailVerified(account),
        /// A session got a new id.
        SessionRotated(shell),
        /// A session came from another browser or network than its own.
        SessionFingerprintMismatch(shell),
        /// A request was refused as forged by another site.
        CsrfRejected(shell),
        /// A request was refused for its rate.
        RateLimitRejected(shell),
        /// An entity provider failed, so the request was denied.
        AuthzProviderFailed(authorisation),
        /// A login got a refresh token.
        RefreshTokenIssued(refresh),
        /// A refresh token was exchanged for a session.
        RefreshTokenRotated(refresh),
        /// A spent refresh token was presented again.
        RefreshTokenReuseDetected(refresh),
        /// Refresh tokens were revoked.
        RefreshTokenRevoked(refresh),
        /// A torn end was cut off the log.
        AuditLogRepaired(trail),
        /// Events were not delivered to a sink.
        AuditEventsDropped(trail),
        /// A sink refused an event for good.
        AuditEventDeadLettered(trail),
        /// Events were copied to the archive.
        AuditEventsArchived(trail),
        /// Events were deleted after they were kept long enough.
        AuditEventsDeleted(trail),
        /// A user's personal data was taken out of the trail.
        AuditSubjectErased(trail),
        /// A tenant's deletion was taken back.
        TenantRestored(tenant),
        /// What belonged to a deleted tenant was deleted.
        TenantPurged(tenant),
        /// A user renamed a device.
        DeviceRenamed(device),
        /// A device lost its trust for its age.
        DeviceDemoted(device),
        /// A session was bound to a device that was known before.
        DeviceRecognised(device),
        /// A login at an identity provider, or a logout it asked for, was refused.
        FederationRefused(federation),
        /// An identity at a provider was linked to an account.
        FederatedIdentityLinked(federation),
        /// An identity at a provider was unlinked from an account.
        FederatedIdentityUnlinked(federation),
        /// A provider logged its user out.
        FederatedLogoutReceived(federation),
        /// An access token that a caller presented was refused as somebody else's or forged.
        AccessTokenRefused(shell),
    }
}

impl AuditPayload for AuthEvent {
    fn event_type(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.wire_name())
    }
}
