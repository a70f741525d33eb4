use super::site::Site;
use crate::home::{Home, free_port};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

fn check(home: &Home, text: &str) -> (Option<i32>, String) {
    let file = home.path().join("server-config.toml");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let output = home.tryaudex("--config server-config.toml server --check-config").output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn every_fault_is_named_at_once_and_nothing_is_left_behind() {
    let home = Home::new();
    let (code, said) = check(&home, "[server]\nlisten = \"8080\"\nmax_tll = \"1h\"\n[sso]\nenabled = true\n");
    assert_eq!(code, Some(86), "{said}");
    for part in [
        "line 2: server.listen",
        "line 3: server.max_tll",
        "did you mean max_ttl?",
        "sso.type: this is needed",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let secret = "[database]\nurl = \"postgresql://audex:hunter2@db/audex\"\n";
    let (code, said) = check(&home, secret);
    assert!(code == Some(86) && said.contains("AUDEX_DATABASE_URL") && !said.contains("hunter2"), "{said}");
    let open = home.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let text = format!(
        "[server]\ndata = \"{}\"\n[authorization]\npolicies = \"/nowhere\"\n[telemetry]\notlp_endpoint = \"http://localhost:4318\"\n",
        open.display()
    );
    let (code, said) = check(&home, &text);
    assert_eq!(code, Some(86), "{said}");
    assert!(
        said.contains("server.data")
            && said.contains("chmod go-w")
            && said.contains("authorization.policies"),
        "{said}"
    );
    let (code, said) = check(&home, "[server]\nlisten = \"127.0.0.1:8080\"\n[audit]\nbackend = \"sqlite\"\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(!home.data().exists(), "a check writes nothing");
}

#[test]
fn the_saml_settings_of_the_manual_begin_and_say_what_is_missing() {
    let home = Home::new();
    let (key, certificate) = (home.path().join("sp.key"), home.path().join("idp.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=idp", "-newkey", "rsa:2048"]);
    let made = openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let six = format!(
        "[sso]\nenabled = true\ntype = \"saml\"\nentity_id = \"https://audex.company.com\"\n\
         idp_sso_url = \"https://idp.company.com/sso\"\nidp_cert_path = \"{}\"\n\
         assertion_consumer_service_url = \"https://audex.company.com/acs\"\n",
        certificate.display()
    );
    let (code, said) = check(&home, &six);
    assert!(code == Some(0) && said.contains("warning") && said.contains("sso.idp_entity_id"), "{said}");
    let named = format!("{six}idp_entity_id = \"https://idp.company.com\"\n");
    let (code, said) = check(&home, &named);
    assert!(code == Some(0) && !said.contains("idp_entity_id"), "{said}");
    // A key that others can read is refused at the start as by the check.
    let (key, certificate) = (key.display(), certificate.display());
    let keyed = format!("{named}sp_key_path = \"{key}\"\nsp_cert_path = \"{certificate}\"\n");
    assert_eq!(check(&home, &keyed).0, Some(0));
    fs::set_permissions(home.path().join("sp.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = check(&home, &keyed);
    assert!(code == Some(86) && said.contains("sso.sp_key_path") && said.contains("chmod go-rwx"), "{said}");
    let began = home.tryaudex("--config server-config.toml server --listen 127.0.0.1:0").output().unwrap();
    let said = String::from_utf8_lossy(&began.stderr);
    assert!(began.status.code() == Some(86) && said.contains("sso.sp_key_path"), "{said}");
}

#[test]
fn what_follows_sqlite_is_the_path_of_the_database_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("50%25 off?mode=memory#1.db");
    let site = Site::with(&format!("[database]\nurl = \"sqlite:{}\"\n", file.display()));
    let admin = site.admin();
    assert!(
        fs::metadata(&file).is_ok_and(|found| found.len() > 0 && found.permissions().mode() & 0o077 == 0)
    );
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    assert!(names.iter().all(|name| name.starts_with("50%25 off?mode=memory#1.db")), "{names:?}");
    let site = site.kill_and_restart();
    assert!(site.link.is_none() && admin.get("/me")["identity"] == "admin@localhost");
}

#[test]
fn a_collector_that_speaks_grpc_is_taken_and_need_not_be_there() {
    let home = Home::new();
    for endpoint in
        ["http://localhost:4317", "grpc://localhost:9", "https://otlp.example.com", "http://localhost:4318"]
    {
        let (code, said) = check(&home, &format!("[telemetry]\notlp_endpoint = \"{endpoint}\"\n"));
        assert_eq!(code, Some(0), "{endpoint}: {said}");
    }
    let (code, said) = check(&home, "[telemetry]\notlp_endpoint = \"localhost:4317\"\n");
    assert!(code == Some(86) && said.contains("telemetry.otlp_endpoint"), "{said}");
    // Nobody listens there; nothing waits for it.
    let site = Site::with("[telemetry]\notlp_endpoint = \"grpc://127.0.0.1:9\"\ntrace_sample_rate = 1.0\n");
    site.admin();
}

/// Makes a folder of a mode.
fn folder_of(mode: u32, path: &Path) {
    fs::create_dir(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The folders have the modes that Kubernetes gives them: a volume with `fsGroup` belongs to the group, and a file by `subPath`
/// lies in a folder of the image.
#[test]
fn a_server_starts_as_the_manifest_of_kubernetes_has_it() {
    const CONFIG: &str = "/etc/audex/server-config.toml";
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/kubernetes.yaml");
    let manifest = fs::read_to_string(manifest).unwrap();
    for part in [
        format!("args: [server, --config, {CONFIG}]"),
        format!("mountPath: {CONFIG}\n              subPath: server-config.toml"),
        "mountPath: /var/lib/audex\n".to_owned(),
        // Without it, each start would open what is in the volume to the group.
        "fsGroupChangePolicy: OnRootMismatch".to_owned(),
    ] {
        assert!(manifest.contains(&part), "{part}");
    }
    let (_, rest) = manifest.split_once("server-config.toml: |\n").unwrap();
    let config = rest.split("---\n").next().unwrap().replace("\n    ", "\n");
    let home = Home::new();
    let (volume, etc) = (home.path().join("volume"), home.path().join("etc"));
    folder_of(0o2775, &volume);
    folder_of(0o755, &etc);
    let here = config.replace("/var/lib/audex", volume.to_str().unwrap());
    let here = here.replace("= 9090", &format!("= {}", free_port()));
    let file = etc.join("server-config.toml");
    fs::write(&file, here.trim_start()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let arguments = format!("--config {} server", file.display());
    let checked = home.tryaudex(&format!("{arguments} --check-config")).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    // Neither the volume itself nor the folder of a whole ConfigMap would do.
    let open = home.path().join("open");
    folder_of(0o777, &open);
    fs::copy(&file, open.join("server-config.toml")).unwrap();
    let itself = format!("{arguments} --data {} --check-config", volume.display());
    let whole = format!("--config {} server --check-config", open.join("server-config.toml").display());
    for refused in [itself, whole] {
        let output = home.tryaudex(&refused).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(86) && said.contains("chmod go-w"), "{refused}: {said}");
    }
    let site = Site::start(home, &arguments);
    let site = site.kill_and_restart();
    let data = fs::metadata(volume.join("server")).unwrap();
    assert_eq!(data.permissions().mode() & 0o777, 0o700);
    assert_eq!(site.stop().0, Some(0));
}
