use audex_core::Credential;
use audex_policy::Provider;
use audex_providers::{aws, local};
use zeroize::Zeroizing;

/// Writes a credential in one form; nothing for a credential of another provider.
pub type Document = fn(&Credential) -> Option<Zeroizing<Vec<u8>>>;

/// Holds the forms in which a provider's programs read credentials.
///
/// ```
/// use audex_cli::deliver::Documents;
/// use audex_core::Credential;
/// use audex_policy::Provider;
///
/// let documents = Documents::of(Provider::Local).unwrap();
/// let credential = Credential::new(Provider::Local, "jti-1", chrono::DateTime::UNIX_EPOCH).with_part("AUDEX_TOKEN", "eyJ".into());
/// assert_eq!((documents.file)(&credential).unwrap().as_slice(), b"eyJ");
/// assert!(Documents::of(Provider::Gcp).is_none());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Documents {
    /// What a server on loopback answers.
    pub endpoint: Document,
    /// What a program that is asked prints.
    pub process: Document,
    /// What is in a file.
    pub file: Document,
}

impl Documents {
    /// Returns the forms of a provider; nothing for one whose programs read variables only.
    pub const fn of(provider: Provider) -> Option<Self> {
        match provider {
            Provider::Aws => Some(Self {
                endpoint: aws::container_document,
                process: aws::process_document,
                file: aws::credentials_file,
            }),
            Provider::Local => Some(Self {
                endpoint: local::token_document,
                process: local::token_document,
                file: token_alone,
            }),
            Provider::Gcp | Provider::Azure | Provider::Vault => None,
        }
    }
}

/// Writes a token as it goes into a header, without a line feed.
fn token_alone(credential: &Credential) -> Option<Zeroizing<Vec<u8>>> {
    Some(Zeroizing::new(credential.part(local::TOKEN_VARIABLE)?.expose().as_bytes().to_vec()))
}
