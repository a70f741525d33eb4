//! All events, for other programs to read.

use super::{event, folder, lines, unreadable};
use crate::{
    commands::{Invocation, Since},
    exit::{Exit, Failure, Outcome, SUCCESS},
};
use axess_audit::{
    AuditRecord,
    export::{EventSource, ExportError, export_csv, export_json, export_ndjson},
    log::LogError,
};
use chrono::{DateTime, Utc};
use clap::Args;
use futures_util::{StreamExt, pin_mut};
use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// How many events are held at once.
const PAGE: usize = 256;

/// In which form events are written.
///
/// ```
/// use audex_cli::commands::audit::ExportFormat;
/// assert_eq!(ExportFormat::default(), ExportFormat::Json);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ExportFormat {
    /// One JSON array.
    #[default]
    Json,
    /// A JSON object on each line, and a last line that counts them.
    Ndjson,
    /// CSV (RFC 4180) that a spreadsheet can open safely, and a last record that counts them.
    Csv,
}

/// The arguments of `tryaudex audit export`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "audit", "export", "--format", "csv", "--since", "7d"])?;
/// assert!(matches!(cli.command, Command::Audit(_)));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// Form to write them in, whatever --output says
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: ExportFormat,
    /// Only events since then: 90s, 15m, 1h, 7d, 2w, a date or a time of RFC 3339
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Since>,
    /// Only events before then
    #[arg(long, value_name = "WHEN")]
    pub until: Option<Since>,
}

pub(super) fn run(invocation: &Invocation, args: &ExportArgs) -> Outcome {
    let folder = folder(invocation)?;
    let mut segments = lines::segments(&folder).map_err(|error| unreadable(&folder, &error))?;
    segments.reverse();
    let (now, skipped) = (invocation.now(), Arc::new(AtomicU64::new(0)));
    let source = Events {
        left: segments,
        open: None,
        skipped: Arc::clone(&skipped),
        since: args.since.map(|since| since.before(now)),
        until: args.until.map(|until| until.before(now)),
    };
    let runtime = crate::commands::runtime()?;
    let written: Result<(), Failure> = runtime.block_on(async {
        let stream = match args.format {
            ExportFormat::Csv => export_csv(source).boxed(),
            ExportFormat::Json => export_json(source).boxed(),
            ExportFormat::Ndjson => export_ndjson(source).boxed(),
        };
        pin_mut!(stream);
        while let Some(part) = stream.next().await {
            let part = part.map_err(|error| Failure::of(Exit::LocalState, &error))?;
            invocation.output.bytes(&part)?;
            if invocation.output.is_gone() {
                break;
            }
        }
        Ok(())
    });
    written?;
    match skipped.load(Ordering::Relaxed) {
        0 => {}
        lines => invocation
            .output
            .warn(format_args!("{lines} lines are no entries of the log; run `tryaudex audit verify`")),
    }
    Ok(SUCCESS)
}

/// The events of a log, oldest first.
#[derive(Debug)]
struct Events {
    /// The segments that come, the next one last.
    left: Vec<PathBuf>,
    open: Option<(PathBuf, lines::Forward)>,
    /// How many lines were no entries.
    skipped: Arc<AtomicU64>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
}

impl EventSource for Events {
    async fn page(&mut self) -> Result<Option<Vec<AuditRecord>>, ExportError> {
        let mut page = Vec::new();
        for _ in 0..PAGE {
            match self.line()? {
                Some(line) => match event::of_line(&line) {
                    Some(record) => page.extend(Some(record).filter(|record| self.fits(record))),
                    None => {
                        self.skipped.fetch_add(1, Ordering::Relaxed);
                    }
                },
                None if page.is_empty() => return Ok(None),
                None => break,
            }
        }
        Ok(Some(page))
    }
}

impl Events {
    fn fits(&self, record: &AuditRecord) -> bool {
        let at = record.occurred_at();
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }

    fn line(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
        loop {
            if let Some((path, lines)) = &mut self.open {
                let line = lines.next().map_err(|source| failed(path.clone(), source))?;
                if line.is_some() {
                    return Ok(line);
                }
                self.open = None;
            }
            let Some(path) = self.left.pop() else { return Ok(None) };
            let lines = lines::Forward::open(&path).map_err(|source| failed(path.clone(), source))?;
            self.open = Some((path, lines));
        }
    }
}

fn failed(path: PathBuf, source: io::Error) -> ExportError {
    ExportError::Log(LogError::Io { doing: "read", path, source: Arc::new(source) })
}
