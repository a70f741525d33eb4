use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::place::second;

/// The variable that names the folder of the shared collector.
pub(crate) const SHARED: &str = "AXESS_TEST_OTLP_FOLDER";

/// Reads what a collector of telemetry received, and knows where else it listens.
///
/// ```no_run
/// use axess_peers::{Kind, Server};
///
/// let server = Server::start(Kind::Otlp)?;
/// let collector = server.collector().ok_or("no collector")?;
/// println!("OTLP/HTTP at {}, OTLP/gRPC on port {}", server.url(), collector.grpc_port());
/// assert!(collector.spans()?.is_empty());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone)]
pub struct Collector {
    folder: PathBuf,
}

/// One span as the collector understood it.
///
/// ```
/// fn is_root(span: &axess_peers::CollectedSpan) -> bool {
///     span.parent_id.is_empty()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CollectedSpan {
    /// `service.name` of the sender.
    pub service: String,
    /// In hexadecimal digits.
    pub trace_id: String,
    /// In hexadecimal digits; empty for a root.
    pub parent_id: String,
    /// In hexadecimal digits.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// As in `SPAN_KIND_SERVER`.
    pub kind: String,
    /// As in `STATUS_CODE_UNSET`.
    pub status: String,
    /// The attributes, without their types.
    pub attributes: BTreeMap<String, String>,
}

impl Collector {
    /// Returns the one that `cargo xtask test` started.
    ///
    /// Other tests send to it too: look for a service name that is yours alone.
    pub fn shared() -> Option<Self> {
        std::env::var_os(SHARED).map(|folder| Self::in_folder(Path::new(&folder)))
    }

    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Returns the port on 127.0.0.1 for OTLP/gRPC.
    pub fn grpc_port(&self) -> u16 {
        // The folder of a server has the name of its port.
        let port = self.folder.file_name().and_then(|name| name.to_str()?.parse().ok());
        second(port.unwrap_or_default())
    }

    /// Returns the spans that it received since it was started.
    ///
    /// # Errors
    ///
    /// A message when its log cannot be read.
    pub fn spans(&self) -> Result<Vec<CollectedSpan>, String> {
        let file = self.folder.join("log");
        let bytes = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(spans_in(&String::from_utf8_lossy(&bytes)))
    }
}

/// Reads the log: a block for each resource, with its attributes, and in it a block for each span.
fn spans_in(log: &str) -> Vec<CollectedSpan> {
    let mut spans: Vec<CollectedSpan> = Vec::new();
    let mut service = String::new();
    let mut in_span = false;
    for line in log.lines() {
        if line.starts_with("ResourceSpans #") {
            in_span = false;
        } else if line.starts_with("Span #") {
            in_span = true;
            spans.push(CollectedSpan { service: service.clone(), ..CollectedSpan::default() });
        }
        let attribute = line.trim_start().strip_prefix("-> ").and_then(attribute);
        match (spans.last_mut().filter(|_| in_span), attribute) {
            (None, Some((name, value))) if name == "service.name" => service = value,
            (Some(span), Some((name, value))) => drop(span.attributes.insert(name, value)),
            (Some(span), None) => span.read(line),
            (None, _) => {}
        }
    }
    spans
}

/// Reads `name: Type(value)`.
fn attribute(text: &str) -> Option<(String, String)> {
    let (name, typed) = text.split_once(": ")?;
    let (_, value) = typed.split_once('(')?;
    Some((name.to_owned(), value.strip_suffix(')')?.to_owned()))
}

impl CollectedSpan {
    fn read(&mut self, line: &str) {
        let Some((name, value)) = line.split_once(':') else { return };
        let field = match name.trim() {
            "Trace ID" => &mut self.trace_id,
            "Parent ID" => &mut self.parent_id,
            "ID" => &mut self.id,
            "Name" => &mut self.name,
            "Kind" => &mut self.kind,
            "Status code" => &mut self.status,
            _ => return,
        };
        value.trim().clone_into(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_back() {
        let log = "2026 INFO Starting Rotel.\nResourceSpans #0\nResource attributes:\n     -> service.name: Str(app)\nScopeSpans #0\n\
            Span #0\n    Trace ID       : 01\n    Parent ID      : \n    ID             : 02\n    Name           : GET /a: b\n\
            \x20   Kind           : SPAN_KIND_SERVER\nStart time: 1\n    Status code    : STATUS_CODE_ERROR\n\
            Attributes:\n     -> code: Int(500)\n     -> text: Str(a (b): c)\nSpan #1\n    Name           : child\n";
        let spans = spans_in(log);
        assert_eq!(spans.len(), 2);
        let attributes = [("code", "500"), ("text", "a (b): c")];
        assert_eq!(
            spans[0],
            CollectedSpan {
                service: "app".into(),
                trace_id: "01".into(),
                parent_id: String::new(),
                id: "02".into(),
                name: "GET /a: b".into(),
                kind: "SPAN_KIND_SERVER".into(),
                status: "STATUS_CODE_ERROR".into(),
                attributes: attributes.map(|(name, value)| (name.into(), value.into())).into(),
            }
        );
        assert_eq!((spans[1].name.as_str(), spans[1].service.as_str()), ("child", "app"));
    }
}
