use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::nearest::nearest,
    fault::{Complaint, Faults, Gathered, Origin, Problem},
};

/// How many profiles a chain of inheritance may have.
const MAX_DEPTH: usize = 8;

/// How many profiles there may be.
const MAX_PROFILES: usize = 1_024;

/// Configures a named set of permissions.
///
/// ```
/// let profile: audex_policy::ProfileConfig = serde_json::from_str(
///     r#"{"extends": ["base"], "allow": ["s3:GetObject"], "resource": ["arn:aws:s3:::logs/*"]}"#,
/// )?;
/// assert_eq!(profile.extends, ["base"]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProfileConfig {
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The profiles whose permissions it has as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extends: Vec<String>,
    /// Lists of actions, as after `--allow`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// Resources for the entries of this profile, not its parents', that name none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource: Vec<String>,
}

/// Holds the profiles of a configuration, whose inheritance is sound.
///
/// ```
/// use audex_policy::{ProfileConfig, Profiles, Provider, Request};
///
/// let list = |text: &str| vec![text.to_owned()];
/// let base = ProfileConfig { allow: list("s3:ListBucket"), ..ProfileConfig::default() };
/// let reader =
///     ProfileConfig { extends: list("base"), allow: list("s3:GetObject"), ..ProfileConfig::default() };
/// let profiles = Profiles::new([("base".to_owned(), base), ("reader".to_owned(), reader)])?;
/// let request = Request::builder(Provider::Aws).profile(&profiles, "reader").build()?;
/// assert_eq!(request.to_string(), "s3:GetObject,s3:ListBucket");
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profiles(BTreeMap<String, ProfileConfig>);

impl Profiles {
    /// Takes the profiles of a configuration.
    ///
    /// Their lists are read when a request for a provider uses them.
    ///
    /// # Errors
    ///
    /// Returns each unknown parent, each circle and each chain of more than eight.
    pub fn new(profiles: impl IntoIterator<Item = (String, ProfileConfig)>) -> Result<Self, Faults> {
        let profiles = Self(profiles.into_iter().collect());
        let mut gathered = Gathered::default();
        if profiles.0.len() > MAX_PROFILES {
            let origin = Origin::Profile(String::new());
            gathered.add(&origin, 0, "", Problem::TooMany(MAX_PROFILES).into());
            return gathered.or(profiles);
        }
        for (name, profile) in &profiles.0 {
            let origin = Origin::Profile(name.clone());
            for parent in profile.extends.iter().filter(|parent| !profiles.0.contains_key(*parent)) {
                gathered.add(&origin, 0, parent, profiles.unknown(parent));
            }
        }
        if gathered.is_empty() {
            for name in profiles.0.keys() {
                if let Err(problem) = profiles.depth(name, &mut Vec::new(), &mut BTreeMap::new()) {
                    gathered.add(&Origin::Profile(name.clone()), 0, name, problem.into());
                }
            }
        }
        gathered.or(profiles)
    }

    /// Returns the profiles with their names, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ProfileConfig)> {
        self.0.iter().map(|(name, profile)| (name.as_str(), profile))
    }

    /// Finds a profile.
    pub fn get(&self, name: &str) -> Option<&ProfileConfig> {
        self.0.get(name)
    }

    /// Returns the lists of a profile and of all it inherits from, each profile once.
    pub(crate) fn layers(&self, name: &str) -> Result<Vec<Layer>, Faults> {
        let mut layers: Vec<Layer> = Vec::new();
        let mut open = vec![name];
        let mut gathered = Gathered::default();
        while let Some(name) = open.pop() {
            let Some(profile) = self.0.get(name) else {
                gathered.add(&Origin::Profile(name.to_owned()), 0, name, self.unknown(name));
                break;
            };
            if layers.iter().all(|layer| layer.name != name) {
                open.extend(profile.extends.iter().map(String::as_str));
                let (allow, resources) = (profile.allow.clone(), profile.resource.clone());
                layers.push(Layer { name: name.to_owned(), allow, resources });
            }
        }
        gathered.or(layers)
    }

    /// Returns the length of the longest chain that begins with a profile.
    fn depth<'a>(
        &'a self,
        name: &'a str,
        above: &mut Vec<&'a str>,
        known: &mut BTreeMap<&'a str, usize>,
    ) -> Result<usize, Problem> {
        if above.contains(&name) {
            return Err(Problem::Circular);
        }
        if let Some(depth) = known.get(name) {
            return Ok(*depth);
        }
        if above.len() > MAX_PROFILES {
            return Err(Problem::TooDeep(MAX_DEPTH));
        }
        above.push(name);
        let mut depth = 1;
        for parent in self.0.get(name).iter().flat_map(|profile| &profile.extends) {
            depth = depth.max(1 + self.depth(parent, above, known)?);
        }
        above.pop();
        known.insert(name, depth);
        if depth > MAX_DEPTH { Err(Problem::TooDeep(MAX_DEPTH)) } else { Ok(depth) }
    }

    fn unknown(&self, name: &str) -> Complaint {
        let like = nearest(name, self.0.keys().map(String::as_str));
        Complaint { problem: Problem::NoSuchProfile, hint: like.map(|like| format!("did you mean {like}?")) }
    }
}

/// What one profile adds to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) name: String,
    pub(crate) allow: Vec<String>,
    pub(crate) resources: Vec<String>,
}

#[cfg(test)]
mod tests;
