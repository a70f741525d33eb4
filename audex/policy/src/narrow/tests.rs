use super::*;

fn ceiling(rules: &[&str]) -> Ceiling {
    Ceiling { name: "limit".to_owned(), rules: Rules::parse(rules).unwrap() }
}

fn narrowed(request: &str, ceilings: &[&[&str]], denies: &[&str]) -> (String, String, Vec<String>) {
    let request = Request::parse(Provider::Aws, request, &[]).unwrap();
    let ceilings: Vec<Ceiling> = ceilings.iter().map(|rules| ceiling(rules)).collect();
    let narrowing = narrow(&request, &ceilings, &Rules::parse(denies).unwrap()).unwrap();
    let cuts = narrowing.cuts.iter().map(ToString::to_string).collect();
    (narrowing.grant.allow().to_string(), narrowing.grant.deny().to_string(), cuts)
}

#[test]
fn cuts_say_what_and_why() {
    for (request, ceilings, denies, allow, cuts) in [
        ("s3:GetObject", &[][..], &[][..], "s3:GetObject", &[][..]),
        ("s3:GetObject", &[&["s3:*"][..]], &[], "s3:GetObject", &[]),
        ("s3:*", &[&["s3:Get*", "s3:Put*"]], &[], "s3:Get*,s3:Put*", &["s3:*: limit leaves s3:Get*,s3:Put*"]),
        ("s3:*,iam:*", &[&["s3:*"]], &[], "s3:*", &["iam:*: outside limit"]),
        (
            "s3:*",
            &[&["s3:Get*"], &["s3:*Object"]],
            &[],
            "s3:Get*Object",
            &["s3:*: limit leaves s3:Get*", "s3:Get*: limit leaves s3:Get*Object"],
        ),
        ("s3:GetObject", &[&["storage.objects.get"]], &[], "", &["s3:GetObject: outside limit"]),
        ("s3:GetObject", &[&[]], &[], "", &["s3:GetObject: outside limit"]),
        ("s3:*", &[&["storage:read"]], &[], "s3:GetObject", &["s3:*: limit leaves s3:GetObject"]),
        (
            "s3:DeleteObject,s3:GetObject",
            &[],
            &["s3:Delete*"],
            "s3:GetObject",
            &["s3:DeleteObject: denied by s3:Delete*"],
        ),
        ("s3:*", &[], &["*:Delete*"], "s3:*", &["s3:*: all but s3:Delete*, which is denied by *:Delete*"]),
        (
            "s3:GetObject",
            &[],
            &["s3:Get*=arn:aws:s3:::a/*"],
            "s3:GetObject",
            &[
                "s3:GetObject: all but s3:GetObject=arn:aws:s3:::a/*, which is denied by s3:Get*=arn:aws:s3:::a/*",
            ],
        ),
        (
            "s3:GetObject=arn:aws:s3:::a/x*",
            &[&["s3:GetObject=arn:aws:s3:::a/*y"]],
            &[],
            "s3:GetObject=arn:aws:s3:::a/x*y",
            &["s3:GetObject=arn:aws:s3:::a/x*: limit leaves s3:GetObject=arn:aws:s3:::a/x*y"],
        ),
    ] {
        let found = narrowed(request, ceilings, denies);
        assert_eq!(
            (found.0.as_str(), found.2),
            (allow, cuts.iter().map(|&cut| cut.to_owned()).collect()),
            "{request}"
        );
    }
}

#[test]
fn all_denials_stay_with_the_grant() {
    let (_, deny, _) = narrowed("s3:GetObject", &[], &["iam:*", "s3:Delete*", "storage.objects.delete"]);
    assert_eq!(deny, "iam:*,s3:Delete*");
}

#[test]
fn what_takes_too_many_patterns_is_refused() {
    let request =
        Request::parse(Provider::Aws, "s3:GetObject=arn:aws:s3:::*a*b*c*d*e*f*a*b*c*d*", &[]).unwrap();
    let limit = ceiling(&["s3:GetObject=arn:aws:s3:::*b*a*d*c*f*e*b*a*d*c*"]);
    let error = narrow(&request, &[limit], &Rules::default()).unwrap_err();
    assert!(error.first.starts_with("s3:GetObject="), "{error}");
}

#[test]
fn a_hostile_request_gets_a_sound_answer_or_none() {
    // Many patterns that overlap in many ways, as long as a request may be.
    let hostile = |seed: usize| {
        let letters = ["a", "b", "c"];
        let part = |at: usize| format!("*{}??????????", letters[(seed * (at + 3) + at) % 3]);
        format!("arn:aws:s3:::{}*", (0..11).map(part).collect::<String>())
    };
    let entries: Vec<String> = (0..90).map(|seed| format!("s3:GetObject={}{seed}", hostile(seed))).collect();
    let request = Request::parse(Provider::Aws, &entries.join(","), &[]).unwrap_err();
    assert_eq!(request.list()[0].problem, crate::Problem::TooManyWildcards(12));
    let few = |seed: usize| format!("arn:aws:s3:::*{}????????*{seed}*", ["a", "b", "c"][seed % 3]);
    let entries: Vec<String> = (0..250).map(|seed| format!("s3:GetObject={}", few(seed))).collect();
    let request = Request::parse(Provider::Aws, &entries.join(","), &[]).unwrap();
    let limits: Vec<String> = (0..50).map(|seed| format!("s3:*={}x", few(seed))).collect();
    let limits: Vec<&str> = limits.iter().map(String::as_str).collect();
    let point = "arn:aws:s3:::a123456781x";
    if let Ok(narrowing) = narrow(&request, &[ceiling(&limits)], &Rules::default()) {
        assert!(
            !narrowing.grant.allows("s3:GetObject", point) || request.set().allows("s3:GetObject", point)
        );
    }
    let kept = narrow(&request, &[ceiling(&["s3:Get*"])], &Rules::default()).unwrap();
    assert_eq!(kept.grant.allow(), request.set());
}
