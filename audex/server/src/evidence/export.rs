use super::{AuditEntry, AuditQuery, Evidence, EvidenceError, csv, scan::Forward, search::Reader};
use bytes::Bytes;
use futures_util::{Stream, stream};

/// In which form events are exported.
///
/// ```
/// use audex_server::evidence::ExportFormat;
/// assert_eq!(ExportFormat::from_name("csv"), Some(ExportFormat::Csv));
/// assert_eq!(ExportFormat::Json.media_type(), "application/json");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// One array, an event on each line.
    Json,
    /// RFC 4180, with the names of the columns in the first record.
    Csv,
}

impl ExportFormat {
    /// Finds a format by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// Returns the media type of what is written.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }
}

/// An export on its way.
struct Export {
    reader: Reader,
    format: ExportFormat,
    query: AuditQuery,
    source: Option<Forward>,
    events: u64,
}

impl Evidence {
    /// Exports events, oldest first, up to those that are recorded when it begins; a page of the log is held at a time.
    ///
    /// `limit` and `after` of the query are not looked at. A stream that fails yields an error and ends: what was written then
    /// is no whole document.
    pub fn export(
        &self,
        format: ExportFormat,
        query: AuditQuery,
    ) -> impl Stream<Item = Result<Bytes, EvidenceError>> + Send + 'static {
        let export = Export { reader: self.reader.clone(), format, query, source: None, events: 0 };
        stream::try_unfold(Some(export), |export| async move {
            let Some(mut export) = export else { return Ok(None) };
            let Some(source) = export.source.take() else {
                export.source = Some(export.begin().await?);
                return Ok(Some((export.head(), Some(export))));
            };
            export.source = Some(source);
            match export.page().await? {
                Some(chunk) => Ok(Some((chunk, Some(export)))),
                None => Ok(Some((export.tail(), None))),
            }
        })
    }
}

impl Export {
    async fn begin(&mut self) -> Result<Forward, EvidenceError> {
        self.reader.settle().await;
        let now = self.reader.clock.now();
        match self.reader.copy.clone() {
            Some(copy) => {
                // What is recorded meanwhile is not waited for.
                self.query.until = Some(self.query.until.map_or(now, |until| until.min(now)));
                Ok(Forward::Copy { copy, after: None })
            }
            None => Forward::over_log(self.reader.log.clone(), self.query.since).await,
        }
    }

    /// Returns the next events that are looked for; `None` at the end.
    async fn page(&mut self) -> Result<Option<Bytes>, EvidenceError> {
        let Some(source) = &mut self.source else { return Ok(None) };
        while let Some(records) = source.next(&self.query).await? {
            let entries = self.reader.names.entries(&self.reader.store, &records).await?;
            let wanted = entries.into_iter().filter(|entry| self.query.matches(entry)).collect();
            let wanted = self.reader.completed(wanted).await;
            let mut out = String::new();
            for entry in &wanted {
                self.events += 1;
                match self.format {
                    ExportFormat::Csv => csv::record(&mut out, entry),
                    ExportFormat::Json => json(&mut out, entry, self.events == 1)?,
                }
            }
            if !out.is_empty() {
                return Ok(Some(out.into()));
            }
        }
        Ok(None)
    }

    fn head(&self) -> Bytes {
        let mut out = String::new();
        match self.format {
            ExportFormat::Csv => csv::header(&mut out),
            ExportFormat::Json => out.push('['),
        }
        out.into()
    }

    fn tail(&self) -> Bytes {
        Bytes::from_static(match self.format {
            ExportFormat::Csv => b"",
            ExportFormat::Json => b"\n]\n",
        })
    }
}

fn json(out: &mut String, entry: &AuditEntry, is_first: bool) -> Result<(), EvidenceError> {
    out.push_str(if is_first { "\n" } else { ",\n" });
    out.push_str(&serde_json::to_string(entry).map_err(EvidenceError::Unreadable)?);
    Ok(())
}
