use super::{
    super::{
        ground::{NAMES, far_future, long_ago},
        verdict::{holds, some},
    },
    *,
};
use axess_core::store::{Page, UserChange};
use axess_identity::EmailAddress;
use std::sync::Arc;

#[expect(clippy::expect_used, reason = "the suite's own texts are well-formed")]
fn email(text: &str) -> EmailAddress {
    text.parse().expect("a mail address")
}

pub(super) async fn every_field_of_a_user_comes_back<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let home = tenant(&*store, &ground).await?.tenant_id;
    let longest = format!("{}@{}.example", "x".repeat(64), ["b"; 3].map(|b| b.repeat(59)).join("."));
    let emails = [None, Some(longest.as_str()), Some("пётр@пример.example"), Some("Bob+News@example.com")];
    let times = [ground.just_before(0), long_ago(), far_future(), ground.at(0)];
    let statuses = [UserStatus::Active, UserStatus::Pending, UserStatus::Suspended, UserStatus::Active];
    for (n, name) in NAMES.into_iter().enumerate() {
        let at = n % 4;
        let longest = format!("{}{}", ground.word(), "é".repeat(237));
        let user = User {
            identifier: if n == 1 { identifier(&longest) } else { identifier(&ground.word()) },
            display_name: (n != 3).then(|| name.into()),
            email: emails.get(at).copied().flatten().map(email),
            email_verified: n == 1,
            status: statuses.get(at).copied().unwrap_or(UserStatus::Active),
            created_at: times.get(at).copied().unwrap_or_else(long_ago),
            ..new_user(&ground, home)
        };
        reads(&*store, "the account read back", &created(&*store, user).await?).await?;
    }
    same("one that never was", store.get_user(home, ground.user()).await?, None)?;
    same("a name that never was", store.find_user(home, identifier(&ground.word())).await?, None)
}

pub(super) async fn a_name_is_taken_once_per_tenant<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let elsewhere = tenant(&*store, &ground).await?.tenant_id;
    for status in [UserStatus::Active, UserStatus::Suspended] {
        let (home, _) = account(&*store, &ground).await?;
        let first = created(&*store, User { status, ..new_user(&ground, home.tenant_id) }).await?;
        let second = User { identifier: first.identifier.clone(), ..new_user(&ground, home.tenant_id) };
        same("the same name", store.create_user(second.clone()).await?, SaveOutcome::Conflict)?;
        same("nothing of the second", store.get_user(second.tenant_id, second.user_id).await?, None)?;
        reads(&*store, "the first one after it", &first).await?;
        let theirs = User { identifier: first.identifier.clone(), ..new_user(&ground, elsewhere) };
        reads(&*store, "in another tenant", &created(&*store, theirs).await?).await?;
    }
    Ok(())
}

pub(super) async fn a_pending_account_does_not_hold_its_name<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let home = tenant(&*store, &ground).await?.tenant_id;
    let pending = User { status: UserStatus::Pending, ..new_user(&ground, home) };
    let first = created(&*store, pending).await?;
    let second = User { identifier: first.identifier.clone(), ..new_user(&ground, home) };
    let second = created(&*store, second).await?;
    reads(&*store, "who took the name", &second).await?;
    same("who had it", store.get_user(home, first.user_id).await?, None)?;
    let third = User { identifier: first.identifier.clone(), ..new_user(&ground, home) };
    same("a third", store.create_user(third).await?, SaveOutcome::Conflict)
}

/// An id that exists is no new account, whatever its name.
pub(super) async fn an_account_is_never_overwritten<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (home, first) = account(&*store, &ground).await?;
    let second = User { user_id: first.user_id, ..new_user(&ground, home.tenant_id) };
    same("the same id", store.create_user(second.clone()).await?, SaveOutcome::Conflict)?;
    reads(&*store, "the account after it", &first).await?;
    same("the other name", store.find_user(home.tenant_id, second.identifier).await?, None)
}

pub(super) async fn each_field_changes_alone<S: IdentityAdmin>(store: Arc<S>, ground: Ground) -> Verdict {
    let (home, mut user) = account(&*store, &ground).await?;
    let other = created(&*store, new_user(&ground, home.tenant_id)).await?;
    let old = user.identifier.clone();
    let none = UserChange::default();
    let new = identifier(&ground.word());
    let changes = [
        none.clone(),
        UserChange { display_name: Some("Zoe\u{308} 👩🏽‍💻".into()), ..none.clone() },
        UserChange { email: Some(email("zoe@example.com")), ..none.clone() },
        UserChange { email_verified: Some(true), ..none.clone() },
        // A new address is unverified until it is proved.
        UserChange { email: Some(email("zoe@example.org")), ..none.clone() },
        UserChange { identifier: Some(new.clone()), ..none.clone() },
        UserChange { identifier: Some(new), ..none.clone() },
        UserChange { status: Some(UserStatus::Suspended), ..none.clone() },
        UserChange { status: Some(UserStatus::Active), email_verified: Some(true), ..none.clone() },
    ];
    for change in changes {
        if let Some(email) = change.email.clone() {
            (user.email, user.email_verified) = (Some(email), false);
        }
        user.identifier = change.identifier.clone().unwrap_or(user.identifier);
        user.display_name = change.display_name.clone().or(user.display_name);
        user.email_verified = change.email_verified.unwrap_or(user.email_verified);
        user.status = change.status.unwrap_or(user.status);
        let what = format!("after {change:?}");
        same(&what, store.update_user(user.tenant_id, user.user_id, change).await?, SaveOutcome::Saved)?;
        reads(&*store, &what, &user).await?;
    }
    same("the old name", store.find_user(home.tenant_id, old.clone()).await?, None)?;
    let taker = User { identifier: old, ..new_user(&ground, home.tenant_id) };
    reads(&*store, "who takes the old name", &created(&*store, taker).await?).await?;
    reads(&*store, "another account", &other).await?;
    let unknown = store.update_user(home.tenant_id, ground.user(), none).await?;
    same("a change of one that never was", unknown, SaveOutcome::Conflict)
}

pub(super) async fn a_taken_name_changes_nothing<S: IdentityAdmin>(store: Arc<S>, ground: Ground) -> Verdict {
    let (home, user) = account(&*store, &ground).await?;
    let other = created(&*store, new_user(&ground, home.tenant_id)).await?;
    let change = UserChange {
        identifier: Some(other.identifier.clone()),
        display_name: Some("not this".into()),
        status: Some(UserStatus::Suspended),
        ..UserChange::default()
    };
    let done = store.update_user(user.tenant_id, user.user_id, change).await?;
    same("a change to a taken name", done, SaveOutcome::Conflict)?;
    reads(&*store, "the account after it", &user).await?;
    reads(&*store, "who has the name", &other).await
}

pub(super) async fn an_erased_account_is_a_tombstone<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let home = tenant(&*store, &ground).await?;
    let user = User {
        display_name: Some("Alice".into()),
        email: Some(email("alice@example.com")),
        email_verified: true,
        ..new_user(&ground, home.tenant_id)
    };
    let user = created(&*store, user).await?;
    let (tenant, id, name) = (user.tenant_id, user.user_id, user.identifier.clone());
    same("erasure", store.erase_user(tenant, id, "asked for".into()).await?, SaveOutcome::Saved)?;
    let left = some("the tombstone", store.get_user(tenant, id).await?)?;
    same("its status", left.status, UserStatus::Erased)?;
    same("its personal data", (left.display_name, left.email, left.email_verified), (None, None, false))?;
    holds("its login name is erased, too", left.identifier != name)?;
    same("by name", store.find_user(tenant, name.clone()).await?, None)?;
    same("by address", store.find_user_by_email(tenant, email("alice@example.com")).await?, None)?;
    let login = store.find_login(home.slug.clone(), name.clone()).await?;
    same("by login", login.user, None)?;
    let heir = User { identifier: name.clone(), ..new_user(&ground, tenant) };
    let heir = created(&*store, heir).await?;
    let change = UserChange {
        identifier: Some(identifier(&ground.word())),
        status: Some(UserStatus::Active),
        ..UserChange::default()
    };
    same("a change of a tombstone", store.update_user(tenant, id, change).await?, SaveOutcome::Conflict)?;
    reads(&*store, "who has the name now", &heir).await?;
    let unknown = store.erase_user(tenant, ground.user(), "asked for".into()).await?;
    same("erasure of one that never was", unknown, SaveOutcome::Conflict)
}

pub(super) async fn users_are_listed_in_pages<S: IdentityAdmin>(store: Arc<S>, ground: Ground) -> Verdict {
    let (home, first) = account(&*store, &ground).await?;
    account(&*store, &ground).await?;
    let mut want = vec![first];
    for _ in 0..10 {
        want.push(created(&*store, new_user(&ground, home.tenant_id)).await?);
    }
    want.sort_by_key(|user| user.user_id);
    for limit in [1, 3, 10, 11, 12, usize::MAX] {
        let (mut got, mut after) = (Vec::new(), None);
        for _ in 0..=want.len() {
            let page = store.find_users(home.tenant_id, Page { after, limit }).await?;
            holds("a page is within its limit", page.len() <= limit)?;
            let Some(last) = page.last() else { break };
            after = Some(last.user_id);
            got.extend(page);
        }
        same(&format!("all pages of {limit}"), got, want.clone())?;
    }
    let none = store.find_users(home.tenant_id, Page { after: None, limit: 0 }).await?;
    same("a page of none", none, vec![])
}

pub(super) async fn a_verified_address_finds_its_account<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (home, elsewhere) =
        (tenant(&*store, &ground).await?.tenant_id, tenant(&*store, &ground).await?.tenant_id);
    let address = email(&format!("Bob-{}@example.com", ground.word()));
    let with = |tenant, email_verified| User {
        email: Some(address.clone()),
        email_verified,
        ..new_user(&ground, tenant)
    };
    created(&*store, with(home, false)).await?;
    same("an unproved address", store.find_user_by_email(home, address.clone()).await?, None)?;
    let user = created(&*store, with(home, true)).await?;
    let theirs = created(&*store, with(elsewhere, true)).await?;
    same("a proved one", store.find_user_by_email(home, address.clone()).await?, Some(user.clone()))?;
    same("in another tenant", store.find_user_by_email(elsewhere, address.clone()).await?, Some(theirs))?;
    // The part before the @ is kept as typed: another case is another address.
    let other = email(&address.as_str().replacen("Bob", "bob", 1));
    same("in another case", store.find_user_by_email(home, other).await?, None)?;
    let moved = UserChange { email: Some(email("moved@example.com")), ..UserChange::default() };
    same("a new address", store.update_user(home, user.user_id, moved).await?, SaveOutcome::Saved)?;
    same("the old address then", store.find_user_by_email(home, address).await?, None)
}

pub(super) async fn names_are_told_apart<S: IdentityAdmin>(store: Arc<S>, ground: Ground) -> Verdict {
    let home = tenant(&*store, &ground).await?;
    let texts = [
        "zoe",
        "zoë",
        "zoé",
        "zo-e",
        "zo_e",
        "zo%e",
        "zoe.",
        "strasse",
        "straße",
        "løs",
        "los",
        "алиса",
        "アリス",
        "ありす",
    ];
    let mut users = Vec::new();
    for text in texts {
        let name = identifier(text);
        same("before it is taken", store.find_user(home.tenant_id, name.clone()).await?, None)?;
        users.push(created(&*store, User { identifier: name, ..new_user(&ground, home.tenant_id) }).await?);
    }
    for user in &users {
        reads(&*store, "each of them", user).await?;
        let login = store.find_login(home.slug.clone(), user.identifier.clone()).await?;
        same("each of them, by login", login.user.as_ref(), Some(user))?;
    }
    Ok(())
}

pub(super) async fn no_verb_reaches_another_tenant<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (_, user) = account(&*store, &ground).await?;
    let theirs = tenant(&*store, &ground).await?;
    let (tenant, id, name) = (theirs.tenant_id, user.user_id, user.identifier.clone());
    same("by id", store.get_user(tenant, id).await?, None)?;
    same("by name", store.find_user(tenant, name.clone()).await?, None)?;
    same("by login", store.find_login(theirs.slug.clone(), name).await?.user, None)?;
    same("listed", store.find_users(tenant, Page { after: None, limit: MANY }).await?, vec![])?;
    let change = UserChange { status: Some(UserStatus::Suspended), ..UserChange::default() };
    same("changed", store.update_user(tenant, id, change).await?, SaveOutcome::Conflict)?;
    same("erased", store.erase_user(tenant, id, "asked for".into()).await?, SaveOutcome::Conflict)?;
    reads(&*store, "the account after all of them", &user).await
}
