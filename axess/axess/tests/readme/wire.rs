use axess::{
    AuthnService, SessionCrypto, SessionLayer,
    backends::sqlite::{Backend, Db, SessionStore},
    envelope::Envelope,
};

async fn wire(url: &str, signing: [u8; 32], sealing: [u8; 32]) -> Result<(), Box<dyn std::error::Error>> {
    let db = Db::connect(url).await?; // "sqlite:app.db", "postgres://…", "mysql://…", or a pool you have
    db.migrate().await?;

    // Accounts, factors and attempts; what users enrolled is sealed and bound to its row.
    let backend = Backend::new(db.clone(), Envelope::new(sealing)?);
    let service = AuthnService::new(backend.clone(), backend);

    // Sessions, sealed before the database sees them.
    let sessions = SessionLayer::new(SessionStore::new(db), signing).with_crypto(SessionCrypto::new(sealing)?);
    let _ = (service, sessions); // into the router, as above
    Ok(())
}
