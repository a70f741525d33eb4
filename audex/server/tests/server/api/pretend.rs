//! A site whose providers are those of the documentation's examples. They mint nothing that works anywhere.

use crate::site::{Someone, someone};
use audex_core::{
    Credential, CredentialProvider, Health, IssueRules, MintOrder, Minted, ProviderFuture, Revocation,
    RevokeOrder, Shape,
};
use audex_policy::{Grant, Provider, Refusal};
use audex_server::{
    app::{App, ServerKeys},
    settings::ServerSettings,
};
use axess::{
    audit::chain::AuditKeys,
    clock::{Clock, SystemClock},
    rng::{MockRng, SystemRng},
};
use chrono::TimeDelta;
use ipnet::IpNet;
use std::{future::ready, sync::Arc};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

#[derive(Debug)]
struct Pretend(Provider);

/// What pretends to be AWS.
pub(crate) fn aws() -> Arc<dyn CredentialProvider> {
    Arc::new(Pretend(Provider::Aws))
}

impl CredentialProvider for Pretend {
    fn provider(&self) -> Provider {
        self.0
    }

    fn default_target(&self) -> Option<&str> {
        Some("arn:aws:iam::123456789012:role/app")
    }

    fn shape(&self, grant: &Grant, target: Option<&str>, _: &[IpNet]) -> Result<Shape, Refusal> {
        let lifetimes = TimeDelta::minutes(1)..=TimeDelta::hours(12);
        let document = grant.allow().to_string();
        Ok(Shape { document, target: target.map(str::to_owned), lifetimes, notes: vec![] })
    }

    fn mint<'a>(&'a self, order: &'a MintOrder) -> ProviderFuture<'a, Minted> {
        let credential = Credential::new(self.0, "ASIAPRETEND", SystemClock.now() + order.lifetime);
        let credential = match self.0 {
            Provider::Aws => credential
                .with_part("AWS_ACCESS_KEY_ID", "ASIAPRETEND".into())
                .with_part("AWS_SECRET_ACCESS_KEY", "pretend".into())
                .with_part("AWS_SESSION_TOKEN", "pretend".into()),
            _ => credential.with_part("GOOGLE_OAUTH_ACCESS_TOKEN", "pretend".into()),
        };
        Box::pin(ready(Ok(Minted { credential, account: None, subject: None })))
    }

    fn revoke<'a>(&'a self, _: &'a RevokeOrder) -> ProviderFuture<'a, Revocation> {
        Box::pin(ready(Ok(Revocation::default())))
    }

    fn check(&self) -> ProviderFuture<'_, Health> {
        Box::pin(ready(Ok(Health::default())))
    }
}

pub(super) struct PretendSite {
    pub(super) url: String,
    app: Arc<App>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl PretendSite {
    pub(super) async fn new(rules: IssueRules) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut settings = ServerSettings::new(folder.path());
        settings.is_dev = true;
        settings.listen = listener.local_addr().unwrap();
        settings.public_url = format!("http://{}", settings.listen);
        settings.rules = rules;
        let url = settings.public_url.clone();
        let providers =
            [Provider::Aws, Provider::Gcp].map(|kind| Arc::new(Pretend(kind)) as Arc<dyn CredentialProvider>);
        let keys = ServerKeys { audit: AuditKeys::generate(&MockRng::new(7)), secret: [7; 32] };
        let (clock, rng) = (Arc::new(SystemClock), Arc::new(SystemRng));
        let app = App::open(settings, providers.to_vec(), keys, clock, rng).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&app);
        let serving = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            audex_server::serve::serve(served, listener, None, stopped).await.unwrap();
        });
        Self { url, app, stop, serving, _folder: folder }
    }

    pub(super) async fn someone(&self, email: &str, roles: &[&str]) -> Someone {
        someone(&self.app, email, &[], roles).await
    }

    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        self.serving.await.unwrap();
        self.app.close().await;
    }
}
