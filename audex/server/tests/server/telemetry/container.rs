//! The instructions of the image, held against the workspace and the Kubernetes manifest.
//!
//! Nothing here builds the image: that needs a container builder and its base images. What would make a build fail, or the
//! image not start, because names or paths have come apart is found all the same.

use super::deploy_folder;
use std::{collections::BTreeMap, path::PathBuf};

/// The instructions of a stage: their names, and the rest of their lines.
#[derive(Debug, Default)]
struct Stage {
    base: String,
    name: Option<String>,
    instructions: Vec<(String, String)>,
}

impl Stage {
    /// The only instruction of this name.
    fn only(&self, name: &str) -> &str {
        let mut found = self.all(name);
        let first = found.next().unwrap_or_else(|| panic!("no {name} in {self:#?}"));
        assert!(found.next().is_none(), "{name} stands there twice");
        first
    }

    fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.instructions.iter().filter(move |(found, _)| found == name).map(|(_, rest)| rest.as_str())
    }
}

fn workspace(path: &str) -> PathBuf {
    deploy_folder().join("..").join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(workspace(path)).unwrap()
}

/// Reads the stages; a line that ends with a backslash goes on.
fn stages() -> Vec<Stage> {
    let text = read("deploy/Containerfile").replace("\\\n", " ");
    let mut stages: Vec<Stage> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, rest) = line.split_once(' ').unwrap();
        if name == "FROM" {
            let words: Vec<&str> = rest.split_whitespace().collect();
            let name = words.get(2).map(|name| (*name).to_owned());
            stages.push(Stage { base: words[0].to_owned(), name, ..Stage::default() });
        } else {
            let rest = rest.split_whitespace().collect::<Vec<_>>().join(" ");
            stages.last_mut().unwrap().instructions.push((name.to_owned(), rest));
        }
    }
    stages
}

/// The value after a flag.
fn flag<'a>(line: &'a str, name: &str) -> &'a str {
    let mut words = line.split_whitespace().skip_while(|word| *word != name);
    words.next().and_then(|_| words.next()).unwrap_or_else(|| panic!("no {name} in {line}"))
}

/// A number in the Kubernetes manifest.
fn in_kubernetes(key: &str) -> Vec<String> {
    let manifest = read("deploy/kubernetes.yaml");
    let values = manifest.lines().filter_map(|line| {
        line.trim_start_matches([' ', '-']).strip_prefix(&format!("{key}: ")).map(str::to_owned)
    });
    values.collect()
}

#[test]
fn the_image_builds_what_the_workspace_has() {
    let stages = stages();
    let [builder, image] = stages.as_slice() else { panic!("{stages:#?}") };
    let root = read("Cargo.toml");
    let version = root.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    assert!(builder.base.starts_with(&format!("rust:{}-", version.trim_matches('"'))), "{}", builder.base);
    // The program runs on the C library that it was built with.
    let release = builder.base.rsplit('-').next().unwrap();
    assert!(image.base.contains(release), "{} and {}", builder.base, image.base);
    let build = builder.all("RUN").find(|line| line.starts_with("cargo build ")).unwrap();
    assert!(build.contains("--locked") && workspace("Cargo.lock").is_file());
    let (profile, binary) = (flag(build, "--profile"), flag(build, "--bin"));
    assert!(root.contains(&format!("[profile.{profile}]")), "{profile}");
    let package = read("audex/cli/Cargo.toml");
    assert!(package.contains(&format!("name = \"{}\"", flag(build, "-p"))), "{build}");
    assert!(package.contains(&format!("[[bin]]\nname = \"{binary}\"")), "{binary}");
    let features = package.split("[features]").nth(1).unwrap();
    for feature in flag(build, "--features").split(',') {
        assert!(features.contains(&format!("\n{feature} = ")), "{feature}");
    }
    assert_eq!(builder.only("COPY"), ". .");
    let copied: Vec<&str> = image.only("COPY").split(' ').collect();
    let from = format!("--from={}", builder.name.as_deref().unwrap());
    let built = format!("{}/target/{profile}/{binary}", builder.only("WORKDIR"));
    assert_eq!(copied, [&from, &built, &format!("/usr/local/bin/{binary}")]);
    assert_eq!(image.only("ENTRYPOINT"), format!("[\"{binary}\"]"));
    // What was built here before does not go to the builder.
    let left_out = read("deploy/Containerfile.dockerignore");
    assert!(left_out.lines().any(|line| line == "target"), "{left_out}");
}

#[test]
fn the_image_runs_as_nobody_in_particular_and_as_kubernetes_expects() {
    let stages = stages();
    let image = stages.last().unwrap();
    let user = image.only("USER");
    assert!(user.parse::<u32>().is_ok_and(|user| user > 999), "not root, and by its number: {user}");
    let prepare = image.all("RUN").find(|line| line.contains("useradd")).unwrap();
    assert_eq!(flag(prepare, "--uid"), user);
    assert_eq!(in_kubernetes("runAsUser"), [user]);
    let volume = image.only("VOLUME");
    assert_eq!(flag(prepare, "--home-dir"), volume);
    assert!(prepare.contains("--create-home"), "the volume begins as a folder of that user");
    assert!(in_kubernetes("mountPath").iter().any(|path| path == volume));
    let ports: Vec<&str> = image.only("EXPOSE").split(' ').collect();
    assert_eq!(in_kubernetes("containerPort"), ports);
    let command: Vec<String> = serde_json::from_str(image.only("CMD")).unwrap();
    assert_eq!(in_kubernetes("args"), [format!("[{}]", command.join(", "))]);
    assert_eq!(image.only("STOPSIGNAL"), "SIGTERM");
    // Once it is nobody's in particular it stays so, and nothing is fetched from elsewhere.
    let order: BTreeMap<&str, usize> =
        image.instructions.iter().enumerate().map(|(at, (name, _))| (name.as_str(), at)).collect();
    assert!(order["USER"] > order["RUN"] && order["USER"] > order["COPY"], "{order:?}");
    assert!(!order.contains_key("ADD") && !order.contains_key("ENV"), "{order:?}");
}
