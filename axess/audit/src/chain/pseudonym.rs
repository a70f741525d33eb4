use super::{keys::AuditKeys, link::push_short, wire::chain_name};
use axess_core::store::AuditScope;
use axess_identity::UserId;

const LABEL: &[u8] = b"axess-audit-pseudonym-v1\0";

/// Returns what stands for an erased user in the events of one chain.
///
/// It is the same at every call with the same MAC key, so that events of one user stay together; it differs between
/// chains; and without the key it does not lead back to the user. Its shape is a UUIDv8 (RFC 9562 §5.8), which no
/// generated user id has.
#[must_use]
pub fn pseudonym(keys: &AuditKeys, scope: AuditScope, user_id: UserId) -> UserId {
    let mut chain = Vec::new();
    push_short(&mut chain, &chain_name(scope));
    let tag = keys.mac.tag(&[LABEL, &chain, user_id.as_uuid().as_bytes()]);
    let bytes = tag.first_chunk().copied().unwrap_or_default();
    UserId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_identity::TenantId;
    use axess_rng::MockRng;

    #[test]
    fn a_pseudonym_is_stable_in_its_chain_and_says_nothing_elsewhere() {
        let (keys, others) = (AuditKeys::generate(&MockRng::new(1)), AuditKeys::generate(&MockRng::new(2)));
        let (user, tenant) =
            (UserId::from_parts(7, [1; 10]), AuditScope::of(Some(TenantId::from_parts(0, [2; 10]))));
        let name = pseudonym(&keys, tenant, user);
        assert_eq!(name, pseudonym(&keys, tenant, user));
        assert_eq!(
            (name.as_uuid().get_version_num(), name.as_uuid().get_variant()),
            (8, uuid::Variant::RFC4122)
        );
        assert_ne!(name, pseudonym(&keys, AuditScope::System, user));
        assert_ne!(name, pseudonym(&others, tenant, user));
        assert_ne!(name, pseudonym(&keys, tenant, UserId::from_parts(8, [1; 10])));
    }
}
