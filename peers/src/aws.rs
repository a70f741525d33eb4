use std::path::PathBuf;

use crate::{Kind, tools_folder};

/// The id and the secret of the keys of `broker`, as the script of the recipe gives them.
///
/// They open nothing but servers of tests, and are in parts because whole ones look like keys that leaked.
pub(crate) const BROKER: (&str, &str) =
    (concat!("AKIA", "RZPUZDIKLOUCPSHG"), "brokrbrokrbrokrbrokrbrokrbrokrbrokrbrokr");
const ADMIN: (&str, &str) = (concat!("AKIA", "RZPUZDIKABXU4BMH"), "adminadminadminadminadminadminadminadmin");

/// The account that a [`Kind::MiniStack`] or [`Kind::Moto`] has when it starts.
///
/// Users: `admin` may do everything, `broker` may assume roles (with a source identity and tags) and nothing else.
/// Roles: `app` trusts `broker` and has `s3:*` but for `s3:DeleteBucket`; `notrust` has the same and does not trust it;
/// `web` has the same for web identities of `https://issuer.test` with the audience `aws` and the subject `alice`;
/// `revoker` trusts `broker` and may read, put and delete the inline policies of roles. Buckets: `alpha` and `beta`, each
/// with the object `k` that says `hi`. The region is `us-east-1`, and buckets are found by path.
///
/// With the variable `LONGEST_SESSION_SECONDS` ([`crate::Server::start_with_variables`]) MiniStack gives no longer sessions.
///
/// Other tests use a shared account at the same time: make objects of your own in it, and change roles only in a private one.
///
/// ```
/// use axess_peers::{AwsAccount, Kind, skip};
///
/// let Some(account) = AwsAccount::shared(Kind::MiniStack) else {
///     return skip("an example", "no MiniStack");
/// };
/// assert!(account.endpoint().starts_with("http://127.0.0.1:"));
/// assert_eq!(account.role("app"), "arn:aws:iam::123456789012:role/app");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsAccount {
    endpoint: String,
}

impl AwsAccount {
    /// The account's id.
    pub const ID: &'static str = "123456789012";
    /// The only region that tests need.
    pub const REGION: &'static str = "us-east-1";

    /// Returns the account of the server that `cargo xtask test` started.
    pub fn shared(kind: Kind) -> Option<Self> {
        crate::shared(kind).and_then(|urls| Self::of(kind, urls.first()?))
    }

    /// Returns the folder of the Python modules `awscli` and `boto3`, for `PYTHONPATH`.
    ///
    /// `python3 -m awscli` is the AWS CLI. Nothing is returned where they are missing (`cargo xtask peers install`).
    pub fn clients() -> Option<PathBuf> {
        let folder = tools_folder()?.join("aws");
        ["awscli", "boto3"].iter().all(|module| folder.join(module).is_dir()).then_some(folder)
    }

    pub(crate) fn of(kind: Kind, url: &str) -> Option<Self> {
        let is_aws = matches!(kind, Kind::MiniStack | Kind::Moto);
        let (_, address) = url.split_once('@').filter(|_| is_aws)?;
        Some(Self { endpoint: format!("http://{address}") })
    }

    /// Returns the URL of every service, without keys.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns the ARN of a role.
    pub fn role(&self, name: &str) -> String {
        format!("arn:aws:iam::{}:role/{name}", Self::ID)
    }

    /// Returns the access key id and the secret of `broker`.
    pub const fn broker(&self) -> (&'static str, &'static str) {
        BROKER
    }

    /// Returns the access key id and the secret of `admin`.
    pub const fn admin(&self) -> (&'static str, &'static str) {
        ADMIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_those_of_the_script() {
        let script = include_str!("recipe/aws.py");
        for (id, secret) in [BROKER, ADMIN] {
            let written = format!("(\"AKIA\" + \"{}\", \"{}\" * 8)", &id[4..], &secret[..5]);
            assert!(script.contains(&written) && secret == secret[..5].repeat(8), "{written}");
        }
        assert!(script.contains(AwsAccount::ID) && script.contains(AwsAccount::REGION));
    }

    #[test]
    fn only_servers_that_play_aws_have_an_account() {
        let account = AwsAccount::of(Kind::Moto, &Kind::Moto.url(20_001)).unwrap();
        assert_eq!(account.endpoint(), "http://127.0.0.1:20001");
        assert_eq!(AwsAccount::of(Kind::S3, &Kind::S3.url(20_001)), None);
    }
}
