use super::*;

const ATTEMPT: Attempt<'_> = Attempt {
    what: "assume arn:aws:iam::1:role/app",
    access_key_id: Some("AKIAexample00000"),
    has_tags: true,
    has_source_identity: true,
    has_external_id: false,
    is_web_identity: false,
};

fn failure(status: u16, code: &str, message: &str) -> Failure {
    Failure::Refused { status, said: Some(Said { code: code.into(), message: message.into() }) }
}

#[test]
fn each_code_says_what_to_do() {
    use ProviderFault::{Denied, NotLoggedIn, Rejected, Unreachable};
    for (status, code, message, fault, hint) in [
        (403, "InvalidClientTokenId", "", NotLoggedIn, "found first"),
        (403, "UnrecognizedClientException", "", NotLoggedIn, "found first"),
        (403, "SignatureDoesNotMatch", "", NotLoggedIn, "clock"),
        (403, "ExpiredToken", "", NotLoggedIn, "aws sso login"),
        (403, "MissingAuthenticationToken", "", NotLoggedIn, "AWS_PROFILE"),
        (403, "AccessDenied", "", Denied, "trust policy names us"),
        (
            403,
            "AccessDenied",
            "not authorized to perform: sts:TagSession on",
            Denied,
            "turn session_tags off",
        ),
        (
            403,
            "AccessDenied",
            "not authorized to perform: sts:SetSourceIdentity",
            Denied,
            "turn source_identity off",
        ),
        (400, "PackedPolicyTooLarge", "", Rejected, "ask for less"),
        (400, "MalformedPolicyDocument", "", Rejected, "--dry-run"),
        (
            400,
            "ValidationError",
            "exceeds the MaxSessionDuration set for this role",
            Rejected,
            "a shorter lifetime",
        ),
        (
            400,
            "ValidationError",
            "the 1 hour session limit for roles assumed by role chaining",
            Rejected,
            "a lifetime of 1h",
        ),
        (403, "RegionDisabledException", "", Rejected, "another region"),
        (400, "InvalidIdentityToken", "", Rejected, "identity provider"),
        (404, "NoSuchEntity", "", Rejected, "ARN"),
        (409, "LimitExceeded", "", Rejected, "tryaudex clean"),
        (400, "UnmodifiableEntity", "", Rejected, "role of your own"),
        (400, "Throttling", "Rate exceeded", Unreachable, "in a moment"),
        (503, "ServiceUnavailable", "", Unreachable, "in a moment"),
    ] {
        let failure = failure(status, code, message);
        assert_eq!(failure.may_pass(), fault == Unreachable, "{code}");
        let error = failure.explain(ATTEMPT);
        assert_eq!(error.fault, fault, "{code}");
        assert!(error.hints.iter().any(|said| said.contains(hint)), "{code}: {:?}", error.hints);
        assert!(
            error.hints.iter().chain([&error.what]).all(|text| !text.ends_with('.') && !text.contains('\n')),
            "{error:?}"
        );
    }
    let unknown = failure(400, "SomethingNew", "of tomorrow").explain(ATTEMPT);
    assert!(unknown.to_string().contains("SomethingNew"));
    assert_eq!(unknown.source.unwrap().to_string(), "AWS says SomethingNew: of tomorrow");
}

#[test]
fn hints_fit_what_was_tried() {
    let denied = |attempt: Attempt<'_>| failure(403, "AccessDenied", "").explain(attempt).hints.join("; ");
    assert!(denied(ATTEMPT).contains("set external_id"));
    assert!(denied(Attempt { has_external_id: true, ..ATTEMPT }).contains("external_id is the one"));
    let plain = Attempt { has_tags: false, has_source_identity: false, ..ATTEMPT };
    assert!(!denied(plain).contains("sts:TagSession"));
    assert!(denied(Attempt { is_web_identity: true, ..ATTEMPT }).contains("issuer, audience and subject"));
    assert!(denied(Attempt { what: "ask for the account's spend", ..ATTEMPT }).contains("are allowed that"));
    let expired =
        failure(400, "ExpiredTokenException", "").explain(Attempt { is_web_identity: true, ..ATTEMPT });
    assert!(expired.to_string().contains("web identity file"));
}

#[test]
fn what_is_no_error_of_aws_is_none() {
    for (status, fault) in
        [(302, ProviderFault::BadAnswer), (404, ProviderFault::BadAnswer), (502, ProviderFault::Unreachable)]
    {
        let error = Failure::Refused { status, said: None }.explain(ATTEMPT);
        assert_eq!(error.fault, fault, "{status}");
    }
    assert_eq!(Failure::TooLong.explain(ATTEMPT).fault, ProviderFault::BadAnswer);
    assert_eq!(Failure::TimedOut { host: "h".into() }.explain(ATTEMPT).fault, ProviderFault::Unreachable);
}

/// The message about a wrong signature repeats the headers of the request, with the session token among them.
#[test]
fn messages_do_not_give_requests_away() {
    let hush = "x-amz-security-token:FwoGhush";
    for (code, message) in [
        ("SignatureDoesNotMatch", hush.to_owned()),
        ("ValidationError", format!("Value '{hush}' at 'webIdentityToken'")),
    ] {
        let error = failure(403, code, &message).explain(ATTEMPT);
        assert!(error.source.is_none() && !format!("{error:?}").contains("hush"), "{error:?}");
    }
    let long = failure(400, "X", &format!("a\n\u{1b}[31m{}", "é".repeat(900))).explain(ATTEMPT);
    let said = long.source.unwrap().to_string();
    assert!(said.chars().count() < 450 && !said.chars().any(char::is_control) && said.ends_with('…'));
}
