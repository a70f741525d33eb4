use super::{RefreshGrant, RefreshToken};
use crate::store::Owner;
use axess_identity::{DeviceId, RefreshTokenId, TokenFamilyId};

/// Proof that a refresh token was presented, judged and spent.
///
/// The transition that continues a login takes one by value. Only this module can make one, and it cannot be cloned.
#[derive(Debug)]
pub(crate) struct Continued {
    owner: Owner,
    grant: RefreshGrant,
    family_id: TokenFamilyId,
    device_id: Option<DeviceId>,
    token_id: RefreshTokenId,
}

impl Continued {
    /// Makes the proof for the token `row`, which works on as `token_id`.
    pub(super) fn new(row: RefreshToken, token_id: RefreshTokenId) -> Self {
        let RefreshToken { owner, grant, family_id, device_id, .. } = row;
        Self { owner, grant, family_id, device_id, token_id }
    }

    #[cfg(test)]
    pub(crate) fn for_test(owner: Owner, grant: RefreshGrant, family_id: TokenFamilyId) -> Self {
        let token_id = RefreshTokenId::from_parts(0, [1; 10]);
        Self { owner, grant, family_id, device_id: None, token_id }
    }

    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    /// Returns what the login that began the family proved, and when.
    pub(crate) fn grant(&self) -> &RefreshGrant {
        &self.grant
    }

    pub(crate) fn family_id(&self) -> TokenFamilyId {
        self.family_id
    }

    pub(crate) fn device_id(&self) -> Option<DeviceId> {
        self.device_id
    }

    /// Returns the token that works from now on.
    pub(crate) fn token_id(&self) -> RefreshTokenId {
        self.token_id
    }
}
