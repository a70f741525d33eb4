//! Where the services are, and the names that lead there.

use super::AwsConfig;
use reqwest::Url;
use std::net::IpAddr;

/// A service that is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Sts,
    Iam,
    CostExplorer,
}

/// Where a request goes and what its signature is for.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) url: Url,
    pub(super) region: String,
    pub(super) name: &'static str,
}

/// The parts of the ARN of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RoleArn<'a> {
    pub(super) partition: &'a str,
    pub(super) account: &'a str,
    /// With its path.
    pub(super) resource: &'a str,
}

impl Service {
    const ALL: [Self; 3] = [Self::Sts, Self::Iam, Self::CostExplorer];

    const fn name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Iam => "iam",
            Self::CostExplorer => "ce",
        }
    }

    const fn variable(self) -> &'static str {
        match self {
            Self::Sts => "AWS_ENDPOINT_URL_STS",
            Self::Iam => "AWS_ENDPOINT_URL_IAM",
            Self::CostExplorer => "AWS_ENDPOINT_URL_COST_EXPLORER",
        }
    }

    /// Returns where it is for a role's partition, or nothing when no URL can be made of the settings.
    pub(super) fn endpoint(self, config: &AwsConfig, region: &str) -> Option<Endpoint> {
        let partition = partition_of(region);
        // IAM and Cost Explorer are in one region of a partition.
        let region = if self == Self::Sts { region } else { main_region(partition) };
        let suffix = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        let host = match (self, partition) {
            (Self::Iam, "aws") => format!("iam.{suffix}"),
            (Self::Iam, "aws-us-gov") => format!("iam.us-gov.{suffix}"),
            (Self::Sts | Self::Iam | Self::CostExplorer, _) => format!("{}.{region}.{suffix}", self.name()),
        };
        let text = self.override_of(config).map_or_else(|| format!("https://{host}/"), |(_, url)| url);
        Some(Endpoint { url: parse(&text)?, region: region.to_owned(), name: self.name() })
    }

    /// Returns who says that it is elsewhere, and where.
    fn override_of(self, config: &AwsConfig) -> Option<(String, String)> {
        let of = |name: &str| {
            let url = config.base.environment().get(name).filter(|url| !url.is_empty())?;
            Some((name.to_owned(), url.clone()))
        };
        let own = config.endpoint_url.clone().map(|url| ("endpoint_url".to_owned(), url));
        own.or_else(|| of(self.variable())).or_else(|| of("AWS_ENDPOINT_URL"))
    }
}

impl<'a> RoleArn<'a> {
    /// Reads the ARN of a role.
    pub(super) fn parse(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let mut next = || parts.next();
        let (scheme, partition, service, region, account) = (next()?, next()?, next()?, next()?, next()?);
        let resource = next()?.strip_prefix("role/")?;
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@-_/".contains(&byte);
        let good = (scheme, service, region) == ("arn", "iam", "")
            && is_partition(partition)
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && arn.len() <= 2_048
            && resource.bytes().all(is_fine)
            && !resource.starts_with('/')
            && !resource.ends_with('/');
        (good && !resource.is_empty()).then_some(Self { partition, account, resource })
    }

    /// Returns the name without its path.
    pub(super) fn name(&self) -> &'a str {
        self.resource.rsplit('/').next().unwrap_or(self.resource)
    }
}

/// Lists the addresses that settings give, with the settings' names.
pub(super) fn overrides(config: &AwsConfig) -> Vec<(String, String)> {
    let mut all: Vec<_> =
        Service::ALL.into_iter().filter_map(|service| service.override_of(config)).collect();
    all.dedup();
    all
}

/// Reads an address that credentials may be sent to.
pub(super) fn parse(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let is_safe = match url.scheme() {
        "https" => url.host_str().is_some_and(|host| !host.is_empty()),
        "http" => is_loopback(&url),
        _ => false,
    };
    (is_plain && is_safe).then_some(url)
}

/// Tells whether an address is this machine's own.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or_else(|_| host == "localhost", |address| address.is_loopback())
}

pub(super) fn is_region(region: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (2..=32).contains(&region.len())
        && region.bytes().all(is_fine)
        && !region.starts_with('-')
        && !region.ends_with('-')
}

pub(super) fn is_partition(partition: &str) -> bool {
    partition == "aws" || partition.strip_prefix("aws-").is_some_and(is_region)
}

/// Returns the region that a partition's global services are in.
pub(super) fn main_region(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}

fn partition_of(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::BaseSource;

    #[test]
    fn roles_are_read_exactly() {
        let role = RoleArn::parse("arn:aws-cn:iam::123456789012:role/team/app").unwrap();
        assert_eq!((role.partition, role.account, role.name()), ("aws-cn", "123456789012", "app"));
        for bad in [
            "",
            "app",
            "arn:aws:iam::123456789012:user/app",
            "arn:aws:iam::12345678901:role/app",
            "arn:aws:iam::12345678901x:role/app",
            "arn:aws:iam:eu-west-1:123456789012:role/app",
            "arn:aws:sts::123456789012:role/app",
            "arn:gcp:iam::123456789012:role/app",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/*",
            "arn:aws:iam::123456789012:role/app&Action=GetSessionToken",
            "arn:aws:iam::123456789012:role/app\n",
        ] {
            assert_eq!(RoleArn::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn credentials_are_sent_to_safe_places_only() {
        for good in
            ["https://sts.example.com/", "http://127.0.0.1:4566", "http://localhost:1/x", "http://[::1]:9/"]
        {
            assert!(parse(good).is_some(), "{good}");
        }
        for bad in [
            "http://sts.example.com/",
            "http://localhost.example.com/",
            "http://169.254.169.254/",
            "https://user:word@sts.example.com/",
            "https://sts.example.com/?a=b",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "sts.example.com",
            "",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn services_are_where_their_partition_has_them() {
        let config = AwsConfig::new(BaseSource::default());
        let at = |service: Service, region: &str| {
            let endpoint = service.endpoint(&config, region).unwrap();
            (endpoint.url.to_string(), endpoint.region)
        };
        let pair = |url: &str, region: &str| (url.to_owned(), region.to_owned());
        assert_eq!(at(Service::Sts, "eu-west-1"), pair("https://sts.eu-west-1.amazonaws.com/", "eu-west-1"));
        assert_eq!(
            at(Service::Sts, "cn-north-1"),
            pair("https://sts.cn-north-1.amazonaws.com.cn/", "cn-north-1")
        );
        assert_eq!(at(Service::Iam, "eu-west-1"), pair("https://iam.amazonaws.com/", "us-east-1"));
        assert_eq!(
            at(Service::Iam, "us-gov-east-1"),
            pair("https://iam.us-gov.amazonaws.com/", "us-gov-west-1")
        );
        assert_eq!(
            at(Service::Iam, "cn-north-1"),
            pair("https://iam.cn-north-1.amazonaws.com.cn/", "cn-north-1")
        );
        assert_eq!(
            at(Service::CostExplorer, "eu-west-1"),
            pair("https://ce.us-east-1.amazonaws.com/", "us-east-1")
        );
    }

    #[test]
    fn the_nearest_setting_says_where_a_service_is() {
        let environment =
            [("AWS_ENDPOINT_URL", "http://127.0.0.1:1/"), ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:2/")];
        let environment = environment.map(|(name, url)| (name.to_owned(), url.to_owned())).into();
        let mut config = AwsConfig::new(BaseSource::new(environment));
        let port =
            |config: &AwsConfig, service: Service| service.endpoint(config, "us-east-1").unwrap().url.port();
        assert_eq!(port(&config, Service::Sts), Some(2));
        assert_eq!(port(&config, Service::Iam), Some(1));
        config.endpoint_url = Some("http://127.0.0.1:3/".into());
        assert_eq!(port(&config, Service::Sts), Some(3));
        config.endpoint_url = Some("http://sts.example.com/".into());
        assert_eq!(config.check().unwrap_err().to_string().split(':').next(), Some("endpoint_url"));
    }
}
