//! `tryaudex login` and `logout`: who we are to a team server.

mod loopback;

use super::{
    Invocation,
    served::{address, logins},
};
use crate::{
    exit::{Exit, Failure, Outcome, SUCCESS},
    keeper::Signals,
    output::printable,
    remote::{ApprovalSigner, Device, DeviceToken, Login, Logins, Remote, RemoteError, ServerAddress},
    session::given_up,
};
use audex_core::CredentialSecret;
use audex_server::access::Action;
use chrono::TimeDelta;
use clap::{Args, builder::PossibleValuesParser};
use loopback::Loopback;
use serde_json::{Value, json};
use std::{
    io::{BufRead, Read},
    process::{Command, Stdio},
    time::Duration,
};
use zeroize::Zeroizing;

/// The longest token that is read, in bytes.
const MAX_TOKEN: u64 = 8 * 1_024;

/// How many more seconds are waited between questions where the server asks for that (RFC 8628 §3.5).
const SLOWER: u64 = 5;

/// The longest that is waited for somebody to confirm a login, in seconds, and the longest pause.
const LIMITS: (u64, u64) = (3_600, 60);

/// The arguments of `tryaudex login`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "login", "--server", "https://audex.example.com"])?;
/// assert!(matches!(cli.command, Command::Login(login) if !login.token_stdin));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "A page of the server confirms the login. Where this machine has a browser, it opens and brings the login back; \
                  elsewhere, or with --device, open the address, sign in there, and type the code. The token that \
                  comes of it is kept for you alone, in a file of mode 0600 or in the keyring, as credentials.store says. So is a \
                  key of your own that approvals are signed with: where the login may approve, confirming it adds the public \
                  half to your account."
)]
pub struct LoginArgs {
    /// Address of the server [default: $AUDEX_SERVER, else server of the configuration]
    #[arg(long, value_name = "URL")]
    pub server: Option<ServerAddress>,
    /// Read an API token from standard input instead, as services do; logout forgets it, and leaves it working
    #[arg(long)]
    pub token_stdin: bool,
    /// What the login may be used for: request, approve, read, administer
    #[arg(
        long,
        value_name = "SCOPES",
        value_delimiter = ',',
        value_parser = scope(),
        default_values = SCOPES,
        conflicts_with = "token_stdin"
    )]
    pub scope: Vec<String>,
    /// Open the page in a browser of this machine, which brings the login back [default: where there is a display]
    #[arg(long, conflicts_with_all = ["token_stdin", "device"])]
    pub browser: bool,
    /// Show a code to type on a page that any browser opens, here or on another machine
    #[arg(long, conflicts_with = "token_stdin")]
    pub device: bool,
}

/// What a login is for unless it is said: not to administer.
const SCOPES: [&str; 3] = ["request", "approve", "read"];

/// Returns the parser of `--scope`, which lists the names in help and completions.
fn scope() -> PossibleValuesParser {
    PossibleValuesParser::new(Action::ALL.map(Action::name))
}

/// The arguments of `tryaudex logout`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "logout"])?;
/// assert!(matches!(cli.command, Command::Logout(logout) if !logout.forget_key));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
pub struct LogoutArgs {
    /// Address of the server [default: $AUDEX_SERVER, else server of the configuration]
    #[arg(long, value_name = "URL")]
    pub server: Option<ServerAddress>,
    /// Take back and forget the key that approvals are signed with, too
    #[arg(long)]
    pub forget_key: bool,
}

impl LoginArgs {
    /// Returns the key that is to be added to the account: none, unless the login is to approve.
    fn key(&self, signer: &ApprovalSigner) -> Option<Value> {
        self.scope.iter().any(|scope| scope == Action::Approve.name()).then(|| signer.jwk())
    }
}

/// Logs in.
pub(super) fn run(invocation: &Invocation, args: &LoginArgs) -> Outcome {
    let signals = Signals::hold().map_err(|error| Failure::of(Exit::Bug, &error))?;
    let settings = invocation.config()?.settings;
    let server = address(&settings, args.server.as_ref())?;
    let logins = logins(invocation, &settings)?;
    let signer = logins.signer_or_new(&server, &*invocation.rng)?;
    super::runtime()?.block_on(async {
        let remote = Remote::new(server.clone(), None)?;
        let given = if args.token_stdin {
            DeviceToken { token: token()?, lives: None, scope: None }
        } else {
            tokio::select! {
                confirmed = confirmed(invocation, &remote, &signer, args) => confirmed?,
                signal = signals.interruption() => return given_up(invocation, signal),
            }
        };
        finish(invocation, &logins, &signer, &server, (given, args.token_stdin)).await
    })
}

/// Keeps a token that works, and tells whether the key of approvals counts there.
async fn finish(
    invocation: &Invocation,
    logins: &Logins,
    signer: &ApprovalSigner,
    server: &ServerAddress,
    (DeviceToken { token, lives, scope }, is_given): (DeviceToken, bool),
) -> Outcome {
    let expires_at = lives
        .and_then(|seconds| TimeDelta::try_seconds(i64::try_from(seconds).ok()?))
        .and_then(|lives| invocation.now().checked_add_signed(lives));
    let remote = Remote::new(server.clone(), Some(token.clone()))?;
    let me = remote.me().await.map_err(|error| match error {
        RemoteError::NotLoggedIn(_) => {
            Failure::new(Exit::Denied, format!("{server} does not know this token"))
        }
        other => other.into(),
    })?;
    let login = Login { email: me.identity.clone(), token, expires_at, is_given };
    logins.keep(server, &login)?;
    let may =
        |action: Action| scope.as_ref().is_none_or(|scope| scope.iter().any(|name| name == action.name()));
    let is_signing = remote.has_key(&signer.id()).await?;
    let output = &invocation.output;
    if scope.is_some() && may(Action::Approve) && may(Action::Read) && !is_signing {
        output.warn(format_args!(
            "what you approve from here cannot be signed: your account did not take the key of this machine. An account takes 8, \
             and a key belongs to one: remove one on {server}/console/me, or run tryaudex logout --forget-key, and log in again"
        ));
    }
    if output.is_json() {
        output.json(&json!({
            "server": server.to_string(), "identity": me.identity, "roles": me.roles, "expires_at": expires_at,
            "scopes": scope, "approval_key": { "registered": is_signing, "id": signer.id(), "jwk": signer.jwk() },
        }))?;
    } else {
        let until = expires_at
            .map(|expiry| format!(" until {}", expiry.format("%Y-%m-%d %H:%M:%SZ")))
            .unwrap_or_default();
        // Of a token that was piped in it is not known.
        let scope = scope.map(|scope| format!(", to {}", printable(&scope.join(", ")))).unwrap_or_default();
        output.line(format_args!("logged in to {server} as {}{until}{scope}", printable(&me.identity)))?;
    }
    Ok(SUCCESS)
}

/// Names this program on this machine, for whoever confirms its login.
fn name() -> String {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let host = host.filter(|host| host.len() <= 60 && !host.chars().any(char::is_control));
    format!("tryaudex on {}", host.as_deref().unwrap_or("a machine"))
}

/// Reads a token that somebody pipes in.
fn token() -> Result<CredentialSecret, Failure> {
    let mut text = Zeroizing::new(String::new());
    let read = std::io::stdin().lock().take(MAX_TOKEN).read_line(&mut text);
    read.map_err(|error| Failure::new(Exit::Usage, format!("cannot read standard input: {error}")))?;
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::new(Exit::Usage, "there is no token on standard input")
            .with_help("pipe it in: tryaudex login --token-stdin < token"));
    }
    Ok(token.into())
}

/// Has a person confirm the login in a browser: of this machine, or of any.
async fn confirmed(
    invocation: &Invocation,
    remote: &Remote,
    signer: &ApprovalSigner,
    args: &LoginArgs,
) -> Result<DeviceToken, Failure> {
    if args.browser || !args.device && has_display(invocation) {
        return confirmed_here(invocation, remote, signer, args).await;
    }
    confirmed_anywhere(invocation, remote, signer, args).await
}

/// Tells whether a browser can be opened: on a desktop.
fn has_display(invocation: &Invocation) -> bool {
    let env = invocation.surroundings.env();
    let is_set = |name: &str| env.get(std::ffi::OsStr::new(name)).is_some_and(|value| !value.is_empty());
    cfg!(target_os = "macos") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

/// Opens the page in the browser of this machine, and waits for what it brings.
async fn confirmed_here(
    invocation: &Invocation,
    remote: &Remote,
    signer: &ApprovalSigner,
    args: &LoginArgs,
) -> Result<DeviceToken, Failure> {
    let loopback = Loopback::begin(&*invocation.rng).await.map_err(|error| {
        Failure::new(Exit::LocalState, format!("cannot listen on this machine: {error}"))
            .with_help("log in with --device")
    })?;
    let page = loopback.page(remote.address(), &name(), &args.scope.join(" "), args.key(signer).as_ref());
    invocation.output.overview(format!("open {page}\n"));
    let mut command = Command::new(if cfg!(target_os = "macos") { "open" } else { "xdg-open" });
    command.arg(&page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if command.spawn().is_err() {
        invocation
            .output
            .warn("no browser could be opened: open the page yourself, on this machine, or use --device");
    }
    let code = loopback.code().await?;
    Ok(remote.redeem_login(&code, &loopback.verifier, &loopback.redirect_uri).await?)
}

/// Shows a code, and waits until it is confirmed on the page.
async fn confirmed_anywhere(
    invocation: &Invocation,
    remote: &Remote,
    signer: &ApprovalSigner,
    args: &LoginArgs,
) -> Result<DeviceToken, Failure> {
    let device = remote.begin_login(&name(), &args.scope.join(" "), args.key(signer).as_ref()).await?;
    show(invocation, &device);
    let mut pause = device.interval.clamp(1, LIMITS.1);
    let mut left = device.expires_in.min(LIMITS.0);
    loop {
        tokio::time::sleep(Duration::from_secs(pause)).await;
        let over = || {
            Failure::new(Exit::Denied, "nobody confirmed the login in time")
                .with_help("run the same command again")
        };
        match remote.finish_login(&device).await {
            Ok(Some(login)) => return Ok(login),
            Ok(None) => {}
            Err(error) if error.is("slow_down") => pause = (pause + SLOWER).min(LIMITS.1),
            Err(error) if error.is("expired_token") => return Err(over()),
            Err(error) if error.is("access_denied") => {
                return Err(Failure::new(Exit::Denied, "the login was refused in the browser"));
            }
            // A server that is started again goes on with it.
            Err(error) if error.may_pass() => {}
            Err(error) => return Err(error.into()),
        }
        left = left.saturating_sub(pause);
        if left == 0 {
            return Err(over());
        }
    }
}

fn show(invocation: &Invocation, device: &Device) {
    // Whoever wants quiet needs the address all the same: it is what they asked for.
    let text = format!(
        "open {} and type the code: {}\n",
        printable(&device.verification_uri),
        printable(&device.user_code)
    );
    invocation.output.overview(text);
}

/// Logs out.
pub(super) fn out(invocation: &Invocation, args: &LogoutArgs) -> Outcome {
    let settings = invocation.config()?.settings;
    let server = address(&settings, args.server.as_ref())?;
    let logins = logins(invocation, &settings)?;
    let login = logins.find(&server)?;
    let signer = logins.signer(&server)?.filter(|_| args.forget_key);
    let (mut is_revoked, mut is_left) = (false, false);
    if let Some(login) = &login {
        let remote = Remote::new(server.clone(), Some(login.token.clone()))?;
        let told = super::runtime()?.block_on(async {
            if let Some(signer) = &signer {
                remote.remove_key(&signer.id()).await?;
            }
            if login.is_given { Ok(()) } else { remote.revoke_token().await }
        });
        match told {
            Ok(()) if login.is_given => {}
            Ok(()) | Err(RemoteError::NotLoggedIn(_)) => is_revoked = true,
            Err(error) => {
                is_left = true;
                let warning = format_args!("the token is forgotten here and may still work: {error}");
                invocation.output.warn(warning);
            }
        }
    }
    logins.forget(&server)?;
    if args.forget_key {
        logins.forget_signer(&server)?;
    }
    let output = &invocation.output;
    if output.is_json() {
        let report =
            json!({ "server": server.to_string(), "was_logged_in": login.is_some(), "revoked": is_revoked });
        output.json(&report)?;
    } else if login.as_ref().is_some_and(|login| login.is_given) {
        output.line(format_args!(
            "logged out of {server}; the token that was piped in still works: whoever made it revokes it on {server}/console/me"
        ))?;
    } else if login.is_some() {
        output.line(format_args!("logged out of {server}"))?;
    } else {
        output.line(format_args!("there was no login to {server}"))?;
    }
    Ok(if is_left { Exit::Provider.code() } else { SUCCESS })
}
