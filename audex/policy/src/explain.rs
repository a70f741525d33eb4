//! A grant in plain sentences.

use std::collections::BTreeMap;

use crate::{AccessLevel, ActionPattern, Catalogue, Grant, compile::grouped};

/// How many actions are named before the rest is counted.
const NAMED: usize = 12;

/// Explains a grant: one sentence for each group of actions, then one for the denials.
///
/// ```
/// use audex_policy::{Provider, Request, Rules, explain, narrow};
///
/// let request = Request::parse(Provider::Aws, "s3:GetObject,s3:ListBucket=arn:aws:s3:::logs", &[])?;
/// let grant = narrow(&request, &[], &Rules::parse(["s3:Delete*"])?).unwrap().grant;
/// assert_eq!(
///     explain(&grant),
///     [
///         "May read (s3:GetObject) on every resource.",
///         "May list (s3:ListBucket) on arn:aws:s3:::logs.",
///         "May never s3:Delete* on every resource, whatever else allows it.",
///     ]
/// );
/// # Ok::<(), audex_policy::Faults>(())
/// ```
pub fn explain(grant: &Grant) -> Vec<String> {
    if grant.is_empty() {
        return vec!["May do nothing.".to_owned()];
    }
    let catalogue = Catalogue::of(grant.provider());
    let mut sentences: Vec<String> = grouped(grant.allow())
        .into_iter()
        .map(|(resources, actions)| {
            format!("May {} on {}.", verbs(&catalogue, grant, &actions), places(&resources))
        })
        .collect();
    for (resources, actions) in grouped(grant.deny()) {
        let actions = listed(&actions);
        sentences.push(format!("May never {actions} on {}, whatever else allows it.", places(&resources)));
    }
    sentences
}

fn verbs(catalogue: &Catalogue, grant: &Grant, actions: &[String]) -> String {
    let mut by_level: BTreeMap<Option<AccessLevel>, Vec<String>> = BTreeMap::new();
    let mut wildcards = Vec::new();
    for text in actions {
        match ActionPattern::parse(grant.provider(), text) {
            Ok(action) if action.is_single() => {
                let level = catalogue.get(text).map(|known| known.level());
                by_level.entry(level).or_default().push(text.clone());
            }
            Ok(action) => wildcards.push(wildcard(catalogue, &action)),
            Err(_) => by_level.entry(None).or_default().push(text.clone()),
        }
    }
    let single = by_level.into_iter().map(|(level, names)| match level {
        Some(level) => format!("{} ({})", level.name(), listed(&names)),
        None => format!("do {}", listed(&names)),
    });
    let parts: Vec<String> = single.chain(wildcards).collect();
    parts.join(", and ")
}

fn wildcard(catalogue: &Catalogue, action: &ActionPattern) -> String {
    if action.is_any() {
        return "do everything".to_owned();
    }
    let mut counts: BTreeMap<AccessLevel, usize> = BTreeMap::new();
    for known in catalogue.expand(action) {
        *counts.entry(known.level()).or_default() += 1;
    }
    let total: usize = counts.values().sum();
    if total == 0 {
        return format!("do {action}");
    }
    let parts: Vec<String> =
        counts.iter().map(|(level, count)| format!("{count} to {}", level.name())).collect();
    let actions = if total == 1 { "action" } else { "actions" };
    format!("do {action} ({total} {actions} today: {})", parts.join(", "))
}

fn places(resources: &[String]) -> String {
    match resources {
        [one] if one == "*" => "every resource".to_owned(),
        several => listed(several),
    }
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Provider, Request, Rules, explain, narrow};

    fn sentences(provider: Provider, text: &str) -> Vec<String> {
        let request = Request::parse(provider, text, &[]).unwrap();
        explain(&narrow(&request, &[], &Rules::default()).unwrap().grant)
    }

    #[test]
    fn wildcards_say_how_many_actions_they_are() {
        assert_eq!(
            sentences(Provider::Aws, "sqs:*eQueue"),
            ["May do sqs:*eQueue (3 actions today: 3 to change) on every resource."]
        );
        assert_eq!(sentences(Provider::Aws, "*"), ["May do everything on every resource."]);
    }

    #[test]
    fn each_provider_is_explained() {
        for (provider, text, expected) in [
            (
                Provider::Gcp,
                "storage.objects.get=gs://logs",
                "May read (storage.objects.get) on //storage.googleapis.com/projects/_/buckets/logs.",
            ),
            (
                Provider::Azure,
                "Microsoft.Compute/virtualMachines/delete=/subscriptions/1",
                "May change (Microsoft.Compute/virtualMachines/delete) on /subscriptions/1.",
            ),
            (Provider::Vault, "vault:sudo=sys/raw/*", "May change permissions (vault:sudo) on sys/raw/*."),
            (Provider::Local, "orders:Read=eu/*", "May do orders:Read on eu/*."),
        ] {
            assert_eq!(sentences(provider, text), [expected]);
        }
    }
}
