//! One record for each session: what was asked, what was given, how it ended.

mod folder;
mod id;
mod local;
mod record;
mod status;
mod step;
mod store;

pub use folder::{SessionFolder, SessionGuard, SessionStoreError, Unreadable};
pub use id::{ParseSessionIdError, SessionId};
pub use local::LocalSessions;
pub use record::{CredentialRecord, Delivery, Ending, EntryPoint, SCHEMA_VERSION, SessionRecord};
pub use status::SessionStatus;
pub use step::{Step, Told};
pub use store::{Beginning, Change, Renewal, SessionStore};
