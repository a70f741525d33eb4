use super::*;
use crate::{Provider, Request};

fn profile(extends: &[&str], allow: &str, resource: &[&str]) -> ProfileConfig {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    ProfileConfig {
        description: None,
        extends: owned(extends),
        allow: owned(&[allow]),
        resource: owned(resource),
    }
}

fn profiles(list: &[(&str, ProfileConfig)]) -> Result<Profiles, Faults> {
    Profiles::new(list.iter().map(|(name, profile)| ((*name).to_owned(), profile.clone())))
}

#[test]
fn a_profile_has_what_its_parents_have() {
    let profiles = profiles(&[
        ("list", profile(&[], "s3:ListBucket", &["arn:aws:s3:::logs"])),
        ("read", profile(&["list"], "s3:GetObject", &["arn:aws:s3:::logs/*"])),
        ("queue", profile(&["list"], "sqs:SendMessage", &[])),
        ("all", profile(&["read", "queue"], "", &[])),
    ])
    .unwrap();
    let request = Request::builder(Provider::Aws)
        .profile(&profiles, "all")
        .allow("ec2:StopInstances")
        .resource("arn:aws:ec2:*:1:instance/i-1")
        .build()
        .unwrap();
    // The resource given beside it is for what has none of its own.
    assert_eq!(
        request.to_string(),
        "ec2:StopInstances=arn:aws:ec2:*:1:instance/i-1,s3:GetObject=arn:aws:s3:::logs/*,\
         s3:ListBucket=arn:aws:s3:::logs,sqs:SendMessage=arn:aws:ec2:*:1:instance/i-1"
    );
}

#[test]
fn unsound_inheritance_is_refused() {
    let problems = |list: &[(&str, ProfileConfig)]| {
        let faults = profiles(list).unwrap_err();
        faults.list().iter().map(|fault| (fault.problem, fault.hint.clone())).collect::<Vec<_>>()
    };
    let hint = Some("did you mean base?".to_owned());
    assert_eq!(
        problems(&[("base", profile(&[], "", &[])), ("a", profile(&["bsae"], "", &[]))]),
        [(Problem::NoSuchProfile, hint)]
    );
    assert_eq!(problems(&[("a", profile(&["a"], "", &[]))]), [(Problem::Circular, None)]);
    let circle =
        [("a", profile(&["b"], "", &[])), ("b", profile(&["c"], "", &[])), ("c", profile(&["a"], "", &[]))];
    assert_eq!(problems(&circle).len(), 3);
    assert!(problems(&circle).iter().all(|(problem, _)| *problem == Problem::Circular));

    let chain = |length: usize| {
        let name = |at: usize| format!("p{at}");
        let link = |at: usize| {
            let parent = if at == 0 { vec![] } else { vec![name(at - 1)] };
            (name(at), ProfileConfig { extends: parent, ..ProfileConfig::default() })
        };
        Profiles::new((0..length).map(link))
    };
    assert!(chain(8).is_ok());
    assert_eq!(chain(9).unwrap_err().list()[0].problem, Problem::TooDeep(8));
}

#[test]
fn faults_name_the_profile() {
    let profiles = profiles(&[("read", profile(&[], "s3:GetObjct", &["nowhere"]))]).unwrap();
    let faults = Request::builder(Provider::Aws).profile(&profiles, "read").build().unwrap_err();
    assert_eq!(faults.list().len(), 2);
    assert!(faults.to_string().starts_with("profile `read`, at 1: `nowhere`"), "{faults}");
    let faults = Request::builder(Provider::Aws).profile(&profiles, "raed").build().unwrap_err();
    assert_eq!(faults.list()[0].hint.as_deref(), Some("did you mean read?"));
}

#[test]
fn unknown_keys_are_refused() {
    assert!(serde_json::from_str::<ProfileConfig>(r#"{"alow": []}"#).is_err());
    let written = serde_json::to_string(&profile(&["a"], "s3:*", &[])).unwrap();
    assert_eq!(written, r#"{"extends":["a"],"allow":["s3:*"]}"#);
}
