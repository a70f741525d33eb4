//! Addresses in the server's file: of databases, of a mail server, of what is posted to or fetched.

use crate::remote::ServerAddress;
use reqwest::Url;
use std::{net::IpAddr, str::FromStr};

/// How a connection to PostgreSQL may be encrypted, as libpq calls it.
const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// The address of a database of the server's own.
pub(super) struct DatabaseUrl(pub(super) String);

impl FromStr for DatabaseUrl {
    type Err = &'static str;

    /// What follows `sqlite:` is the path of a file as it is: a `%` or a `?` in it is a character like any other.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(path) = text.strip_prefix("sqlite:") else {
            return match text.parse::<PostgresUrl>() {
                Ok(url) => Ok(Self(url.0)),
                Err(why) if text.starts_with("postgres") => Err(why),
                Err(_) => Err(
                    "an address is needed, as in postgresql://user:password@localhost/audex or sqlite:/var/lib/audex/audex.db",
                ),
            };
        };
        let is_file = |path: &str| !path.ends_with('/') && !path.ends_with("/.") && !path.ends_with("/..");
        match path {
            ":memory:" | "//:memory:" => Err(
                "a database in memory would be gone with the server: a file is needed, as in sqlite:/var/lib/audex/audex.db",
            ),
            _ if path.starts_with("//") || !path.starts_with('/') => Err(
                "the absolute path of a file comes right after sqlite:, as in sqlite:/var/lib/audex/audex.db",
            ),
            _ if path.chars().any(char::is_control) => Err("the path of a file has no control characters"),
            _ if !is_file(path) => {
                Err("this is a folder: the path of a file is needed, as in sqlite:/var/lib/audex/audex.db")
            }
            _ => Ok(Self(text.to_owned())),
        }
    }
}

/// The address of a PostgreSQL database.
pub(super) struct PostgresUrl(pub(super) String);

impl FromStr for PostgresUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = "an address is needed, as in postgresql://user:password@localhost:5432/audex";
        let rest = text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"));
        let is_sound = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_control));
        if !is_sound || text.len() > 2_048 {
            return Err(form);
        }
        let url = Url::parse(text).map_err(|_| form)?;
        for (key, value) in url.query_pairs() {
            match &*key {
                "sslmode" | "ssl-mode" if !SSL_MODES.contains(&&*value.to_ascii_lowercase()) => {
                    return Err("sslmode is disable, allow, prefer, require, verify-ca or verify-full");
                }
                "port" if value.parse::<u16>().is_err() => return Err("a port is a number up to 65535"),
                "hostaddr" if value.parse::<IpAddr>().is_err() => {
                    return Err("hostaddr is an IP address");
                }
                _ => {}
            }
        }
        Ok(Self(text.to_owned()))
    }
}

/// The address of a mail server.
pub(super) struct SmtpUrl(pub(super) String);

impl FromStr for SmtpUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("smtps://").or_else(|| text.strip_prefix("smtp://"));
        match rest {
            Some(rest) if !rest.is_empty() && text.len() <= 2_048 => Ok(Self(text.to_owned())),
            _ => Err("an address is needed, as in smtp://user:password@mail.example.com:587"),
        }
    }
}

/// An address that something is posted to or fetched from: encrypted, or on this machine.
pub(super) struct WebAddress(pub(super) String);

impl FromStr for WebAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form =
            "an https address is needed (http only for this machine, as in http://127.0.0.1:9000/hook)";
        let uri: http::Uri = text.parse().map_err(|_| form)?;
        let is_local = uri.host().is_some_and(ServerAddress::is_loopback);
        match uri.scheme_str() {
            Some("https") => Ok(Self(text.to_owned())),
            Some("http") if is_local => Ok(Self(text.to_owned())),
            _ => Err(form),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_sqlite_is_the_path_of_a_file_as_it_is() {
        for path in
            ["/var/lib/audex/audex.db", "/srv/50%25 off?.db", "/srv/a#b&mode=memory.db", "/srv/x y/ü.db"]
        {
            let url = format!("sqlite:{path}");
            assert_eq!(url.parse::<DatabaseUrl>().map(|url| url.0), Ok(url.clone()));
        }
        for (text, part) in [
            ("sqlite:", "the absolute path"),
            ("sqlite:audex.db", "the absolute path"),
            ("sqlite:./audex.db", "the absolute path"),
            ("sqlite://localhost/audex.db", "right after sqlite:"),
            ("sqlite:///var/lib/audex/audex.db", "right after sqlite:"),
            ("sqlite::memory:", "in memory"),
            ("sqlite:/var/lib/audex/", "this is a folder"),
            ("sqlite:/var/lib/audex/..", "this is a folder"),
            ("sqlite:/var/lib/\u{7}.db", "control characters"),
            ("mysql://db/audex", "or sqlite:/var/lib/audex/audex.db"),
            ("/var/lib/audex/audex.db", "or sqlite:/var/lib/audex/audex.db"),
            ("postgresql://db/audex?sslmode=on", "sslmode is"),
        ] {
            let why = text.parse::<DatabaseUrl>().map(|url| url.0).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
    }
}
