//! The confirmation of a program's login.

use super::{frame::Frame, parts::When};
use crate::access::keys::KeyFate;
use askama::Template;

/// The page on which somebody confirms that a program may act for them.
///
/// ```
/// use audex_server::console::view::{device::{DevicePage, DeviceStep}, frame::{Frame, Here}};
/// use askama::Template;
/// let page = DevicePage { frame: Frame::new("Connect a device", Here::Elsewhere), step: DeviceStep::Code, fault: None };
/// assert!(page.render().unwrap().contains("user_code"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "device.html")]
pub struct DevicePage {
    /// What all pages have.
    pub frame: Frame,
    /// What is to be done.
    pub step: DeviceStep,
    /// What was wrong the last time.
    pub fault: Option<String>,
}

/// Where the confirmation of a device stands.
///
/// ```
/// use audex_server::console::view::device::DeviceStep;
/// assert_ne!(DeviceStep::Code, DeviceStep::Over { is_allowed: true });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceStep {
    /// The code is typed in.
    Code,
    /// The code is compared.
    Compare {
        /// The code, as the program shows it.
        user_code: String,
        /// What the program calls itself; nothing vouches for it.
        client: String,
        /// As whom the program will act.
        identity: String,
        /// What it may do then, in words.
        scopes: String,
        /// From where the program asked, as far as is known.
        from: Option<String>,
        /// When it asked.
        asked: When,
        /// What becomes of its key.
        key: KeyFate,
    },
    /// It is decided.
    Over {
        /// Whether it may.
        is_allowed: bool,
    },
}
