//! A server on a folder of its own: SQLite, the local issuer, loopback.

use audex_core::{CredentialProvider, IssueRules, Requester, approval::ApprovalRules, audit::BrokerEvent};
use audex_policy::Rules;
use audex_providers::local::{LocalProvider, LocalProviderConfig};
use audex_server::{
    access::{Caller, Proof},
    app::{App, ServerKeys},
    model::{ApiToken, Person, PersonKind},
    settings::ServerSettings,
};
use axess::{
    UserId,
    audit::chain::AuditKeys,
    clock::{Clock, SystemClock},
    rng::{MockRng, SystemRng},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use sha2::{Digest, Sha256};
use std::{path::Path, sync::Arc};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// A running server.
pub(crate) struct Site {
    pub(crate) app: Arc<App>,
    pub(crate) url: String,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    /// Gone when the site is, unless somebody else holds it.
    pub(crate) folder: Arc<tempfile::TempDir>,
}

/// Somebody with an account and a token that may do whatever they may.
#[derive(Debug, Clone)]
pub(crate) struct Someone {
    pub(crate) person: Person,
    pub(crate) bearer: String,
}

impl Someone {
    /// Calls as them, within the process.
    pub(crate) fn caller(&self) -> Caller {
        let requester =
            Requester::Principal { email: self.person.email.clone(), groups: self.person.groups.clone() };
        let scopes = scopes();
        Caller {
            requester,
            user_id: Some(self.person.user_id),
            roles: self.person.roles.clone(),
            display_name: self.person.display_name.clone(),
            how: Proof::ApiToken { id: uuid::Uuid::nil(), scopes, made_by: self.person.user_id },
            client_ip: None,
            is_service: false,
        }
    }
}

fn scopes() -> Vec<String> {
    ["request", "approve", "read", "administer"].map(str::to_owned).to_vec()
}

/// Asks for the approval of `required` roles for what is written.
pub(crate) fn approvals(required: u8) -> IssueRules {
    let approval = ApprovalRules {
        required,
        roles: vec!["security".to_owned(), "compliance".to_owned()],
        sensitive: Rules::parse(["*:Delete*"]).unwrap(),
    };
    IssueRules { approval: Some(approval), ..IssueRules::default() }
}

/// Opens a server without serving it.
pub(crate) async fn open(
    folder: &Path,
    clock: Arc<dyn Clock>,
    change: impl FnOnce(&mut ServerSettings),
) -> Arc<App> {
    open_issuing(folder, clock, Vec::new(), change).await
}

/// Opens a server that issues credentials of more than the local issuer.
pub(crate) async fn open_issuing(
    folder: &Path,
    clock: Arc<dyn Clock>,
    more: Vec<Arc<dyn CredentialProvider>>,
    change: impl FnOnce(&mut ServerSettings),
) -> Arc<App> {
    let mut settings = ServerSettings::new(folder);
    settings.is_dev = true;
    change(&mut settings);
    let config = LocalProviderConfig::new(folder.join("issuer"));
    let local = LocalProvider::new(config, Arc::clone(&clock), Arc::new(SystemRng));
    let local = Arc::new(local) as Arc<dyn CredentialProvider>;
    let providers = [local].into_iter().chain(more).collect();
    let keys = ServerKeys { audit: AuditKeys::generate(&MockRng::new(7)), secret: [7; 32] };
    App::open(settings, providers, keys, clock, Arc::new(SystemRng)).await.unwrap()
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut ServerSettings)) -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap()), change).await
    }

    /// Serves what is in a folder, as after a restart.
    pub(crate) async fn on(folder: Arc<tempfile::TempDir>, change: impl FnOnce(&mut ServerSettings)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}");
        let public_url = url.clone();
        let app = open(folder.path(), Arc::new(SystemClock), |settings| {
            settings.listen = address;
            settings.public_url = public_url;
            change(settings);
        })
        .await;
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&app);
        let serving = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            audex_server::serve::serve(served, listener, None, stopped).await.unwrap();
        });
        Self { app, url, stop, serving, folder }
    }

    /// Makes an account, and a token of it.
    pub(crate) async fn someone(&self, email: &str, groups: &[&str], roles: &[&str]) -> Someone {
        someone(&self.app, email, groups, roles).await
    }

    /// Ends it in good order.
    pub(crate) async fn stop(self) -> Arc<tempfile::TempDir> {
        let _ = self.stop.send(());
        self.serving.await.unwrap();
        self.app.close().await;
        self.folder
    }
}

/// Makes an account, and a token of it.
pub(crate) async fn someone(app: &App, email: &str, groups: &[&str], roles: &[&str]) -> Someone {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let now = app.clock.now();
    let operator = Requester::LocalUser { uid: 0, name: None };
    let event = |action: &str| BrokerEvent::Administered {
        action: action.to_owned(),
        subject: email.to_owned(),
        detail: None,
    };
    let person = Person {
        user_id: UserId::generate(now, &*app.rng),
        email: email.to_owned(),
        display_name: email.to_owned(),
        kind: PersonKind::Human,
        groups: texts(groups),
        provider_groups: Vec::new(),
        roles: texts(roles),
        is_disabled: false,
        created_at: now,
    };
    app.store.insert_person(&operator, &person, event("person.invited")).await.unwrap();
    let mut secret = [0; 32];
    app.rng.fill_bytes(&mut secret);
    let bearer = format!("audx_{}", URL_SAFE_NO_PAD.encode(secret));
    let token = ApiToken {
        id: uuid::Uuid::from_bytes(secret[..16].try_into().unwrap()),
        digest: Sha256::digest(bearer.as_bytes()).into(),
        owner: person.user_id,
        made_by: person.user_id,
        name: "tests".to_owned(),
        scopes: scopes(),
        created_at: now,
        expires_at: now + TimeDelta::days(1),
        last_used_at: None,
        revoked_at: None,
    };
    app.store.insert_token(&operator, &token, 50, event("token.made")).await.unwrap();
    Someone { person, bearer }
}
