use serde::Serialize;

/// A standard that a report is for.
///
/// ```
/// use audex_report::Standard;
/// assert_eq!(Standard::from_name("soc2"), Some(Standard::Soc2));
/// assert_eq!(Standard::Iso27001.title(), "ISO/IEC 27001:2022");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standard {
    /// The AICPA's trust services criteria of 2017, with the points of focus of 2022.
    Soc2,
    /// ISO/IEC 27001:2022, Annex A.
    Iso27001,
}

/// A control of a standard.
///
/// ```
/// use audex_report::{Standard, Control};
/// let first: Control = Standard::Soc2.controls()[0];
/// assert_eq!(first.id, "CC6.1");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Control {
    /// Its number.
    pub id: &'static str,
    /// What it is about, in few words.
    pub title: &'static str,
}

/// What a figure is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    Sessions,
    Access,
    Approval,
    Separation,
    Budget,
    Denial,
    Login,
    Administration,
    Revocation,
    Log,
}

const fn control(id: &'static str, title: &'static str) -> Control {
    Control { id, title }
}

const SOC2: [Control; 8] = [
    control("CC6.1", "Logical access is restricted to what is authorised"),
    control("CC6.2", "Users are registered and authorised before they get credentials"),
    control("CC6.3", "Access follows roles, least privilege and separation of duties"),
    control("CC6.6", "Access from outside is held back"),
    control("CC7.2", "The system is monitored for anomalies"),
    control("CC7.3", "Security events are evaluated and acted on"),
    control("CC8.1", "Changes are authorised before they are made"),
    control("A1.1", "Use of capacity is monitored and kept within limits"),
];

const ISO27001: [Control; 14] = [
    control("5.3", "Segregation of duties"),
    control("5.15", "Access control"),
    control("5.16", "Identity management"),
    control("5.18", "Access rights"),
    control("5.23", "Information security for use of cloud services"),
    control("5.26", "Response to information security incidents"),
    control("5.28", "Collection of evidence"),
    control("8.2", "Privileged access rights"),
    control("8.3", "Information access restriction"),
    control("8.5", "Secure authentication"),
    control("8.6", "Capacity management"),
    control("8.15", "Logging"),
    control("8.16", "Monitoring activities"),
    control("8.32", "Change management"),
];

impl Standard {
    /// Lists every standard.
    pub const ALL: [Self; 2] = [Self::Soc2, Self::Iso27001];

    /// Finds a standard by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standard| standard.name() == name)
    }

    /// Returns its name, as in addresses and names of files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Soc2 => "soc2",
            Self::Iso27001 => "iso27001",
        }
    }

    /// Returns its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Soc2 => "SOC 2",
            Self::Iso27001 => "ISO/IEC 27001:2022",
        }
    }

    /// Returns what its controls are called as a whole.
    pub const fn catalogue(self) -> &'static str {
        match self {
            Self::Soc2 => "Trust services criteria (2017, revised points of focus 2022)",
            Self::Iso27001 => "Annex A of ISO/IEC 27001:2022",
        }
    }

    /// Returns the controls that reports support.
    pub const fn controls(self) -> &'static [Control] {
        match self {
            Self::Soc2 => &SOC2,
            Self::Iso27001 => &ISO27001,
        }
    }

    /// Returns the controls that figures about something support.
    pub(crate) const fn supported_by(self, topic: Topic) -> &'static [&'static str] {
        match self {
            Self::Soc2 => match topic {
                Topic::Sessions => &["CC6.1", "CC6.3"],
                Topic::Access => &["CC6.1", "CC6.2", "CC6.3"],
                Topic::Approval => &["CC6.3", "CC8.1"],
                Topic::Separation => &["CC6.3", "CC8.1"],
                Topic::Budget => &["A1.1", "CC7.2"],
                Topic::Denial => &["CC6.1", "CC6.6", "CC7.2"],
                Topic::Login => &["CC6.1", "CC7.2"],
                Topic::Administration => &["CC6.2", "CC6.3"],
                Topic::Revocation => &["CC6.3", "CC7.3"],
                Topic::Log => &["CC7.2", "CC7.3"],
            },
            Self::Iso27001 => match topic {
                Topic::Sessions => &["5.15", "5.23", "8.2"],
                Topic::Access => &["5.15", "5.16", "5.18"],
                Topic::Approval => &["5.18", "8.2", "8.32"],
                Topic::Separation => &["5.3", "8.2"],
                Topic::Budget => &["8.6", "8.16"],
                Topic::Denial => &["5.15", "8.3", "8.16"],
                Topic::Login => &["8.5", "8.16"],
                Topic::Administration => &["5.16", "5.18", "8.2"],
                Topic::Revocation => &["5.18", "5.26"],
                Topic::Log => &["5.28", "8.15"],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_supports_controls_that_there_are_and_every_control_a_figure() {
        use Topic::*;
        let topics =
            [Sessions, Access, Approval, Separation, Budget, Denial, Login, Administration, Revocation, Log];
        for standard in Standard::ALL {
            let named: Vec<&str> =
                topics.iter().flat_map(|topic| standard.supported_by(*topic)).copied().collect();
            let known: Vec<&str> = standard.controls().iter().map(|control| control.id).collect();
            assert!(named.iter().all(|id| known.contains(id)), "{named:?}");
            assert!(known.iter().all(|id| named.contains(id)), "{known:?}");
            assert!(topics.iter().all(|topic| !standard.supported_by(*topic).is_empty()));
        }
        assert_eq!(Standard::from_name("SOC2"), None);
    }
}
