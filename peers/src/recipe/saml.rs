use std::{path::Path, process::Command};

use super::{Recipe, Settings, certificate, first_missing, program, run, server, write};
use crate::{place::Place, tools_folder};

const SCRIPT: &str = include_str!("saml.py");
const SCRIPT_NAME: &str = "saml.py";

/// The folder of the packages, below the tools of the build folder.
const PACKAGES: &str = "pysaml2";

/// Where Debian keeps SimpleSAMLphp's pages.
const PAGES: &str = "/usr/share/simplesamlphp/www";

const ROUTER: &str = include_str!("simplesaml/router.php");

/// What is configured, and where.
const CONFIGURATION: [(&str, &str); 5] = [
    ("router.php", ROUTER),
    ("config/config.php", include_str!("simplesaml/config.php")),
    ("config/authsources.php", include_str!("simplesaml/authsources.php")),
    ("metadata/saml20-idp-hosted.php", include_str!("simplesaml/idp.php")),
    ("metadata/saml20-sp-remote.php", include_str!("simplesaml/sp.php")),
];

pub(crate) const SAML_IDP: Recipe = Recipe {
    missing: || {
        let is_there = tools_folder().is_some_and(|tools| tools.join(PACKAGES).join("saml2").is_dir());
        let package = (!is_there).then_some("Python with pysaml2");
        package.or_else(|| first_missing(&["python3", "xmlsec1", "openssl", "setpriv"]))
    },
    prepare: |place| {
        keys(place)?;
        write(place, SCRIPT_NAME, SCRIPT).map(drop)
    },
    command: python,
    ready: "READY",
    stop: "TERM",
};

pub(crate) const SIMPLE_SAML_PHP: Recipe = Recipe {
    missing: || {
        let package = (!Path::new(PAGES).is_dir()).then_some("SimpleSAMLphp");
        let programs = || first_missing(&["php", "openssl", "setpriv"]);
        package.or_else(programs).or_else(|| (!has_extensions()).then_some("php-xml or php-mbstring"))
    },
    prepare: |place| {
        for folder in ["config", "metadata", "sp", "sessions", "logs", "data", "tmp"] {
            let folder = place.folder().join(folder);
            std::fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        keys(place)?;
        CONFIGURATION.iter().try_for_each(|(name, text)| write(place, name, text).map(drop))
    },
    command: php,
    ready: "Development Server (http",
    stop: "TERM",
};

/// Makes the key that signs, and the one that will.
fn keys(place: &Place) -> Result<(), String> {
    ["idp", "next"].iter().try_for_each(|name| certificate::make_rsa(place, name))
}

fn python(place: &Place, settings: Settings) -> Result<Command, String> {
    let tools = tools_folder().ok_or("this program is in no build folder")?;
    let mut command = server(&program("python3")?, None, settings)?;
    command.args(["-W", "ignore", "-B", SCRIPT_NAME, &place.port().to_string()]).arg(program("xmlsec1")?);
    command.env("PYTHONPATH", tools.join(PACKAGES));
    Ok(command)
}

fn has_extensions() -> bool {
    let test = "exit(extension_loaded('dom') && extension_loaded('mbstring') ? 0 : 1);";
    program("php").and_then(|php| run(Command::new(php).args(["-r", test]))).is_ok()
}

fn php(place: &Place, settings: Settings) -> Result<Command, String> {
    let mut command = server(&program("php")?, None, settings)?;
    // It is older than the PHP of its distribution, which warns about it on its pages.
    command.args(["-d", "error_reporting=0", "-d", "display_errors=0", "-t", PAGES]);
    command.arg("-S").arg(format!("127.0.0.1:{}", place.port())).arg("router.php");
    let folder = place.folder();
    command.env("SIMPLESAMLPHP_CONFIG_DIR", folder.join("config")).env("PEER_FOLDER", folder);
    command.env("PEER_URL", format!("http://127.0.0.1:{}/", place.port()));
    Ok(command)
}
