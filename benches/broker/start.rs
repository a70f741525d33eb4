//! How long programs take from their start to their end.

use crate::{
    Fault,
    arguments::Arguments,
    peers::Peer,
    quantile::{median, quantile},
    site::{Site, timed},
    stub::Stub,
};
use std::{path::Path, process::Command, time::Duration};

/// What was measured of one case, in milliseconds.
#[derive(Debug, PartialEq)]
pub(crate) struct Started {
    pub(crate) what: String,
    pub(crate) median: f64,
    pub(crate) p99: f64,
    /// The median of the rounds' ratios to the program that does nothing.
    pub(crate) to_nothing: f64,
    /// For a program of others: of the rounds' ratios to our session with AWS.
    pub(crate) to_ours: Option<f64>,
}

/// A session that is allowed something, and whose command does nothing.
const AWS: [&str; 8] = ["run", "--quiet", "--provider", "aws", "--allow", "s3:ListBucket", "--", "true"];
const LOCAL: [&str; 8] = ["run", "--quiet", "--provider", "local", "--allow", "orders:Read", "--", "true"];

/// Where among the cases our session with AWS is.
const OURS: usize = 4;

type Case<'a> = (String, Box<dyn Fn() -> Command + 'a>);

pub(crate) fn measure(arguments: &Arguments) -> Result<Vec<Started>, Fault> {
    let stub = Stub::start()?;
    let site = Site::new(arguments, Some(&stub.url))?;
    let full = Site::new(arguments, None)?;
    timed(full.tryaudex(&LOCAL))?;
    full.multiply_records(arguments.records)?;
    let listed = format!("tryaudex sessions, {} records", arguments.records);
    let mut cases: Vec<Case<'_>> = vec![
        ("true".to_owned(), Box::new(|| site.program(Path::new("true")))),
        ("tryaudex --version".to_owned(), Box::new(|| site.tryaudex(&["--version"]))),
        (listed, Box::new(|| full.tryaudex(&["sessions"]))),
        ("tryaudex run --provider local -- true".to_owned(), Box::new(|| site.tryaudex(&LOCAL))),
        ("tryaudex run --provider aws -- true".to_owned(), Box::new(|| site.tryaudex(&AWS))),
    ];
    for peer in Peer::all() {
        let site = &site;
        cases.push((peer.name().to_owned(), Box::new(move || peer.command(site, &["true"]))));
    }
    // The first start of each reads its program from the disk, and makes keys and folders.
    for (_, command) in &cases {
        timed(command())?;
    }
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); cases.len()];
    for _ in 0..arguments.rounds {
        for ((_, command), times) in cases.iter().zip(&mut times) {
            stub.own_time();
            let took = timed(command())?;
            times.push(milliseconds(took.saturating_sub(stub.own_time())));
        }
    }
    let results = cases.iter().zip(&times).enumerate().map(|(index, ((what, _), own))| Started {
        what: what.clone(),
        median: median(own.clone()),
        p99: quantile(own.clone(), 0.99),
        to_nothing: ratio(own, times.first()),
        to_ours: (index > OURS).then(|| ratio(own, times.get(OURS))),
    });
    Ok(results.collect())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// The median of the ratios of each round.
fn ratio(own: &[f64], to: Option<&Vec<f64>>) -> f64 {
    median(own.iter().zip(to.into_iter().flatten()).map(|(own, to)| own / to).collect())
}
