//! Requests, ceilings and denials, and what they mean for a single action on a single resource: decided by the shortest
//! code that can, which shares nothing with the crate.

use audex_policy::{Ceiling, Narrowing, Provider, Request, Rules, narrow};
use proptest::prelude::*;

pub(crate) const ACTIONS: [&str; 10] = [
    "s3:GetObject",
    "s3:GetObjectAcl",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:ListBucket",
    "sqs:SendMessage",
    "sqs:DeleteMessage",
    "sqs:DeleteQueue",
    "iam:GetRole",
    "iam:PassRole",
];

pub(crate) const RESOURCES: [&str; 12] = [
    "arn:aws:s3:::logs",
    "arn:aws:s3:::data",
    "arn:aws:s3:::logs/a/x",
    "arn:aws:s3:::logs/a/y",
    "arn:aws:s3:::logs/b/x",
    "arn:aws:s3:::data/a/x",
    "arn:aws:s3:::data/b/y",
    "arn:aws:sqs:eu-west-1:123456789012:jobs",
    "arn:aws:sqs:us-east-1:123456789012:jobs",
    "arn:aws:sqs:us-east-1:210987654321:mail",
    "arn:aws:iam::123456789012:role/app",
    "arn:aws:iam::123456789012:role/admin",
];

/// An action pattern and a resource pattern.
pub(crate) type Entry = (String, String);

/// What is asked for, and what stands against it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) asked: Vec<Entry>,
    pub(crate) ceilings: Vec<Vec<Entry>>,
    pub(crate) denies: Vec<Entry>,
}

impl Case {
    /// Every action on every resource.
    pub(crate) fn points() -> impl Iterator<Item = (&'static str, &'static str)> {
        ACTIONS.into_iter().flat_map(|action| RESOURCES.into_iter().map(move |resource| (action, resource)))
    }

    pub(crate) fn is_asked(&self, action: &str, resource: &str) -> bool {
        any(&self.asked, action, resource)
    }

    pub(crate) fn is_granted(&self, action: &str, resource: &str) -> bool {
        self.is_asked(action, resource)
            && self.ceilings.iter().all(|ceiling| any(ceiling, action, resource))
            && !any(&self.denies, action, resource)
    }

    pub(crate) fn request(&self) -> Request {
        Request::parse(Provider::Aws, &texts(&self.asked).join(","), &[]).unwrap()
    }

    pub(crate) fn narrowed(&self) -> Narrowing {
        self.narrowed_from(&self.request())
    }

    pub(crate) fn narrowed_from(&self, request: &Request) -> Narrowing {
        let ceiling = |(at, entries): (usize, &Vec<Entry>)| Ceiling {
            name: format!("ceiling {at}"),
            rules: Rules::parse(texts(entries)).unwrap(),
        };
        let ceilings: Vec<Ceiling> = self.ceilings.iter().enumerate().map(ceiling).collect();
        narrow(request, &ceilings, &Rules::parse(texts(&self.denies)).unwrap()).unwrap()
    }

    /// The same with everything in another order.
    pub(crate) fn turned(&self) -> Self {
        fn reversed<T: Clone>(list: &[T]) -> Vec<T> {
            list.iter().rev().cloned().collect()
        }
        let ceilings = self.ceilings.iter().rev().map(|ceiling| reversed(ceiling)).collect();
        Self { asked: reversed(&self.asked), ceilings, denies: reversed(&self.denies) }
    }
}

pub(crate) fn texts(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|(action, resource)| format!("{action}={resource}")).collect()
}

pub(crate) fn any(entries: &[Entry], action: &str, resource: &str) -> bool {
    entries.iter().any(|entry| fits_action(&entry.0, action) && fits_resource(&entry.1, resource))
}

pub(crate) fn fits_action(pattern: &str, action: &str) -> bool {
    pattern == "*" || fits_parts(&pattern.to_lowercase(), &action.to_lowercase(), 2)
}

pub(crate) fn fits_resource(pattern: &str, resource: &str) -> bool {
    pattern == "*" || fits_parts(pattern, resource, 6)
}

/// Compares parts between colons one by one; the last part has the rest of the colons.
fn fits_parts(pattern: &str, text: &str, parts: usize) -> bool {
    let (pattern, text): (Vec<&str>, Vec<&str>) =
        (pattern.splitn(parts, ':').collect(), text.splitn(parts, ':').collect());
    pattern.len() == text.len()
        && pattern.iter().zip(text).all(|(pattern, text)| fits(pattern.as_bytes(), text.as_bytes()))
}

fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], _) => text.is_empty(),
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|n| fits(rest, &text[n..])),
        ([_, ..], []) => false,
        ([c, rest @ ..], [letter, others @ ..]) => (*c == b'?' || c == letter) && fits(rest, others),
    }
}

/// Puts wildcards over random places of a text, between `from` and its end, never over a colon.
fn blurred(text: &str, from: usize, places: &[(usize, usize)]) -> String {
    let mut parts: Vec<String> = text.chars().map(String::from).collect();
    for (start, length) in places {
        let start = from + start % (text.len() - from);
        for part in parts.iter_mut().skip(start).take(*length).take_while(|part| *part != ":") {
            *part = if *length == 1 { "?".to_owned() } else { "*".to_owned() };
        }
    }
    parts.concat()
}

fn places() -> impl Strategy<Value = Vec<(usize, usize)>> {
    proptest::collection::vec((0..60_usize, 1..7_usize), 0..3)
}

/// Takes each entry from something there is, so that none of them fits nothing.
fn entry(with_open_services: bool) -> impl Strategy<Value = Entry> {
    let action = (proptest::sample::select(ACTIONS.to_vec()), places(), 0..8_u8);
    let resource = (proptest::sample::select(RESOURCES.to_vec()), places(), 0..3_u8);
    (action, resource).prop_map(move |((action, action_places, kind), (resource, places, any))| {
        let name = action.find(':').unwrap() + 1;
        let action = match kind {
            0 => "*".to_owned(),
            1 => format!("{}*", &action[..name]),
            2 if with_open_services => format!("*{}", &action[name - 1..]),
            _ => blurred(action, name, &action_places),
        };
        let resource = if any == 0 { "*".to_owned() } else { blurred(resource, 8, &places) };
        (action, resource)
    })
}

pub(crate) fn cases() -> impl Strategy<Value = Case> {
    use proptest::collection::vec;
    (vec(entry(false), 1..5), vec(vec(entry(true), 1..5), 0..3), vec(entry(true), 0..4))
        .prop_map(|(asked, ceilings, denies)| Case { asked, ceilings, denies })
}
