use crate::{
    person::{ELSEWHERE, OFFICE, PEOPLE, Person, ids},
    site::Site,
};

#[tokio::test]
async fn a_list_shows_exactly_what_can_be_read() {
    let site = Site::start();
    for address in [OFFICE, ELSEWHERE] {
        for (_, name) in PEOPLE {
            let person = Person::log_in(&site, name, address).await;
            assert_eq!(person.list().await, person.readable().await, "{name} at {address}");
        }
    }
}

#[tokio::test]
async fn lists_are_those_that_the_rules_mean() {
    let site = Site::start();
    let inside = ["handbook", "budget", "sketch", "roadmap", "plan"];
    for (name, expected) in [
        ("ada", ids(["handbook", "budget", "merger", "sketch", "roadmap", "plan", "vault"])),
        ("ed", ids(inside)),
        ("vic", ids(inside)),
        ("olga", ids(["budget", "merger"])),
        ("gus", ids(["sketch", "roadmap", "plan", "vault"])),
        ("gina", ids(["ledger", "misfiled"])),
    ] {
        assert_eq!(Person::log_in(&site, name, OFFICE).await.list().await, expected, "{name}");
    }
    let gus = Person::log_in(&site, "gus", ELSEWHERE).await;
    assert_eq!(gus.list().await, ids(["sketch", "roadmap", "plan"]), "the vault is secret");
}

#[tokio::test]
async fn a_list_is_one_decision() {
    let mut site = Site::start();
    let ada = Person::log_in(&site, "ada", OFFICE).await;
    assert_eq!(ada.list().await.len(), 7);
    site.logged("list of Document");
    assert_eq!(site.lines(" decision ").len(), 1);
}
