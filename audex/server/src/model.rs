//! What the server keeps: people, tokens, keys, requests.

mod ask;
mod page;
mod pending;
mod person;
mod token;

pub use ask::{Ask, AskFault};
pub use page::{MAX_PAGE, Page, PageQuery};
pub use pending::{PendingRequest, RequestState};
pub use person::{Person, PersonKind};
pub use token::{ApiToken, ApprovalKey};
