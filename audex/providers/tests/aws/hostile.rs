//! What listens where AWS was expected, and is not AWS, or has a bad day.

use crate::fixture::{QUARTER, base, order, provider, told};
use audex_core::{CredentialProvider, MintOrder, Minted, ProviderError, ProviderFault};
use audex_providers::aws::{AwsConfig, AwsProvider, BaseSource, SessionTags};
use axess_clock::{Clock, SystemClock};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const ROLE: &str = "arn:aws:iam::123456789012:role/app";
const KEYS: (&str, &str) = ("AKIAexample00000", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY");

/// What the server does with a request.
#[derive(Clone)]
enum Trick {
    Answer(u16, String),
    /// The head of an answer, and nothing more.
    Stall,
    /// A byte now and then.
    Drip,
    /// More than anybody wants to read.
    Flood,
    /// Bytes that are no HTTP.
    Garbage,
    /// The end of the connection.
    Close,
}

/// Plays one trick after another, the last one for ever, and keeps the requests.
struct Trickster {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Trickster {
    async fn new(tricks: Vec<Trick>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, requests) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
        let kept = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read(&mut stream).await;
                let at = {
                    let mut kept = kept.lock().unwrap();
                    kept.push(request);
                    kept.len() - 1
                };
                tokio::spawn(play(stream, tricks[at.min(tricks.len() - 1)].clone()));
            }
        });
        Self { port, requests }
    }

    fn config(&self) -> AwsConfig {
        AwsConfig {
            role_arn: Some(ROLE.to_owned()),
            endpoint_url: Some(format!("http://127.0.0.1:{}", self.port)),
            ..AwsConfig::new(base(KEYS))
        }
    }

    async fn mint(&self, config: AwsConfig) -> (MintOrder, Result<Minted, ProviderError>) {
        let provider: AwsProvider = provider(config);
        let order = order(&provider, "s3:GetObject=arn:aws:s3:::a&b/*", QUARTER);
        let minted = provider.mint(&order).await;
        (order, minted)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn read(stream: &mut TcpStream) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 4_096]);
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .to_lowercase()
                .split("content-length: ")
                .nth(1)
                .map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        let count = stream.read(&mut buffer).await.unwrap();
        assert_ne!(count, 0, "{text}");
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
}

async fn play(mut stream: TcpStream, trick: Trick) {
    let head = |status: u16, length: usize| {
        format!(
            "HTTP/1.1 {status} X\r\ncontent-type: text/xml\r\ncontent-length: {length}\r\nlocation: http://127.0.0.1:1/\r\nconnection: close\r\n\r\n"
        )
    };
    let mut write = async |text: &str| stream.write_all(text.as_bytes()).await.is_ok();
    match trick {
        Trick::Answer(status, body) => drop(write(&(head(status, body.len()) + &body)).await),
        Trick::Stall => {
            write(&head(200, 100)).await;
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        Trick::Drip => {
            write(&head(200, 60_000)).await;
            while write("<").await {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Trick::Flood => {
            write(&head(200, 1 << 40)).await;
            while write(&" ".repeat(65_536)).await {}
        }
        Trick::Garbage => drop(write("\u{0}\u{1}\u{2} SSH-2.0-x\r\n\r\n").await),
        Trick::Close => {}
    }
}

fn good(expires: &str, percent: u32) -> String {
    format!(
        "<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/app/x-y</Arn>\
         </AssumedRoleUser><Credentials><AccessKeyId>ASIAexample00000</AccessKeyId><SecretAccessKey>hush</SecretAccessKey>\
         <SessionToken>hush</SessionToken><Expiration>{expires}</Expiration></Credentials>\
         <PackedPolicySize>{percent}</PackedPolicySize></AssumeRoleResult></AssumeRoleResponse>"
    )
}

fn error(code: &str) -> String {
    format!("<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>")
}

const FAR: &str = "2099-01-01T00:00:00Z";

#[tokio::test]
async fn the_request_says_all_there_is_to_say() {
    let server = Trickster::new(vec![Trick::Answer(200, good(FAR, 8))]).await;
    let config = AwsConfig {
        external_id: Some("e:1".into()),
        session_tags: SessionTags::Transitive,
        ..server.config()
    };
    let (order, minted) = server.mint(config).await;
    assert_eq!(minted.unwrap().credential.parts().count(), 3);
    let request = server.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("POST / HTTP/1.1\r\n")
            && head.contains("AWS4-HMAC-SHA256 Credential=AKIAexample00000/")
    );
    assert!(head.contains("/us-east-1/sts/aws4_request"));
    let name = format!("audex-{}-uid1000", order.session_id);
    for field in [
        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fapp",
        &format!("&RoleSessionName={name}&"),
        "&DurationSeconds=900&",
        "&Policy=%7B%22Version%22%3A%222012-10-17%22",
        "%3A%3A%3Aa%26b%2F*%22",
        &format!(
            "&Tags.member.1.Key=audex%3Asession&Tags.member.1.Value={}&TransitiveTagKeys.member.1=audex%3Asession&",
            order.session_id
        ),
        "&Tags.member.2.Key=audex%3Arequester&Tags.member.2.Value=uid%3A1000&",
        &format!("&SourceIdentity={name}&"),
        "&ExternalId=e%3A1",
    ] {
        assert!(body.contains(field), "{field} in {body}");
    }
    assert!(!request.contains(KEYS.1));
}

#[tokio::test]
async fn a_token_goes_without_keys_and_with_the_policy() {
    let server = Trickster::new(vec![Trick::Answer(200, good(FAR, 8)), Trick::Answer(400, leak())]).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "aaaa.bbbb.cccc\n").unwrap();
    let config = AwsConfig { web_identity_token_file: Some(file.path().to_owned()), ..server.config() };
    let (order, minted) = server.mint(config.clone()).await;
    minted.unwrap();
    assert_eq!(order.shape.lifetimes.end().num_hours(), 12, "no session stands behind it");
    let request = server.requests().remove(0);
    for there in [
        "Action=AssumeRoleWithWebIdentity&",
        "&WebIdentityToken=aaaa.bbbb.cccc",
        "&Policy=%7B",
        "&DurationSeconds=900",
    ] {
        assert!(request.contains(there), "{there} in {request}");
    }
    for absent in ["uthorization:", "Tags.member", "SourceIdentity"] {
        assert!(!request.contains(absent), "{absent} in {request}");
    }
    // What the server says about the token is not passed on.
    let refused = server.mint(config).await.1.unwrap_err();
    assert!(!format!("{refused:?}").contains("bbbb"), "{refused:?}");
}

#[tokio::test]
async fn a_server_for_containers_gives_the_base() {
    let keys = |end: &str| {
        let keys = r#"{"AccessKeyId":"ASIAexample00000","SecretAccessKey":"own-secret","Token":"own-token","Expiration":"#;
        Trick::Answer(200, format!("{keys}\"{end}\"}}"))
    };
    let mint = async |tricks: Vec<Trick>| {
        let server = Trickster::new(tricks).await;
        let url = format!("http://127.0.0.1:{}/creds", server.port);
        let environment = [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "raw"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (order, minted) =
            server.mint(AwsConfig { base: BaseSource::new(environment.into()), ..server.config() }).await;
        (order, minted, server.requests())
    };
    let (order, minted, requests) = mint(vec![keys(FAR), Trick::Answer(200, good(FAR, 8))]).await;
    minted.unwrap();
    assert_eq!(order.shape.lifetimes.end().num_hours(), 1, "a session begets an hour");
    assert!(
        requests[0].starts_with("GET /creds HTTP/1.1\r\n") && requests[0].contains("authorization: raw\r\n")
    );
    assert!(
        requests[1].contains("Credential=ASIAexample00000/")
            && requests[1].contains("x-amz-security-token: own-token\r\n")
    );
    let (_, expired, requests) = mint(vec![keys("2020-01-01T00:00:00Z")]).await;
    assert!(expired.unwrap_err().to_string().contains("expired at 2020") && requests.len() == 1);
    for (trick, fault) in [
        (Trick::Answer(200, "{}".into()), ProviderFault::BadAnswer),
        (Trick::Answer(302, String::new()), ProviderFault::BadAnswer),
        (Trick::Flood, ProviderFault::BadAnswer),
        (Trick::Close, ProviderFault::Unreachable),
    ] {
        assert_eq!(mint(vec![trick]).await.1.unwrap_err().fault, fault);
    }
}

fn leak() -> String {
    error("InvalidIdentityToken").replace(">no<", ">the token aaaa.bbbb.cccc is no good<")
}

#[tokio::test]
async fn a_bad_moment_passes() {
    for trouble in [
        Trick::Answer(400, error("Throttling")),
        Trick::Answer(503, "<html>".into()),
        Trick::Answer(429, String::new()),
        Trick::Close,
    ] {
        let server = Trickster::new(vec![trouble.clone(), trouble, Trick::Answer(200, good(FAR, 8))]).await;
        server.mint(server.config()).await.1.unwrap();
        assert_eq!(server.requests().len(), 3);
    }
}

#[tokio::test]
async fn a_bad_day_is_reported_after_three_tries() {
    let server = Trickster::new(vec![Trick::Answer(400, error("Throttling"))]).await;
    let refused = server.mint(server.config()).await.1.unwrap_err();
    assert!(
        refused.fault == ProviderFault::Unreachable && told(&refused).contains("Throttling"),
        "{}",
        told(&refused)
    );
    assert_eq!(server.requests().len(), 3);
    let closed = { TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port() };
    let config = AwsConfig { endpoint_url: Some(format!("http://127.0.0.1:{closed}")), ..server.config() };
    assert_eq!(server.mint(config).await.1.unwrap_err().fault, ProviderFault::Unreachable);
}

#[tokio::test]
async fn a_refusal_is_not_repeated() {
    for code in ["AccessDenied", "PackedPolicyTooLarge", "SomethingNew"] {
        let server = Trickster::new(vec![Trick::Answer(400, error(code))]).await;
        server.mint(server.config()).await.1.unwrap_err();
        assert_eq!(server.requests().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn nonsense_is_no_credential() {
    let other_role = good(FAR, 8).replace("role/app/", "role/admin/");
    let other_account = good(FAR, 8).replace("::123456789012:", "::210987654321:");
    for trick in [
        Trick::Answer(200, String::new()),
        Trick::Answer(200, "<html><body>captive portal</body></html>".into()),
        Trick::Answer(200, "{}".into()),
        Trick::Answer(200, good("never", 8)),
        Trick::Answer(200, other_role),
        Trick::Answer(200, other_account),
        Trick::Answer(302, good(FAR, 8)),
        Trick::Answer(404, "not found".into()),
        Trick::Flood,
    ] {
        let server = Trickster::new(vec![trick]).await;
        let refused = server.mint(server.config()).await.1.unwrap_err();
        assert_eq!(refused.fault, ProviderFault::BadAnswer, "{}", told(&refused));
        assert!(!format!("{refused:?}").contains("hush"));
        assert_eq!(server.requests().len(), 1, "and nobody is asked again or elsewhere");
    }
    let server = Trickster::new(vec![Trick::Garbage]).await;
    assert_eq!(server.mint(server.config()).await.1.unwrap_err().fault, ProviderFault::Unreachable);
    let server = Trickster::new(vec![Trick::Answer(200, good(FAR, 101))]).await;
    let refused = server.mint(server.config()).await.1.unwrap_err();
    assert!(
        refused.fault == ProviderFault::Rejected && told(&refused).contains("packed size"),
        "{}",
        told(&refused)
    );
}

#[tokio::test]
async fn a_slow_server_costs_ten_seconds() {
    let tasks = [Trick::Stall, Trick::Drip].map(|trick| {
        tokio::spawn(async move {
            let server = Trickster::new(vec![trick]).await;
            let begun = SystemClock.now();
            let refused = server.mint(server.config()).await.1.unwrap_err();
            (refused, SystemClock.now() - begun)
        })
    });
    for task in tasks {
        let (refused, took) = task.await.unwrap();
        assert_eq!(refused.fault, ProviderFault::Unreachable, "{}", told(&refused));
        assert!(took.num_seconds() < 12, "{took}");
    }
}

#[test]
fn what_does_not_fit_is_refused_before_anybody_is_asked() {
    let provider = provider(AwsConfig { role_arn: Some(ROLE.to_owned()), ..AwsConfig::new(base(KEYS)) });
    let long = (0..40)
        .map(|at| format!("s3:GetObject=arn:aws:s3:::bucket-{at}/{}", "a".repeat(60)))
        .collect::<Vec<_>>()
        .join(",");
    let refusal = provider.shape(&crate::fixture::grant(&long, &[]), None, &[]).unwrap_err();
    assert!(refusal.to_string().contains("2048") && !refusal.instead.is_empty(), "{refusal}");
    let grant = crate::fixture::grant("s3:GetObject", &[]);
    assert!(provider.shape(&grant, Some("app"), &[]).unwrap_err().to_string().contains("ARN of a role"));
    let shape = provider.shape(&grant, Some("arn:aws:iam::210987654321:role/other"), &[]).unwrap();
    assert_eq!(shape.target.as_deref(), Some("arn:aws:iam::210987654321:role/other"));
    assert_eq!(shape.notes, Vec::<String>::new());
}

#[test]
fn a_shape_says_what_a_person_should_know() {
    let grant = crate::fixture::grant("s3:GetObject", &[]);
    let shape = |config: AwsConfig, networks: &[&str]| {
        let networks: Vec<_> = networks.iter().map(|network| network.parse().unwrap()).collect();
        provider(config).shape(&grant, None, &networks).unwrap()
    };
    let plain = AwsConfig::new(base(KEYS));
    let of = |config: AwsConfig, networks: &[&str], word: &str| {
        let shape = shape(config, networks);
        assert!(shape.notes.iter().any(|note| note.contains(word)), "{word}: {:?}", shape.notes);
        (shape.lifetimes.start().num_minutes(), shape.lifetimes.end().num_minutes())
    };
    assert_eq!(of(plain.clone(), &[], "no role is named"), (15, 720));
    let role = AwsConfig { role_arn: Some(ROLE.to_owned()), ..plain };
    assert_eq!(of(AwsConfig { chained: true, ..role.clone() }, &[], "an hour at most"), (15, 60));
    assert_eq!(of(role.clone(), &["10.0.0.0/8"], "VPC endpoint"), (15, 720));
    let far: Vec<String> =
        (0..80).map(|at| format!("sqs:*=arn:aws:sqs:eu-west-1:123456789012:queue-{at}")).collect();
    let far: Vec<&str> = far.iter().map(String::as_str).collect();
    let crowded = provider(role).shape(&crate::fixture::grant("s3:*", &far), None, &[]).unwrap();
    assert!(crowded.notes[0].contains("no room"), "{:?}", crowded.notes);
}
