//! Who is known.

use super::{
    frame::Frame,
    me::{MadeToken, TokenRow},
    parts::When,
};
use crate::model::{Person, PersonKind};
use askama::Template;

/// The page of people and services.
///
/// ```
/// use audex_server::console::view::{frame::{Frame, Here}, people::{PeoplePage, PersonFields}};
/// use askama::Template;
/// let page = PeoplePage {
///     frame: Frame::new("People", Here::People),
///     rows: vec![],
///     next: None,
///     fields: PersonFields::default(),
///     invitation: None,
///     fault: None,
///     is_fresh: true,
/// };
/// assert!(page.render().unwrap().contains("Invite"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "people.html")]
pub struct PeoplePage {
    /// What all pages have.
    pub frame: Frame,
    /// Who is known.
    pub rows: Vec<PersonRow>,
    /// The address of the next page.
    pub next: Option<String>,
    /// What stands in the form.
    pub fields: PersonFields,
    /// The link that was just made, and for whom.
    pub invitation: Option<InvitationLink>,
    /// What is wrong.
    pub fault: Option<String>,
    /// Whether the second factor was proved recently enough for a change.
    pub is_fresh: bool,
}

/// The page of one person.
///
/// ```
/// fn title(page: &audex_server::console::view::people::PersonPage) -> &str {
///     &page.frame.title
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "person.html")]
pub struct PersonPage {
    /// What all pages have.
    pub frame: Frame,
    /// Whom it is about.
    pub row: PersonRow,
    /// What stands in the form.
    pub fields: PersonFields,
    /// The link that was just made.
    pub invitation: Option<InvitationLink>,
    /// The tokens of a service.
    pub tokens: Vec<TokenRow>,
    /// The tokens that a person made for services: what they are called, and of which.
    pub left: Vec<(String, String)>,
    /// The token that was just made.
    pub made: Option<MadeToken>,
    /// What a token may be for.
    pub scopes: Vec<&'static str>,
    /// What is wrong.
    pub fault: Option<String>,
    /// Whether the second factor was proved recently enough for a change.
    pub is_fresh: bool,
}

/// A link with which somebody enrols, once.
///
/// It is shown to whoever made it, and not kept.
///
/// ```
/// use audex_server::console::view::people::InvitationLink;
/// let link = InvitationLink { email: "a@example.com".into(), link: "https://x/enrol/y".into() };
/// assert!(!format!("{link:?}").contains("enrol"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationLink {
    /// For whom.
    pub email: String,
    /// The address.
    pub link: String,
}

/// Somebody in the list.
///
/// ```
/// fn is_service(row: &audex_server::console::view::people::PersonRow) -> bool {
///     row.is_service
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// Who.
    pub id: String,
    /// Their address.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// Whether they never log in.
    pub is_service: bool,
    /// Their teams.
    pub groups: Vec<String>,
    /// In which roles they act.
    pub roles: Vec<String>,
    /// Whether they can do nothing any more.
    pub is_disabled: bool,
    /// Since when they are known.
    pub since: When,
}

/// What stands in the form about a person.
///
/// ```
/// use audex_server::console::view::people::PersonFields;
/// assert!(PersonFields::default().email.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonFields {
    /// The address.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// Whether they never log in.
    pub is_service: bool,
    /// The teams, with commas.
    pub groups: String,
    /// The roles, with commas.
    pub roles: String,
}

impl PersonPage {
    /// Returns the path of the page.
    pub fn path(&self) -> String {
        format!("/console/people/{}", self.row.id)
    }

    /// Returns where the form for a token is posted to.
    pub fn token_path(&self) -> String {
        format!("{}/tokens", self.path())
    }
}

impl PersonRow {
    /// Describes somebody.
    pub fn new(person: &Person) -> Self {
        Self {
            id: person.user_id.to_string(),
            email: person.email.clone(),
            name: person.display_name.clone(),
            is_service: person.kind == PersonKind::Service,
            groups: person.groups.clone(),
            roles: person.roles.clone(),
            is_disabled: person.is_disabled,
            since: When::new(person.created_at),
        }
    }
}

impl PersonFields {
    /// Fills the form with what is known.
    pub fn new(person: &Person) -> Self {
        Self {
            email: person.email.clone(),
            name: person.display_name.clone(),
            is_service: person.kind == PersonKind::Service,
            groups: person.groups.join(", "),
            roles: person.roles.join(", "),
        }
    }
}

impl std::fmt::Debug for InvitationLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InvitationLink").field("email", &self.email).finish_non_exhaustive()
    }
}
