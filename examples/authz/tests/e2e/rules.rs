use crate::{
    person::{DOCUMENTS, OFFICE, Person},
    site::Site,
};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn roles_say_what_people_do_everywhere() {
    let site = Site::start();
    let [ada, ed, vic, olga] = ["ada", "ed", "vic", "olga"].map(|name| Person::log_in(&site, name, OFFICE));
    let (ada, ed, vic, olga) = tokio::join!(ada, ed, vic, olga);
    assert_eq!((vic.read("budget").await, vic.edit("budget").await), (200, 403));
    assert_eq!((ed.read("budget").await, ed.edit("budget").await), (200, 204), "editors are viewers");
    assert_eq!(ed.delete("budget").await, 403);
    assert_eq!((vic.read("merger").await, ed.read("merger").await), (404, 404), "roles do not open secrets");
    assert_eq!((ada.read("merger").await, ada.edit("budget").await), (200, 204), "but that of an admin");
    assert_eq!(olga.read("handbook").await, 404, "who has no role");
    assert_eq!(ada.delete("handbook").await, 204);
    assert_eq!(ada.read("handbook").await, 404);
}

#[tokio::test]
async fn relations_say_what_people_do_somewhere() {
    let site = Site::start();
    let (olga, gus) =
        tokio::join!(Person::log_in(&site, "olga", OFFICE), Person::log_in(&site, "gus", OFFICE));
    assert_eq!((olga.read("budget").await, olga.edit("budget").await), (200, 204), "an owner");
    assert_eq!((olga.read("sketch").await, olga.edit("sketch").await), (404, 404));

    assert_eq!(
        (gus.read("sketch").await, gus.edit("sketch").await),
        (200, 403),
        "shared with a group of his"
    );
    assert_eq!(gus.read("roadmap").await, 200, "shared with a group that his is in");
    assert_eq!(
        (gus.read("plan").await, gus.edit("plan").await),
        (200, 403),
        "inside a folder of his group's"
    );
    assert_eq!(gus.read("budget").await, 404);
    assert_eq!(olga.delete("budget").await, 204);
}

#[tokio::test]
async fn another_tenants_documents_are_not_there() {
    let site = Site::start();
    let (ada, gina) =
        tokio::join!(Person::log_in(&site, "ada", OFFICE), Person::log_in(&site, "gina", OFFICE));
    assert_eq!(
        (gina.read("ledger").await, gina.read("misfiled").await),
        (200, 200),
        "it is there for its tenant"
    );
    for (person, foreign) in [(&ada, "ledger"), (&ada, "misfiled"), (&gina, "handbook"), (&gina, "vault")] {
        for (method, rest, body) in [
            (Method::GET, "", None),
            (Method::PUT, "", Some(json!({"body": "mine now"}))),
            (Method::DELETE, "", None),
            (Method::GET, "/explain?user=ada&action=read", None),
        ] {
            let seen =
                person.seen(method.clone(), &format!("/documents/{foreign}{rest}"), body.clone()).await;
            let missing = person.seen(method, &format!("/documents/no-such{rest}"), body).await;
            assert_eq!(seen, missing, "{foreign}{rest}");
            assert_eq!(seen.0, 404);
        }
    }
    assert_eq!((gina.read("ledger").await, ada.read("handbook").await), (200, 200));
}

#[tokio::test]
async fn nobody_is_asked_to_log_in_and_told_nothing() {
    let site = Site::start();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for path in DOCUMENTS.iter().map(|id| format!("/documents/{id}")).chain(["/documents".to_owned()]) {
        let response = client.get(format!("{}{path}", site.base())).send().await.unwrap();
        assert_eq!(response.status(), 401, "{path}");
    }
}
