use crate::{
    commands::Invocation,
    deliver::{DeliverError, Variables, endpoint, env, file, process},
    environment::{EmptyPlaces, for_child},
    exit::{Exit, Failure},
    private_folder::PrivateFolder,
};
use audex_core::{Credential, Lease, session::Delivery};
use std::{ffi::OsString, sync::Arc};
use tokio::sync::watch;

/// A credential on its way to a command, and its successors.
pub(super) struct Delivered {
    delivery: Delivery,
    variables: Variables,
    current: watch::Sender<Option<Credential>>,
    // Answers as long as it is held.
    _endpoint: Option<endpoint::Endpoint>,
}

impl Delivered {
    /// Puts the first credential where the command will look.
    pub(super) async fn start(
        invocation: &Invocation,
        lease: &Lease,
        folder: &PrivateFolder,
    ) -> Result<Self, Failure> {
        let delivery = lease.record().delivery;
        let credential = lease.credential();
        let (current, receiver) = watch::channel(Some(credential.clone()));
        let serve = async || {
            let config = endpoint::EndpointConfig {
                provider: credential.provider(),
                credential: receiver.clone(),
                uid: invocation.surroundings.uid,
                deadline: lease.record().deadline,
                clock: Arc::clone(&invocation.clock),
            };
            endpoint::Endpoint::start(config, &*invocation.rng, folder).await.map_err(|error| failure(&error))
        };
        let (variables, endpoint) = match delivery {
            Delivery::Env | Delivery::Response => (env::variables(credential), None),
            Delivery::File => (file::write(folder, credential).map_err(|error| failure(&error))?, None),
            Delivery::Endpoint => {
                let endpoint = serve().await?;
                (endpoint.variables(), Some(endpoint))
            }
            Delivery::Process => {
                let endpoint = serve().await?;
                let program = invocation.surroundings.program.as_deref().ok_or_else(|| {
                    Failure::new(
                        Exit::LocalState,
                        "the path of this program is not known, and the command would have to ask it",
                    )
                })?;
                let variables = process::configure(folder, program, endpoint.address(), credential);
                (variables.map_err(|error| failure(&error))?, Some(endpoint))
            }
        };
        Ok(Self { delivery, variables, current, _endpoint: endpoint })
    }

    /// Returns the whole environment of the command.
    pub(super) fn environment(
        &self,
        invocation: &Invocation,
        folder: &PrivateFolder,
    ) -> Result<Vec<(OsString, OsString)>, Failure> {
        let empty = EmptyPlaces::create(folder).map_err(|error| Failure::of(Exit::LocalState, &error))?;
        let ambient = invocation.surroundings.env().iter().map(|(name, value)| (name.clone(), value.clone()));
        let environment = for_child(ambient, &empty).granted(&self.variables);
        // A session within a session keeps to the same rules.
        let config = invocation.global.config.as_deref().map(|path| invocation.surroundings.absolute(path));
        let environment = match config.as_deref().and_then(std::path::Path::to_str) {
            Some(config) => environment.granted(&Variables::default().with("AUDEX_CONFIG", config)),
            None => environment,
        };
        Ok(environment.into_variables())
    }

    /// Tells whether a successor reaches the command.
    pub(super) const fn takes_successors(&self) -> bool {
        !matches!(self.delivery, Delivery::Env)
    }

    /// Hands over a successor.
    pub(super) fn replace(
        &self,
        credential: &Credential,
        folder: &PrivateFolder,
    ) -> Result<(), DeliverError> {
        if self.delivery == Delivery::File {
            file::write(folder, credential)?;
        }
        self.current.send_replace(Some(credential.clone()));
        Ok(())
    }

    /// Hands out nothing any more.
    pub(super) fn stop(&self) {
        self.current.send_replace(None);
    }
}

fn failure(error: &DeliverError) -> Failure {
    let exit = match error {
        DeliverError::NotThisWay { .. } => Exit::Usage,
        _ => Exit::LocalState,
    };
    Failure::of(exit, error)
}
