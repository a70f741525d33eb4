use crate::{
    person::{ELSEWHERE, OFFICE, Person},
    site::Site,
};
use reqwest::Method;

async fn explained(person: &Person, id: &str, user: &str, action: &str) -> (u16, String) {
    let path = format!("/documents/{id}/explain?user={user}&action={action}");
    let response = person.send(Method::GET, &path, None).await;
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn an_administrator_is_told_why() {
    let site = Site::start();
    let ada = Person::log_in(&site, "ada", OFFICE).await;
    let (status, why) = explained(&ada, "sketch", "gus", "read").await;
    assert_eq!(status, 200);
    assert!(why.starts_with("allow"), "{why}");
    assert!(why.contains("permit groups-read-what-is-shared-with-them (relations.cedar:"), "{why}");
    assert!(
        why.contains("permits") && why.contains("resource.shared_with = Group::\"acme/design\""),
        "{why}"
    );

    let (status, why) = explained(&ada, "sketch", "olga", "read").await;
    assert!(status == 200 && why.starts_with("deny"), "{status} {why}");
    let (status, why) = explained(&ada, "merger", "olga", "edit").await;
    assert!(status == 200 && why.contains("forbid secrets-change-on-trusted-devices"), "{status} {why}");
    assert!(why.starts_with("deny"), "{why}");
}

#[tokio::test]
async fn nobody_else_is_told_anything() {
    let site = Site::start();
    for (name, id, status) in [
        ("vic", "sketch", 403),
        ("ed", "sketch", 403),
        ("olga", "budget", 403),
        ("olga", "sketch", 404),
        ("gina", "sketch", 404),
    ] {
        let person = Person::log_in(&site, name, OFFICE).await;
        let (refused, why) = explained(&person, id, "gus", "read").await;
        assert_eq!(refused, status, "{name} {id}");
        assert!(!why.contains("relations.cedar") && !why.contains("acme"), "{why}");
    }
    let ada = Person::log_in(&site, "ada", OFFICE).await;
    assert_eq!(
        explained(&ada, "sketch", "gina", "read").await.0,
        404,
        "people of another tenant are not there"
    );
    assert_eq!(explained(&ada, "sketch", "nobody", "read").await.0, 404);
    let outside = Person::log_in(&site, "ada", ELSEWHERE).await;
    assert_eq!(explained(&outside, "vault", "gus", "read").await.0, 404, "explaining a secret shows it");
}
