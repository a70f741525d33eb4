use std::process::Command;

use super::{Recipe, Settings, first_missing, server, write};
use crate::{
    place::{LITTER, Place, second},
    programs::find_seaweedfs,
};

/// Who may do what. The names are those of [`crate::Kind::S3`] and its URL.
const IDENTITIES: &str = r#"{"identities": [
    {"name": "admin", "credentials": [{"accessKey": "admin", "secretKey": "adminpass"}],
     "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
    {"name": "reader", "credentials": [{"accessKey": "reader", "secretKey": "readerpass"}],
     "actions": ["Read", "List"]}
]}
"#;

pub(crate) const S3: Recipe = Recipe {
    missing: || find_seaweedfs().is_none().then_some("weed").or_else(|| first_missing(&["setpriv"])),
    prepare,
    command,
    ready: "Start Seaweed S3 API Server",
    stop: "TERM",
};

fn prepare(place: &Place) -> Result<(), String> {
    write(place, "identities.json", IDENTITIES)?;
    let data = place.folder().join("data");
    std::fs::create_dir(&data).map_err(|error| format!("{}: {error}", data.display()))?;
    // It names its sockets after its ports, in this folder on every machine, and leaves them there.
    let paths: Vec<String> = std::iter::once(place.port())
        .chain(place.others())
        .flat_map(|port| [port, second(port)])
        .flat_map(|port| {
            ["s3", "s3-grpc", "master-grpc", "volume-grpc", "filer", "filer-grpc"].map(|part| (part, port))
        })
        .map(|(part, port)| format!("/tmp/seaweedfs-{part}-{port}.sock"))
        .collect();
    write(place, LITTER, &paths.join("\n")).map(drop)
}

fn command(place: &Place, settings: Settings) -> Result<Command, String> {
    let program = find_seaweedfs().ok_or("weed is missing")?;
    let mut others = place.others();
    let mut command = server(&program, None, settings)?;
    command.args([
        "-logtostderr",
        "server",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-dir=data",
        "-filer",
        "-s3",
    ]);
    command.arg(format!("-s3.port={}", place.port()));
    for part in ["master", "volume", "filer"] {
        let port = others.next().ok_or("too few ports")?;
        command.arg(format!("-{part}.port={port}"));
    }
    command.args([
        "-s3.config=identities.json",
        // Buckets are also found by their host: `bucket.localhost`.
        "-s3.domainName=localhost",
        "-s3.autoCreateBucket=false",
        "-s3.iam=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        // It would tell its makers about itself.
        "-master.telemetry=false",
        "-master.electionTimeout=1s",
        // Each bucket takes some volumes; none is filled.
        "-master.volumeSizeLimitMB=64",
        "-volume.max=1000",
        "-volume.minFreeSpacePercent=0",
        "-volume.preStopSeconds=0",
    ]);
    Ok(command)
}
