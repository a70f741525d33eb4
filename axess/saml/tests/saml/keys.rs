//! Key pairs, made by openssl once for a build folder.

use axess_peers::{find_program, skip};
use axess_saml::SamlKey;
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    fs::{self, File},
    path::PathBuf,
    process::Command,
};

/// A private key with its certificate.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) key_file: PathBuf,
    pub(crate) certificate_file: PathBuf,
}

/// Notes that a test needs openssl, where it is not there.
pub(crate) fn are_missing(test: &str) -> bool {
    let are_missing = find_program("openssl").is_none();
    if are_missing {
        skip(test, "no openssl");
    }
    are_missing
}

/// Returns the pair of a name, which tells its kind: `p256`, `p384`, `weak` (RSA of 1024 bits), or any other.
pub(crate) fn pair(name: &str) -> Pair {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("saml-keys");
    fs::create_dir_all(&folder).unwrap();
    // One at a time, in whatever process: a key and the certificate of another are no pair.
    let guard = File::create(folder.join("lock")).unwrap();
    guard.lock().unwrap();
    let [key_file, certificate_file] = ["key", "pem"].map(|kind| folder.join(format!("{name}.{kind}")));
    if !certificate_file.is_file() {
        let kind: &[&str] = match name {
            "p256" => &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            "p384" => &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
            "weak" => &["rsa:1024"],
            _ => &["rsa:2048"],
        };
        // Named when they are whole: whoever made them may have been ended.
        let [key, certificate] = ["key", "pem"].map(|kind| folder.join(format!("{name}.new.{kind}")));
        let mut command = Command::new(find_program("openssl").unwrap());
        command
            .args(["req", "-x509", "-nodes", "-days", "36500", "-subj", "/CN=axess test", "-newkey"])
            .args(kind);
        let made = command.arg("-keyout").arg(&key).arg("-out").arg(&certificate).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::rename(&key, &key_file).unwrap();
        fs::rename(&certificate, &certificate_file).unwrap();
    }
    Pair { key_file, certificate_file }
}

impl Pair {
    pub(crate) fn certificate(&self) -> String {
        fs::read_to_string(&self.certificate_file).unwrap()
    }

    pub(crate) fn key(&self) -> SamlKey {
        self.with_certificate(&self.certificate())
    }

    /// The private key with somebody's certificate.
    pub(crate) fn with_certificate(&self, certificate: &str) -> SamlKey {
        SamlKey::new(fs::read_to_string(&self.key_file).unwrap(), certificate)
    }

    /// The public key, as `SubjectPublicKeyInfo`.
    pub(crate) fn public(&self) -> Vec<u8> {
        let mut command = Command::new(find_program("openssl").unwrap());
        let output =
            command.args(["x509", "-noout", "-pubkey", "-in"]).arg(&self.certificate_file).output().unwrap();
        let pem = String::from_utf8(output.stdout).unwrap();
        let bare: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(bare).unwrap()
    }
}
