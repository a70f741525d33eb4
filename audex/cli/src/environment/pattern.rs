//! Names with stars.

/// Tells whether a name is one that `pattern` stands for: `*` is any bytes, ASCII letters match without regard to case.
pub(super) fn matches(pattern: &str, name: &[u8]) -> bool {
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else { return name.is_empty() };
    let Some(mut rest) = strip_start(name, first.as_bytes()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        let part = part.as_bytes();
        if parts.peek().is_none() {
            return rest.len() >= part.len()
                && rest.get(rest.len() - part.len()..).is_some_and(|end| end.eq_ignore_ascii_case(part));
        }
        // The earliest place is as good as any for what follows a star.
        let found = (0..=rest.len()).find_map(|at| strip_start(rest.get(at..)?, part));
        let Some(after) = found else { return false };
        rest = after;
    }
    true
}

fn strip_start<'a>(name: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = name.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_bytes() {
        for (pattern, name) in [
            ("A", "a"),
            ("AWS_*", "AWS_"),
            ("AWS_*", "aws_x"),
            ("*_TOKEN", "_token"),
            ("*_TOKEN", "X_TOKEN_TOKEN"),
            ("TF_VAR_*KEY*", "TF_VAR_KEY"),
            ("TF_VAR_*KEY*", "tf_var_a_key_b"),
            ("*A*B*", "xaab"),
        ] {
            assert!(matches(pattern, name.as_bytes()), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("A", ""),
            ("A", "AB"),
            ("AWS_*", "AWS"),
            ("*_TOKEN", "TOKEN"),
            ("AB*BA", "ABA"),
            ("TF_VAR_*KEY*", "TF_VAKEY"),
            ("*A*B*", "BA"),
        ] {
            assert!(!matches(pattern, name.as_bytes()), "{pattern} {name}");
        }
        assert!(matches("AWS_*", b"AWS_\xff"));
    }
}
