use super::*;
use proptest::prelude::*;

const GOOD: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
    <SourceIdentity>audex-1-uid1000</SourceIdentity>\
    <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/app/audex-1-uid1000</Arn>\
    <AssumedRoleId>AROA:audex</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>ASIAexample00000</AccessKeyId>\
    <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey><SessionToken>AQoDYXdzEPT//////////w==</SessionToken>\
    <Expiration>2026-01-01T00:15:00Z</Expiration></Credentials><PackedPolicySize>8</PackedPolicySize></AssumeRoleResult>\
    <ResponseMetadata><RequestId>c6104cbe</RequestId></ResponseMetadata></AssumeRoleResponse>";

#[test]
fn what_sts_documents_is_read() {
    for body in [GOOD.to_owned(), GOOD.replace("AssumeRoleRe", "AssumeRoleWithWebIdentityRe")] {
        let assumed = assumed(body.as_bytes()).unwrap();
        assert_eq!(assumed.access_key_id, "ASIAexample00000");
        assert_eq!((assumed.account.as_str(), assumed.role.as_str()), ("123456789012", "app"));
        assert_eq!(assumed.expires_at.to_rfc3339(), "2026-01-01T00:15:00+00:00");
        assert_eq!(
            (assumed.packed_percent, assumed.source_identity.as_deref()),
            (Some(8), Some("audex-1-uid1000"))
        );
        assert!(!format!("{assumed:?}").contains("wJalr"));
    }
}

#[test]
fn what_could_do_harm_is_refused() {
    let long = "A".repeat(MAX_TOKEN + 1);
    for (good, bad) in [
        ("ASIAexample00000", ""),
        ("ASIAexample00000", "ASIAexam\nple0000"),
        ("ASIAexample00000", "ASIA"),
        ("ASIAexample00000", "ASIAexample0000É"),
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY", "a&#10;aws_access_key_id = b"),
        ("AQoDYXdzEPT//////////w==", "a b"),
        ("AQoDYXdzEPT//////////w==", &long),
        ("2026-01-01T00:15:00Z", "tomorrow"),
        ("2026-01-01T00:15:00Z", "2026-01-01T00:15:00"),
        ("arn:aws:sts::123456789012:assumed-role/app/audex-1-uid1000", "arn:aws:iam::123456789012:role/app"),
        ("arn:aws:sts::123456789012:assumed-role/app/audex-1-uid1000", "arn:aws:sts::1:assumed-role/app/a"),
        ("<PackedPolicySize>8<", "<PackedPolicySize>-1<"),
        ("<AssumedRoleUser>", "<!DOCTYPE a [<!ENTITY x \"y\">]>&x;<AssumedRoleUser>"),
        ("</AssumeRoleResponse>", ""),
    ] {
        let body = GOOD.replace(good, bad);
        assert_ne!(body, GOOD);
        assert!(assumed(body.as_bytes()).is_err(), "{bad}");
    }
    assert!(assumed(&vec![b' '; MAX_ANSWER + 1]).is_err());
    assert!(assumed("<a>".repeat(10_000).as_bytes()).is_err());
}

#[test]
fn errors_are_read_in_both_forms() {
    let xml = b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no &lt;you&gt;</Message></Error></ErrorResponse>";
    assert_eq!(said(xml).unwrap(), Said { code: "AccessDenied".into(), message: "no <you>".into() });
    let wrapped =
        b"<Response><Errors><Error><Code>AuthFailure</Code><Message>no</Message></Error></Errors></Response>";
    assert_eq!(said(wrapped).unwrap(), Said { code: "AuthFailure".into(), message: "no".into() });
    let json = br#"{"__type":"com.amazon.coral.service#UnrecognizedClientException","Message":"no"}"#;
    assert_eq!(
        said(json).unwrap(),
        Said { code: "UnrecognizedClientException".into(), message: "no".into() }
    );
    for nothing in [
        &b""[..],
        b"<html>502</html>",
        b"{}",
        b"<ErrorResponse><Error><Code></Code></Error></ErrorResponse>",
        b"\xff\xfe",
    ] {
        assert_eq!(said(nothing), None);
    }
}

#[test]
fn other_answers_are_read() {
    let body = b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/a</Arn><UserId>A</UserId><Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    assert_eq!(identity(body).unwrap().arn, "arn:aws:iam::1:user/a");
    let names = "<ListRolePoliciesResponse><ListRolePoliciesResult><PolicyNames><member>a</member><member>b</member></PolicyNames><IsTruncated>true</IsTruncated><Marker>m</Marker></ListRolePoliciesResult></ListRolePoliciesResponse>";
    assert_eq!(
        policy_names(names.as_bytes()).unwrap(),
        (vec!["a".to_owned(), "b".to_owned()], Some("m".to_owned()))
    );
    let none = "<ListRolePoliciesResponse><ListRolePoliciesResult><PolicyNames/><IsTruncated>false</IsTruncated></ListRolePoliciesResult></ListRolePoliciesResponse>";
    assert_eq!(policy_names(none.as_bytes()).unwrap(), (vec![], None));
}

proptest! {
    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(assumed(&body).is_err());
        prop_assert!(identity(&body).is_err());
        prop_assert!(policy_names(&body).is_err());
        let _ = said(&body);
    }

    #[test]
    fn no_damage_panics_or_lets_a_line_through(at in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<bool>()) {
        let mut body = GOOD.as_bytes().to_vec();
        let at = at.index(body.len());
        if cut { body.truncate(at) } else { body[at] = with }
        if let Ok(assumed) = assumed(&body) {
            for text in [assumed.access_key_id.as_str(), assumed.secret_access_key.expose(), assumed.session_token.expose()] {
                prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
