use axess_factors::federated::ProviderNetwork;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{net::SocketAddr, sync::Arc};

/// Looks names up as the machine does.
pub(super) struct SystemResolver;

/// Looks names up, and refuses one of which any answer is not an address of the public internet.
///
/// It is asked for every new connection, so a name that led elsewhere a moment ago is judged again.
pub(super) struct PublicOnly(pub(super) Arc<dyn Resolve>);

/// Says that a name leads inwards.
#[derive(Debug, thiserror::Error)]
#[error("a name leads to an address that is not one of the public internet")]
pub(super) struct LeadsInward;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(found.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let asked = ProviderNetwork::Public.admits_host(name.as_str()).then(|| self.0.resolve(name));
        Box::pin(async move {
            let found: Vec<SocketAddr> = asked.ok_or(LeadsInward)?.await?.collect();
            let is_public = |address: &SocketAddr| ProviderNetwork::Public.admits(address.ip());
            if !found.iter().all(is_public) {
                return Err(LeadsInward.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::*, *};
    use std::net::IpAddr;
    use tokio::net::TcpListener;

    /// Answers every name with the same addresses.
    struct Fixed(Vec<IpAddr>);

    impl Resolve for Fixed {
        fn resolve(&self, _: Name) -> Resolving {
            let found: Vec<_> = self.0.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
            Box::pin(async move { Ok(Box::new(found.into_iter()) as Addrs) })
        }
    }

    async fn ask(network: ProviderNetwork, answers: &[&str], url: &str) -> HttpError {
        let answers = answers.iter().map(|ip| ip.parse().unwrap()).collect();
        let settings = HttpSettings { network, timeout: Duration::from_secs(5), ..HttpSettings::default() };
        let client = HttpClient::resolving(&settings, Arc::new(Fixed(answers))).unwrap();
        let request = Request { url, form: None, headers: Vec::new(), limit: 10 };
        client.send(request).await.err().unwrap()
    }

    #[tokio::test]
    async fn a_name_that_leads_inwards_is_not_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://login.example.com:{}/x", listener.local_addr().unwrap().port());
        for answers in [
            &["127.0.0.1"][..],
            &["::ffff:127.0.0.1"],
            &["8.8.8.8", "127.0.0.1"],
            &["10.0.0.1"],
            &["169.254.169.254"],
            &["fd00:ec2::254"],
        ] {
            let refused = ask(ProviderNetwork::Public, answers, &url).await;
            assert!(matches!(refused, HttpError::Private), "{answers:?}: {refused:?}");
        }
        let none = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(none.is_err(), "somebody connected");
    }

    #[tokio::test]
    async fn names_and_addresses_that_say_so_themselves_are_not_looked_up() {
        for url in [
            "https://127.0.0.1/x",
            "https://[::ffff:127.0.0.1]/x",
            "https://2130706433/x",
            "https://0x7f.1/x",
            "https://localhost./x",
            "http://localhost/x",
            "https://metadata.google.internal/x",
        ] {
            let refused = ask(ProviderNetwork::Public, &["8.8.8.8"], url).await;
            assert!(matches!(refused, HttpError::Private), "{url}: {refused:?}");
        }
    }

    #[test]
    fn a_proxy_would_look_names_up_itself() {
        let settings = HttpSettings {
            network: ProviderNetwork::Public,
            proxy: Some("http://proxy.example.com:3128".to_owned()),
            ..HttpSettings::default()
        };
        assert!(HttpClient::new(&settings).unwrap_err().to_string().contains("proxy"));
    }
}
