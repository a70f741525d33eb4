//! What somebody meant who mistyped a name.

/// The longest name that is compared.
const MAX_NAME: usize = 120;

/// Returns the candidate nearest to a text, unless all are too different.
///
/// The first of equals wins; capitals and small letters are alike.
///
/// ```
/// assert_eq!(audex_policy::nearest("GetObjct", ["GetObject", "PutObject"]), Some("GetObject"));
/// ```
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = text.chars().take(MAX_NAME).map(|c| c.to_ascii_lowercase()).collect();
    let limit = 1 + wanted.len() / 6;
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate.len().abs_diff(wanted.len()) > limit || candidate.len() > MAX_NAME {
            continue;
        }
        let distance = distance(&wanted, candidate);
        if distance <= limit && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Returns how many letters have to be added, left out, changed or swapped with their neighbour.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let changed = cell(&last, j) + usize::from(x != y);
            let mut least = changed.min(cell(&last, j + 1) + 1).min(cell(&row, j) + 1);
            let is_swapped = i > 0 && j > 0 && a.get(i - 1) == Some(&y) && b.get(j - 1) == Some(&x);
            if is_swapped {
                least = least.min(cell(&before_last, j - 1) + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found() {
        let names = ["GetObject", "GetObjectAcl", "PutObject", "ListBucket"];
        for (text, expected) in [
            ("GetObjct", Some("GetObject")),
            ("getojbect", Some("GetObject")),
            ("PutObjects", Some("PutObject")),
            ("ListBuckets", Some("ListBucket")),
            ("Delete", None),
            ("", None),
        ] {
            assert_eq!(nearest(text, names), expected, "{text}");
        }
        let settings = ["role_arn", "region", "endpoint_url", "deny"];
        for (text, expected) in [
            ("regoin", Some("region")),
            ("Region", Some("region")),
            ("rolearn", Some("role_arn")),
            ("role_arm", Some("role_arn")),
            ("denny", Some("deny")),
            ("profile", None),
        ] {
            assert_eq!(nearest(text, settings), expected, "{text}");
        }
        assert_eq!(nearest(&"r".repeat(100_000), settings), None);
    }
}
