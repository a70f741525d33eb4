//! Single logout, both ways, by redirect and by form.

use crate::{
    browser::{Form, callback_of},
    keys::{are_missing, pair},
    live::{Site, context, peer},
    parties::{NOW, config_with_keys, form, run, vector},
};
use axess_factors::federated::{
    CallbackMethod, CallbackResponse, FederationError, FederationProvider, LogoutHint, LogoutNotice,
    Redirection,
};
use axess_peers::{Kind, skip};
use axess_rng::MockRng;
use axess_saml::{IdpSource, SamlBinding, SamlConfig, SamlProvider};
use chrono::{DateTime, TimeDelta, Utc};

fn hint(subject: &str, session_id: Option<String>) -> LogoutHint {
    LogoutHint {
        subject: subject.into(),
        session_id,
        id_token: None,
        post_logout_redirect_uri: None,
        state: Some("a state/of ours".into()),
    }
}

#[test]
fn we_log_a_user_out_at_pysaml2() {
    let url = match peer(Kind::SamlIdp) {
        Ok(url) => url,
        Err(reason) => return skip("saml: a logout at pysaml2", &reason),
    };
    run(async {
        for binding in [SamlBinding::Redirect, SamlBinding::Post] {
            let change = |config| SamlConfig { request_binding: binding, ..config };
            let site = Site::at(&url, "/metadata", "", change).await;
            let identity = site.log_in().await.unwrap();
            let hint = hint(&identity.subject, identity.session_id);
            let there = site.provider.begin_logout(&hint, context()).await.unwrap().unwrap();
            let (page, address) = site.browser.follow(&there).await;
            let answer = match binding {
                SamlBinding::Redirect => callback_of(&address),
                SamlBinding::Post => Form::of(&page).into_callback(),
            };
            assert_eq!(answer.get("RelayState").unwrap(), Some("a state/of ours"));
            let notice = site.provider.verify_logout(&answer, context()).await;
            let notice =
                notice.unwrap_or_else(|error| panic!("{binding:?}: {error} {:?}", answer.parameters));
            assert!(notice.subject.is_none() && notice.session_ids.is_empty() && notice.answer.is_none());
            assert!(notice.is_answer && notice.replay.is_some(), "it is taken once");
        }
    });
}

#[test]
fn pysaml2_logs_a_user_out_here() {
    let url = match peer(Kind::SamlIdp) {
        Ok(url) => url,
        Err(reason) => return skip("saml: a logout by pysaml2", &reason),
    };
    run(async {
        let site = Site::at(&url, "/metadata", "", |config| config).await;
        for (binding, session) in
            [("redirect", Some("session-1")), ("post", None), ("post", Some("session-2"))]
        {
            let session_parameter = session.map(|id| format!("&session={id}")).unwrap_or_default();
            let start = format!(
                "{url}/logout?sp={}&binding={binding}&name=alice-id&relay=r%20/%2B~&{session_parameter}",
                site.entity_id
            );
            let (page, address) = site.browser.get(&start).await;
            let message =
                if binding == "post" { Form::of(&page).into_callback() } else { callback_of(&address) };
            let notice = site.provider.verify_logout(&message, context()).await.unwrap();
            assert_eq!(notice.subject.as_deref(), Some("alice-id"));
            assert_eq!(notice.session_ids, Vec::from_iter(session));
            assert!(notice.replay.is_some());
            let answer = notice.answer.unwrap();
            assert_eq!(matches!(answer, Redirection::Post { .. }), binding == "post");
            let (said, _) = site.browser.follow(&answer).await;
            assert!(said.starts_with("urn:oasis:names:tc:SAML:2.0:status:Success"), "{said}");
        }
    });
}

fn provider() -> SamlProvider {
    SamlProvider::new(config_with_keys()).unwrap()
}

fn judge(
    provider: &SamlProvider,
    message: &CallbackResponse,
    now: DateTime<Utc>,
) -> Result<LogoutNotice, FederationError> {
    let rng = MockRng::new(1);
    run(provider.verify_logout(message, crate::parties::context(&rng, now)))
}

fn request() -> String {
    vector("genuine/logout-request.xml")
}

fn posted(text: &str) -> CallbackResponse {
    form("SAMLRequest", text.as_bytes(), "x")
}

#[test]
fn a_request_is_signed_for_us_and_new() {
    if are_missing("saml: a logout request") {
        return;
    }
    let judged = |text: &str, after: TimeDelta| judge(&provider(), &posted(text), *NOW + after);
    let notice = judged(&request(), TimeDelta::zero()).unwrap();
    assert_eq!(notice.subject.as_deref(), Some("alice-id"));
    assert_eq!(notice.session_ids, ["a-session"]);
    let (_, until) = notice.replay.unwrap();
    assert!(until > *NOW + TimeDelta::minutes(10));
    let answer = notice.answer.unwrap();
    assert!(answer.url().starts_with("https://idp.example.test/slo"), "{answer:?}");

    let signature = crate::attacks::element(&request(), "ns2:Signature");
    for (name, text) in [
        ("unsigned", request().replace(&signature, "")),
        ("changed", request().replace("alice-id", "bob-id")),
    ] {
        let error = judged(&text, TimeDelta::zero()).map(drop).unwrap_err();
        assert!(matches!(error, FederationError::SignatureInvalid), "{name}: {error}");
    }
    for (name, text) in [
        ("split", request().replace("alice-id", "alice<!---->-id")),
        ("wrapped", request().replace("<ns1:NameID", &format!("{signature}<ns1:NameID"))),
        ("a response", vector("genuine/both.xml")),
    ] {
        let error = judged(&text, TimeDelta::zero()).map(drop).unwrap_err();
        assert!(matches!(error, FederationError::Malformed { .. }), "{name}: {error}");
    }
    // Good for as long as a login may take, and a clock that is off.
    assert!(judged(&request(), TimeDelta::minutes(9)).is_ok());
    assert!(matches!(judged(&request(), TimeDelta::minutes(12)).map(drop), Err(FederationError::TooOld)));
    assert!(matches!(
        judged(&request(), TimeDelta::minutes(-3)).map(drop),
        Err(FederationError::NotYetValid)
    ));
    let elsewhere =
        SamlConfig { slo_url: Some("https://sp.example.test/other".into()), ..config_with_keys() };
    let error =
        judge(&SamlProvider::new(elsewhere).unwrap(), &posted(&request()), *NOW).map(drop).unwrap_err();
    assert!(matches!(error, FederationError::AudienceMismatch), "{error}");
    // A signature in the message does not count for a query.
    let mut by_get = posted(&request());
    by_get.method = CallbackMethod::Get;
    assert!(judge(&provider(), &by_get, *NOW).is_err());
}

#[test]
fn a_query_is_signed_as_it_was_sent() {
    if are_missing("saml: a signed query") {
        return;
    }
    // What we send to the identity provider is signed like what it sends: two of ours talk to each other.
    let (ours, theirs) = (trusting(&pair("idp").certificate()), mirrored());
    let rng = MockRng::new(7);
    let there =
        run(theirs.begin_logout(&hint("alice-id", None), crate::parties::context(&rng, *NOW))).unwrap();
    let message = callback_of(there.unwrap().url());
    assert_eq!(judge(&ours, &message, *NOW).unwrap().subject.as_deref(), Some("alice-id"));
    for name in ["SAMLRequest", "RelayState", "SigAlg", "Signature"] {
        let mut changed = message.clone();
        let value = &mut changed.parameters.iter_mut().find(|(other, _)| other == name).unwrap().1;
        *value = if name == "SigAlg" {
            value.replace("sha256", "sha1")
        } else {
            value.replacen(['a', 'A'], "b", 1)
        };
        assert!(judge(&ours, &changed, *NOW).is_err(), "{name} was changed");
        let mut without = message.clone();
        without.parameters.retain(|(other, _)| other != name);
        assert!(judge(&ours, &without, *NOW).is_err(), "{name} is missing");
    }
    let mut added = message.clone();
    added.parameters.push(("SAMLResponse".into(), added.parameters[0].1.clone()));
    assert!(matches!(judge(&ours, &added, *NOW).map(drop), Err(FederationError::Malformed { .. })));
}

#[test]
fn an_answer_is_to_a_request_of_ours() {
    if are_missing("saml: answers to logouts") {
        return;
    }
    let ours = trusting(&pair("idp").certificate());
    let rng = MockRng::new(8);
    let asked = |who: &SamlProvider| {
        let there = run(who.begin_logout(&hint("alice-id", None), crate::parties::context(&rng, *NOW)));
        callback_of(there.unwrap().unwrap().url())
    };
    // The identity provider answers whoever asks it.
    let answer = |certificate: &str, request: &CallbackResponse| {
        let answer = judge(&mirrored_for(certificate), request, *NOW).unwrap().answer.unwrap();
        callback_of(answer.url())
    };
    let genuine = answer(&pair("sp").certificate(), &asked(&ours));
    let notice = judge(&ours, &genuine, *NOW).unwrap();
    assert!(notice.is_answer && notice.subject.is_none() && notice.session_ids.is_empty());
    let (name, until) = notice.replay.unwrap();
    assert_eq!(judge(&ours, &genuine, *NOW + TimeDelta::minutes(1)).unwrap().replay.unwrap(), (name, until));
    let other = judge(&ours, &answer(&pair("sp").certificate(), &asked(&ours)), *NOW).unwrap();
    assert_ne!(other.replay.unwrap().0, judge(&ours, &genuine, *NOW).unwrap().replay.unwrap().0);

    let late = judge(&ours, &genuine, *NOW + TimeDelta::minutes(12)).map(drop).unwrap_err();
    assert!(matches!(late, FederationError::TooOld), "{late}");
    // Another process with another key asked, or somebody else did.
    let stranger = SamlConfig { signing_key: Some(pair("sp-next").key()), ..config_with_keys() };
    let stranger = SamlProvider::new(stranger).unwrap();
    let foreign = answer(&pair("sp-next").certificate(), &asked(&stranger));
    let error = judge(&ours, &foreign, *NOW).map(drop).unwrap_err();
    assert!(matches!(error, FederationError::StateMismatch), "{error}");
}

fn trusting(certificate: &str) -> SamlProvider {
    let IdpSource::Explicit { entity_id, sso_url, slo_url, .. } = config_with_keys().idp else {
        panic!("no explicit one")
    };
    let idp = IdpSource::Explicit { entity_id, sso_url, slo_url, certificates: vec![certificate.to_owned()] };
    SamlProvider::new(SamlConfig { idp, ..config_with_keys() }).unwrap()
}

/// A service provider that is, to ours, the identity provider.
fn mirrored() -> SamlProvider {
    mirrored_for(&pair("sp").certificate())
}

fn mirrored_for(certificate: &str) -> SamlProvider {
    let idp = IdpSource::Explicit {
        entity_id: "https://sp.example.test/metadata".into(),
        sso_url: "https://sp.example.test/sso".into(),
        slo_url: Some("https://sp.example.test/slo".into()),
        certificates: vec![certificate.to_owned()],
    };
    let config = SamlConfig {
        slo_url: Some("https://idp.example.test/slo".into()),
        signing_key: Some(pair("idp").key()),
        ..SamlConfig::new(crate::parties::ISSUER, "https://idp.example.test/acs", idp)
    };
    SamlProvider::new(config).unwrap()
}

#[test]
fn a_compressed_bomb_is_not_unpacked() {
    if are_missing("saml: a compressed bomb") {
        return;
    }
    use base64::{Engine, engine::general_purpose::STANDARD};
    use std::io::Write;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    let spaces = vec![b' '; 1024 * 1024];
    (0..50).for_each(|_| encoder.write_all(&spaces).unwrap());
    let bomb = STANDARD.encode(encoder.finish().unwrap());
    assert!(bomb.len() < 100_000, "it is no bomb");
    let message = CallbackResponse::new(CallbackMethod::Get, [("SAMLRequest", bomb)]).unwrap();
    assert!(matches!(judge(&provider(), &message, *NOW).map(drop), Err(FederationError::Malformed { .. })));
}
