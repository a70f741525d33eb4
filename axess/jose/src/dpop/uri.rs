/// Returns scheme, authority and path in one spelling (RFC 3986 §6.2.2, §6.2.3), without query and fragment.
///
/// `None` for anything but `http` and `https` with a host and without user information.
pub(super) fn normalised(uri: &str) -> Option<String> {
    let uri = uri.split(['?', '#']).next()?;
    if !uri.bytes().all(|byte| byte.is_ascii_graphic() && !br#"\"<>^`{|}"#.contains(&byte)) {
        return None;
    }
    let (scheme, rest) = uri.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let authority = authority.to_ascii_lowercase();
    let authority =
        authority.strip_suffix(default_port).or(authority.strip_suffix(':')).unwrap_or(&authority);
    if authority.is_empty() || authority.starts_with(':') || authority.contains('@') {
        return None;
    }
    Some(format!("{scheme}://{authority}{}", without_dots(&decoded(path)?)))
}

/// Tells whether a path has a segment `.` or `..`, also an encoded one: routers differ in where such a path leads.
pub(super) fn has_dot_segments(uri: &str) -> bool {
    let uri = uri.split(['?', '#']).next().unwrap_or_default();
    decoded(uri).is_none_or(|uri| uri.split('/').any(|segment| matches!(segment, "." | "..")))
}

/// Decodes what need not be encoded, and writes the other escapes in capitals.
fn decoded(path: &str) -> Option<String> {
    let mut parts = path.split('%');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        let byte = u8::from_str_radix(digits, 16)
            .ok()
            .filter(|_| digits.bytes().all(|one| one.is_ascii_hexdigit()))?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            plain.push(char::from(byte));
        } else {
            plain.push_str(&format!("%{byte:02X}"));
        }
        plain.push_str(rest);
    }
    Some(plain)
}

/// Removes the segments `.` and `..` (RFC 3986 §5.2.4); an empty path is `/`.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        for (uri, expected) in [
            ("https://api.example.com", "https://api.example.com/"),
            ("https://api.example.com/", "https://api.example.com/"),
            ("HTTPS://API.Example.COM:443/A?b=c#d", "https://api.example.com/A"),
            ("https://api.example.com?x", "https://api.example.com/"),
            ("https://api.example.com#x", "https://api.example.com/"),
            ("http://127.0.0.1:80/", "http://127.0.0.1/"),
            ("http://[::1]:8080/x", "http://[::1]:8080/x"),
            ("http://[::1]:80/x", "http://[::1]/x"),
            ("https://a.example:/x", "https://a.example/x"),
            ("https://a.example:80/x", "https://a.example:80/x"),
            ("https://a.example/%7ebob/%c3%a9/%2F", "https://a.example/~bob/%C3%A9/%2F"),
            ("https://a.example/a/./b/../c", "https://a.example/a/c"),
            ("https://a.example/a/b/..", "https://a.example/a/"),
            ("https://a.example/a/%2e%2E/c", "https://a.example/c"),
            ("https://a.example/../../c/.", "https://a.example/c/"),
            ("https://a.example//a//", "https://a.example//a//"),
        ] {
            assert_eq!(normalised(uri).as_deref(), Some(expected), "{uri}");
            assert_eq!(normalised(expected).as_deref(), Some(expected), "{expected}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_request() {
        for uri in [
            "",
            "/",
            "api.example.com/x",
            "ftp://a.example/",
            "https:///x",
            "https://",
            "https://:443/",
            "https://u@a.example/",
            "https://a.example@b.example/",
            "https://a.example\\@b.example/",
            "https://a.example/ x",
            "https://a.exämple/",
            "https://a.example/%",
            "https://a.example/%4",
            "https://a.example/%zz",
            "https://a.example/%+1",
            "https://a.example/\n",
            "//a.example/x",
        ] {
            assert_eq!(normalised(uri), None, "{uri}");
        }
    }

    #[test]
    fn different_resources_stay_different() {
        let path = |path: &str| normalised(&format!("https://a.example{path}"));
        for (one, other) in
            [("/a", "/A"), ("/a", "/a/"), ("/a%2Fb", "/a/b"), ("/a//b", "/a/b"), ("/a", "/a%00")]
        {
            assert_ne!(path(one), path(other));
        }
    }
}
