use super::AuthnService;
use axess_identity::{TenantId, UserId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

impl<I, F> AuthnService<I, F> {
    /// Derives the id under which attempts on an account that cannot log in are counted.
    ///
    /// The same name gives the same id, so that a name that does not exist locks after as many tries as one that does.
    pub(super) fn stand_in_user(&self, tenant: &str, identifier: &str) -> UserId {
        UserId::from_uuid(self.stand_in("user", tenant, identifier))
    }

    pub(super) fn stand_in_tenant(&self, tenant: &str) -> TenantId {
        TenantId::from_uuid(self.stand_in("tenant", tenant, ""))
    }

    fn stand_in(&self, what: &str, tenant: &str, identifier: &str) -> Uuid {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.stand_in_key.expose()) else {
            // HMAC takes keys of any length.
            return Uuid::nil();
        };
        for part in [what, tenant, identifier] {
            mac.update(&part.len().to_be_bytes());
            mac.update(part.as_bytes());
        }
        let digest = mac.finalize().into_bytes();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(digest.get(..16).unwrap_or(&[0; 16]));
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}
