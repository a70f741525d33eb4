use serde::{Deserialize, Serialize};

/// The most entries of a page, and how many there are unless fewer are asked for.
pub const MAX_PAGE: u32 = 100;

/// One page of a list.
///
/// ```
/// use audex_server::model::Page;
/// let page = Page { items: vec![1, 2], next: Some("2".to_owned()) };
/// assert_eq!(serde_json::to_string(&page).unwrap(), r#"{"items":[1,2],"next":"2"}"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The entries, newest first.
    pub items: Vec<T>,
    /// What to pass as `after` for the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which page is asked for.
///
/// ```
/// use audex_server::model::PageQuery;
/// assert_eq!(PageQuery::default().size(), 100);
/// assert_eq!(PageQuery { limit: Some(5_000), after: None }.size(), 100);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct PageQuery {
    /// How many entries at most.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Where the page begins: `next` of the one before.
    #[serde(default)]
    pub after: Option<String>,
}

impl PageQuery {
    /// Returns how many entries the page has at most.
    pub fn size(&self) -> u32 {
        self.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE)
    }
}
