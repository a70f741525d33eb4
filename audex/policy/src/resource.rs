use crate::{
    Provider,
    fault::{Complaint, Problem},
    glob::{self, Class, Glob, Token},
    text::{is_deceptive, is_unseen},
};

/// How long a resource may be, in characters. The longest S3 key fits.
pub(crate) const MAX_RESOURCE: usize = 1_200;

/// How many wildcards a pattern may have. Each one multiplies the work of comparing it.
pub(crate) const MAX_WILDCARDS: usize = 12;

const GCS: &str = "//storage.googleapis.com/projects/_/buckets/";

/// Stands for a set of resources of one provider.
///
/// - AWS: an ARN, with `*` and `?`; those before the fifth colon stay within their segment, as IAM documents.
/// - GCP: a full resource name or `gs://bucket/prefix*`; a name without a wildcard includes what is below it, an object
///   is itself alone, and `*` may only end it.
/// - Azure: a scope, which includes what is below it.
/// - Vault: a path, where `+` is one segment and `*` may only end it.
/// - local: any text, with `*` and `?`.
///
/// None has a character that shows nothing or turns the order of others around.
///
/// `*` alone is every resource.
///
/// ```
/// use audex_policy::{Provider, ResourcePattern};
///
/// let year = ResourcePattern::parse(Provider::Aws, "arn:aws:s3:::logs/2026/*")?;
/// assert!(year.matches("arn:aws:s3:::logs/2026/05/01.gz"));
/// assert!(year.meets(&ResourcePattern::parse(Provider::Aws, "arn:aws:s3:::*/05/*")?));
/// assert!(!year.meets(&ResourcePattern::parse(Provider::Aws, "arn:aws:s3:::logs/2025/*")?));
/// # Ok::<(), audex_policy::Problem>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResourcePattern {
    provider: Provider,
    pub(crate) glob: Glob,
}

impl ResourcePattern {
    /// Parses a resource as the provider writes it.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the form of the text.
    pub fn parse(provider: Provider, text: &str) -> Result<Self, Problem> {
        Self::parse_with_hint(provider, text).map_err(|complaint| complaint.problem)
    }

    pub(crate) fn parse_with_hint(provider: Provider, text: &str) -> Result<Self, Complaint> {
        check_text(text)?;
        if text == "*" {
            return Ok(Self::any(provider));
        }
        let tokens = match provider {
            Provider::Aws => arn(text)?,
            Provider::Gcp => name(text)?,
            Provider::Azure => scope(text)?,
            Provider::Vault => path(text)?,
            Provider::Local => text.chars().map(|c| wildcard(c, None)).collect(),
        };
        if tokens.iter().filter(|token| matches!(token.class, Class::Except(_))).count() > MAX_WILDCARDS {
            return Err(Problem::TooManyWildcards(MAX_WILDCARDS).into());
        }
        Ok(Self { provider, glob: Glob::new(tokens, provider == Provider::Azure) })
    }

    /// Returns the set of all resources.
    pub fn any(provider: Provider) -> Self {
        Self { provider, glob: Glob::new(vec![Token::ANY], provider == Provider::Azure) }
    }

    /// Returns the part of the set whose wildcards stand for no slash.
    pub(crate) fn without_slashes(&self) -> Self {
        let tokens = self.glob.tokens().iter().map(|token| match token.class {
            Class::Except(None) => Token::except(Some('/'), token.many),
            _ => *token,
        });
        Self { provider: self.provider, glob: Glob::new(tokens.collect(), self.glob.folds()) }
    }

    /// Returns whose resource it is.
    pub const fn provider(&self) -> Provider {
        self.provider
    }

    /// Tells whether it stands for every resource there is.
    pub fn is_any(&self) -> bool {
        self.glob.is_any()
    }

    /// Tells whether a single resource is in the set.
    pub fn matches(&self, resource: &str) -> bool {
        self.glob.matches(&concrete(self.provider, resource))
    }

    /// Tells whether some resource name is in both sets.
    ///
    /// Exact.
    pub fn meets(&self, other: &Self) -> bool {
        self.provider == other.provider && glob::intersects(&self.glob, &other.glob)
    }

    /// Tells whether each resource of `other` is in this set.
    ///
    /// Exact for patterns within the limits of this crate.
    pub fn covers(&self, other: &Self) -> bool {
        self.provider == other.provider
            && glob::covers(std::slice::from_ref(&self.glob), &other.glob) == Some(true)
    }

    pub(crate) fn and(&self, other: &Self, left: &mut usize) -> Option<Vec<Self>> {
        if self.provider != other.provider {
            return Some(Vec::new());
        }
        let globs = glob::intersection(&self.glob, &other.glob, left)?;
        Some(globs.into_iter().map(|glob| Self { provider: self.provider, glob }).collect())
    }
}

impl std::fmt::Display for ResourcePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_any() {
            return f.write_str("*");
        }
        let text = self.glob.to_string();
        let shown = match self.provider {
            Provider::Azure => text.trim_end_matches("/*"),
            Provider::Gcp if is_object(&text) => text.strip_suffix('/').unwrap_or(&text),
            Provider::Gcp => text.strip_suffix("/*").unwrap_or(&text),
            Provider::Aws | Provider::Vault | Provider::Local => &text,
        };
        f.write_str(shown)
    }
}

/// Returns the name of a single resource in the form that patterns are compared with: where names include what is
/// below them, each name ends with a slash.
pub(crate) fn concrete(provider: Provider, resource: &str) -> String {
    match provider {
        Provider::Azure => format!("{}/", resource.trim_end_matches('/')),
        Provider::Gcp => format!("{}/", full_name(resource)),
        Provider::Aws | Provider::Vault | Provider::Local => resource.to_owned(),
    }
}

fn check_text(text: &str) -> Result<(), Complaint> {
    if text.is_empty() {
        return Err(Problem::Empty.into());
    }
    if text.chars().nth(MAX_RESOURCE).is_some() {
        return Err(Problem::TooLong(MAX_RESOURCE).into());
    }
    if let Some(c) =
        text.chars().find(|&c| is_unseen(c) && !c.is_whitespace() || c.is_control() || is_deceptive(c))
    {
        return Err(Problem::BadCharacter(c).into());
    }
    match text.chars().next().filter(|c| c.is_whitespace()).or(text.chars().last()) {
        Some(c) if c.is_whitespace() => Err(Problem::BadCharacter(c).into()),
        _ => Ok(()),
    }
}

fn wildcard(c: char, separator: Option<char>) -> Token {
    match c {
        '*' => Token::except(separator, true),
        '?' => Token::except(separator, false),
        c => Token::literal(c),
    }
}

fn arn(text: &str) -> Result<Vec<Token>, Complaint> {
    if text.contains("${") {
        return Err(Complaint::new(Problem::Variable, "write the name itself, or a wildcard"));
    }
    let wrong = || {
        let hint = "write arn:partition:service:region:account:resource, or * for every resource";
        Complaint::new(Problem::NotAResource(Provider::Aws), hint)
    };
    let rest = text.strip_prefix("arn:").ok_or_else(wrong)?;
    let resource = rest.splitn(5, ':').nth(4).ok_or_else(wrong)?;
    if resource.is_empty() {
        return Err(wrong());
    }
    let mut colons = 0;
    let mut tokens = Vec::with_capacity(text.len());
    for c in text.chars() {
        colons += usize::from(c == ':');
        tokens.push(wildcard(c, (colons < 5).then_some(':')));
    }
    Ok(tokens)
}

/// Spells a bucket or object as its full resource name.
fn full_name(text: &str) -> String {
    let Some(rest) = text.strip_prefix("gs://") else { return text.to_owned() };
    match rest.split_once('/') {
        Some((bucket, "")) => format!("{GCS}{bucket}"),
        Some((bucket, object)) => format!("{GCS}{bucket}/objects/{object}"),
        None => format!("{GCS}{rest}"),
    }
}

fn is_object(name: &str) -> bool {
    name.strip_prefix(GCS).is_some_and(|rest| rest.contains("/objects/"))
}

fn name(text: &str) -> Result<Vec<Token>, Complaint> {
    let name = full_name(text);
    let wrong = |hint: &str| Err(Complaint::new(Problem::NotAResource(Provider::Gcp), hint));
    let body = name.strip_suffix('*').unwrap_or(&name);
    if body.contains('*') {
        return wrong("only the end can be a wildcard, as in gs://logs/2026/*");
    }
    let Some(host) = body.strip_prefix("//") else {
        return wrong("write gs://bucket/prefix*, or a full name such as //pubsub.googleapis.com/projects/p");
    };
    if host.split('/').take(2).any(str::is_empty) || !host.contains('/') {
        return wrong("write the service and the name, as in //pubsub.googleapis.com/projects/p");
    }
    let mut tokens: Vec<Token> = body.chars().map(Token::literal).collect();
    if body.len() < name.len() {
        tokens.push(Token::ANY);
        return Ok(tokens);
    }
    while tokens.last() == Some(&Token::literal('/')) {
        tokens.pop();
    }
    tokens.push(Token::literal('/'));
    if !is_object(&name) {
        tokens.push(Token::ANY);
    }
    Ok(tokens)
}

fn scope(text: &str) -> Result<Vec<Token>, Complaint> {
    let trimmed = text.trim_end_matches('/');
    let is_scope = trimmed.starts_with('/') && !trimmed.contains("//") && !trimmed.contains('*');
    if !is_scope {
        let hint =
            "write a scope such as /subscriptions/ID/resourceGroups/NAME; it includes what is below it";
        return Err(Complaint::new(Problem::NotAResource(Provider::Azure), hint));
    }
    let literal = trimmed.chars().chain(['/']).map(Token::literal);
    Ok(literal.chain([Token::ANY]).collect())
}

fn path(text: &str) -> Result<Vec<Token>, Complaint> {
    let wrong = |hint: &str| Err(Complaint::new(Problem::NotAResource(Provider::Vault), hint));
    let body = text.strip_suffix('*').unwrap_or(text);
    if body.contains('*') {
        return wrong("only the end can be *; + stands for one segment");
    }
    if text.starts_with('/') || text.contains('"') || text.contains('\\') {
        return wrong("write a path such as secret/data/app/*");
    }
    if body.split('/').any(|segment| segment.contains('+') && segment != "+")
        || text.rsplit('/').next() == Some("+*")
    {
        return wrong("+ is a whole segment");
    }
    let mut tokens = Vec::with_capacity(text.len() + 1);
    for c in body.chars() {
        if c == '+' {
            tokens.extend([Token::except(Some('/'), false), Token::except(Some('/'), true)]);
        } else {
            tokens.push(Token::literal(c));
        }
    }
    if body.len() < text.len() {
        tokens.push(Token::ANY);
    }
    Ok(tokens)
}
