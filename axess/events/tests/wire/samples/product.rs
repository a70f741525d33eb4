use super::*;

pub(super) fn all() -> Vec<AuthEvent> {
    let mut events = step_up();
    events.extend(account());
    events.extend(shell());
    events.extend(refresh());
    events
}

fn step_up() -> Vec<AuthEvent> {
    vec![
        StepUpRequired {
            user_id: user_id(),
            session_id: session_id(),
            route: "/transfer".into(),
            required_factors: vec![FactorKind::Fido2],
            max_age_seconds: Some(300),
        }
        .into(),
        StepUpCompleted {
            user_id: user_id(),
            session_id: SessionId::from_bytes([7; 16]),
            factors_completed: vec![FactorKind::Password, FactorKind::Fido2],
        }
        .into(),
    ]
}

fn account() -> Vec<AuthEvent> {
    let user_id = user_id();
    vec![
        PasswordChanged { user_id }.into(),
        PasswordResetRequested { user_id: Some(user_id) }.into(),
        PasswordResetCompleted { user_id }.into(),
        FactorEnrolled { user_id, factor_kind: FactorKind::Fido2, credential_ref: Some("laptop key".into()) }
            .into(),
        FactorRemoved {
            user_id,
            factor_kind: FactorKind::EmailOtp,
            credential_ref: Some("old address".into()),
        }
        .into(),
        RecoveryCodeUsed { user_id, codes_left: 9 }.into(),
        SignupStarted { user_id: Some(user_id) }.into(),
        SignupCompleted { user_id }.into(),
        EmailCodeSent { user_id: Some(user_id), purpose: EmailCodePurpose::PasswordReset }.into(),
        EmailVerified { user_id }.into(),
    ]
}

fn shell() -> Vec<AuthEvent> {
    vec![
        SessionRotated {
            user_id: Some(user_id()),
            previous_session_id: session_id(),
            session_id: SessionId::from_bytes([7; 16]),
            cause: RotationCause::StepUp,
        }
        .into(),
        SessionFingerprintMismatch {
            user_id: Some(user_id()),
            session_id: session_id(),
            policy_action: PolicyAction::Revoke,
        }
        .into(),
        CsrfRejected { route: "/transfer".into(), failure_reason: CsrfFailureReason::WrongOrigin }.into(),
        RateLimitRejected { route: "/login".into(), key_kind: "peer-ip+user-id".into() }.into(),
        AuthzProviderFailed {
            principal_uid: format!("User::\"{}\"", user_id()).into(),
            action: "Action::\"read\"".into(),
            resource_uid: "Document::\"9\"".into(),
            provider: "documents".into(),
            failure_reason: "timeout".into(),
        }
        .into(),
    ]
}

fn refresh() -> Vec<AuthEvent> {
    let user_id = user_id();
    let family_id = TokenFamilyId::from_parts(MILLIS, [8; 10]);
    let token = |byte| RefreshTokenId::from_parts(MILLIS, [byte; 10]);
    vec![
        RefreshTokenIssued {
            user_id,
            refresh_token_id: token(9),
            family_id,
            device_id: Some(device_id()),
            expires_at: moment() + TimeDelta::days(30),
        }
        .into(),
        RefreshTokenRotated {
            user_id,
            refresh_token_id: token(10),
            previous_refresh_token_id: Some(token(9)),
            family_id,
            session_id: session_id(),
        }
        .into(),
        RefreshTokenReuseDetected {
            user_id,
            refresh_token_id: token(9),
            family_id,
            tokens_revoked: 1,
            devices_revoked: [device_id().to_string()].into_iter().collect(),
        }
        .into(),
        RefreshTokenRevoked {
            user_id: Some(user_id),
            family_id: Some(family_id),
            tokens_revoked: 1,
            reason: RefreshRevocationReason::Logout,
        }
        .into(),
    ]
}
