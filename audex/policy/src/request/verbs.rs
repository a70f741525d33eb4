//! Verbs that mean the same with every provider.

use crate::{Provider, catalogue::nearest::nearest};

const VERBS: &str = include_str!("../../data/verbs.txt");

/// Returns the universal verbs and what each stands for with a provider.
///
/// With `local` a verb stands for itself.
///
/// ```
/// use audex_policy::{Provider, universal_verbs};
///
/// let reads: Vec<_> = universal_verbs(Provider::Aws).filter(|(verb, _)| *verb == "storage:read").collect();
/// assert_eq!(reads, [("storage:read", vec!["s3:GetObject"])]);
/// ```
pub fn universal_verbs(provider: Provider) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    lines()
        .filter(move |line| line.1 == provider.name())
        .map(|(verb, _, actions)| (verb, actions.split(',').collect()))
}

/// What a text is as a verb.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// These actions.
    Actions(Vec<&'static str>),
    /// A verb, but not with this provider.
    Nothing,
    /// No verb.
    NoVerb,
}

pub(crate) fn meaning(provider: Provider, text: &str) -> Meaning {
    let of_verb: Vec<_> = lines().filter(|line| line.0.eq_ignore_ascii_case(text)).collect();
    let Some(first) = of_verb.first() else { return Meaning::NoVerb };
    if provider == Provider::Local {
        return Meaning::Actions(vec![first.0]);
    }
    match of_verb.iter().find(|line| line.1 == provider.name()) {
        Some(line) => Meaning::Actions(line.2.split(',').collect()),
        None => Meaning::Nothing,
    }
}

/// Who understands a text as a verb.
pub(crate) enum Verb {
    /// These providers.
    Of(Vec<Provider>),
    /// It is no verb.
    None,
}

pub(crate) fn verb(text: &str) -> Verb {
    if meaning(Provider::Local, text) == Meaning::NoVerb {
        return Verb::None;
    }
    let understands = |provider: &Provider| matches!(meaning(*provider, text), Meaning::Actions(_));
    Verb::Of(Provider::ALL.into_iter().filter(understands).collect())
}

/// Returns the verb that a mistyped one was meant to be.
pub(crate) fn suggest(text: &str) -> Option<&'static str> {
    nearest(text, lines().map(|line| line.0))
}

fn lines() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    VERBS.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut fields = line.split('\t');
        Some((fields.next()?, fields.next()?, fields.next()?))
    })
}
