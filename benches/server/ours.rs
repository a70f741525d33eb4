//! Our server, as it is shipped but for its configuration file: one account with one token.

use crate::Fault;
use audex_core::{CredentialProvider, Requester, audit::BrokerEvent};
use audex_providers::local::{LocalProvider, LocalProviderConfig};
use audex_server::{
    app::{App, ServerKeys},
    model::{ApiToken, Person, PersonKind},
    serve::serve as serve_app,
    settings::{AuditBackend, ServerSettings},
};
use axess_clock::{Clock, SystemClock};
use axess_identity::UserId;
use axess_rng::{SecureRng, SystemRng};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};
use std::{path::Path, sync::Arc};

/// Serves until it is killed. Prints its address and a token, on one line.
pub(crate) fn serve(folder: &Path, database: Option<&str>) -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let mut settings = ServerSettings::new(folder);
        settings.listen = listener.local_addr()?;
        settings.public_url = format!("http://{}", settings.listen);
        settings.is_dev = true;
        if let Some(url) = database {
            settings.database = Some(url.to_owned());
            settings.audit.backend = AuditBackend::Postgres { connection_string: url.to_owned() };
        }
        let address = settings.listen;
        let app = open(folder, settings).await?;
        println!("{address} {}", token(&app).await?);
        Ok(serve_app(app, listener, None, std::future::pending()).await?)
    })
}

async fn open(folder: &Path, settings: ServerSettings) -> Result<Arc<App>, Fault> {
    let (clock, rng) = (Arc::new(SystemClock), Arc::new(SystemRng));
    let config = LocalProviderConfig::new(folder.join("issuer"));
    let local = LocalProvider::new(config, Arc::<SystemClock>::clone(&clock), Arc::<SystemRng>::clone(&rng));
    let mut secret = [0; 32];
    rng.fill_bytes(&mut secret);
    let keys = ServerKeys { audit: axess_audit::chain::AuditKeys::generate(&*rng), secret };
    Ok(App::open(settings, vec![Arc::new(local) as Arc<dyn CredentialProvider>], keys, clock, rng).await?)
}

/// Makes an account, and a token of it.
async fn token(app: &App) -> Result<String, Fault> {
    let now = app.clock.now();
    let operator = Requester::LocalUser { uid: 0, name: None };
    let event = |action: &str| BrokerEvent::Administered {
        action: action.to_owned(),
        subject: "load@services".to_owned(),
        detail: None,
    };
    let person = Person {
        user_id: UserId::generate(now, &*app.rng),
        email: "load@services".to_owned(),
        display_name: "load".to_owned(),
        kind: PersonKind::Service,
        groups: Vec::new(),
        provider_groups: Vec::new(),
        roles: Vec::new(),
        is_disabled: false,
        created_at: now,
    };
    app.store.insert_person(&operator, &person, event("person.invited")).await?;
    let mut secret = [0; 32];
    app.rng.fill_bytes(&mut secret);
    let bearer = format!("audx_{}", URL_SAFE_NO_PAD.encode(secret));
    let token = ApiToken {
        id: uuid::Uuid::from_bytes(*secret.first_chunk().ok_or("too short")?),
        digest: Sha256::digest(bearer.as_bytes()).into(),
        owner: person.user_id,
        made_by: person.user_id,
        name: "load".to_owned(),
        scopes: vec!["request".to_owned()],
        created_at: now,
        expires_at: now + TimeDelta::days(1),
        last_used_at: None,
        revoked_at: None,
    };
    app.store.insert_token(&operator, &token, 50, event("token.made")).await?;
    Ok(bearer)
}
