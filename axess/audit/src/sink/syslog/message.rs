use super::{SyslogConfig, SyslogSeverity};
use crate::AuditRecord;
use axess_events::{Actor, AuditPayload as _};
use chrono::SecondsFormat;
use std::{borrow::Cow, fmt::Write as _};

/// The most bytes of a `MSGID`.
const MAX_ID: usize = 32;
/// The most bytes of a value of structured data, which others chose.
const MAX_VALUE: usize = 256;
const UTF8_MARK: &str = "\u{feff}";

/// What all messages of a sink have in common.
#[derive(Debug)]
pub(super) struct Format {
    /// The facility, times eight.
    facility: u8,
    severity: fn(&AuditRecord) -> SyslogSeverity,
    host_name: String,
    app_name: String,
    enterprise: u32,
    process: u32,
    max: usize,
}

impl Format {
    pub(super) fn new(config: &SyslogConfig) -> Self {
        Self {
            facility: config.facility as u8 * 8,
            severity: config.severity,
            host_name: config.host_name.clone(),
            app_name: config.app_name.clone(),
            enterprise: config.enterprise,
            process: std::process::id(),
            max: config.max_message,
        }
    }

    /// Writes a message (RFC 5424, section 6); why not, when it would be too long or the event is no text.
    pub(super) fn message(&self, record: &AuditRecord) -> Result<Vec<u8>, String> {
        let Ok(body) = std::str::from_utf8(record.body()) else {
            return Err("the event is not UTF-8".into());
        };
        let priority = self.facility + (self.severity)(record) as u8;
        let time = record.occurred_at().to_rfc3339_opts(SecondsFormat::Micros, true);
        let name = record.envelope.payload.event_type();
        let mut text = format!(
            "<{priority}>1 {time} {} {} {} {} ",
            self.host_name,
            self.app_name,
            self.process,
            message_id(&name)
        );
        self.write_data(&mut text, record, &name);
        text.push(' ');
        text.push_str(UTF8_MARK);
        text.push_str(&one_line(body));
        if text.len() > self.max {
            return Err(format!("a message of {} bytes is longer than {}", text.len(), self.max));
        }
        Ok(text.into_bytes())
    }

    /// Writes the structured data (RFC 5424, section 6.3).
    fn write_data(&self, text: &mut String, record: &AuditRecord, name: &str) {
        let envelope = &record.envelope;
        let (kind, actor) = match &envelope.actor {
            None => (None, None),
            Some(Actor::System) => (Some("system"), None),
            Some(Actor::User(user_id)) => (Some("user"), Some(user_id.to_string())),
            Some(Actor::Workload(workload_id)) => (Some("workload"), Some(workload_id.to_string())),
            Some(Actor::Operator(name)) => (Some("operator"), Some(name.as_str().to_owned())),
        };
        let values = [
            ("event", Some(envelope.event_id.to_string())),
            ("type", Some(name.to_owned())),
            ("tenant", envelope.tenant_id.map(|tenant_id| tenant_id.to_string())),
            ("actorKind", kind.map(str::to_owned)),
            ("actor", actor),
            ("request", envelope.request_id.as_ref().map(|id| id.as_str().to_owned())),
            ("trace", envelope.trace_id.as_ref().map(|id| id.as_str().to_owned())),
            ("ip", envelope.client_ip.map(|ip| ip.to_string())),
        ];
        // Writing to a string does not fail.
        let _ = write!(text, "[axess@{}", self.enterprise);
        for (name, value) in values {
            if let Some(value) = value {
                let _ = write!(text, " {name}=\"{}\"", escaped(&value));
            }
        }
        text.push(']');
    }
}

/// Makes a name printable ASCII of at most 32 (RFC 5424, section 6.2.7).
fn message_id(name: &str) -> String {
    let printable = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    let id: String = name.chars().map(printable).take(MAX_ID).collect();
    if id.is_empty() { "-".into() } else { id }
}

/// Escapes what ends a value (RFC 5424, section 6.3.3), and cuts it.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for c in value.chars() {
        if text.len() >= MAX_VALUE {
            text.push('…');
            break;
        }
        if matches!(c, '"' | '\\' | ']') {
            text.push('\\');
        }
        text.push(if breaks_lines(c) { '?' } else { c });
    }
    text
}

/// Takes the line breaks and other controls out of JSON without changing what it says.
///
/// JSON has them raw only between values, where a space says the same, and beyond ASCII inside strings, where an escape
/// does.
fn one_line(json: &str) -> Cow<'_, str> {
    if !json.contains(breaks_lines) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\0'..='\x1f' => text.push(' '),
            c if breaks_lines(c) => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    Cow::Owned(text)
}

/// True for controls, which a terminal or a parser of lines may obey, and the separators of Unicode.
fn breaks_lines(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::SyslogTransport;
    use serde_json::json;

    fn format(max: usize) -> Format {
        let transport = SyslogTransport::Tcp("127.0.0.1:1".into());
        Format::new(&SyslogConfig { max_message: max, ..SyslogConfig::new(transport, "host.example") })
    }

    fn message(event: &serde_json::Value) -> String {
        let record = AuditRecord::from_event(event.to_string().into()).unwrap();
        String::from_utf8(format(10_000).message(&record).unwrap()).unwrap()
    }

    #[test]
    fn a_message_is_that_of_the_rfc() {
        let event = json!({
            "actor": { "kind": "system" },
            "event_id": "00000000-0000-7000-8000-000000000001",
            "event_type": "LoginFailed",
            "occurred_at": "2026-01-31T23:59:59.5Z",
            "tenant_id": "00000000-0000-7000-8000-000000000002",
        });
        let pid = std::process::id();
        let data = "[axess@32473 event=\"00000000-0000-7000-8000-000000000001\" type=\"LoginFailed\" \
                    tenant=\"00000000-0000-7000-8000-000000000002\" actorKind=\"system\"]";
        // Thirteen times eight and four: a warning of an audit.
        let head = format!(
            "<108>1 2026-01-31T23:59:59.500000Z host.example axess {pid} LoginFailed {data} \u{feff}"
        );
        assert_eq!(message(&event), format!("{head}{event}"));
    }

    #[test]
    fn nothing_that_others_chose_breaks_out() {
        let event = json!({
            "actor": { "kind": "operator", "id": "x\"] [admin@1 a=\"b\\" },
            "event_id": "00000000-0000-7000-8000-000000000001",
            "event_type": "A B\n<0>1 \u{e9}\u{85}\u{1b}[2J and it goes on and on and on",
            "note": "\u{7f}\u{9b}31m\u{2028}\r\n",
            "occurred_at": "2026-01-31T23:59:59Z",
        });
        let message = message(&event);
        assert!(!message.contains(breaks_lines), "{message:?}");
        assert!(message.contains(" A?B?<0>1????[2J?and?it?goes?on?a [axess@32473 "), "{message}");
        assert!(message.contains("actor=\"x\\\"\\] [admin@1 a=\\\"b\\\\\"]"), "{message}");
        let (_, json) = message.split_once(UTF8_MARK).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(json).unwrap(), event);
    }

    #[test]
    fn white_space_between_values_stays_on_the_line() {
        let pretty = "{\n\t\"event_id\": \"00000000-0000-7000-8000-000000000001\",\r\n \"event_type\": \"T\",\n\
                      \"occurred_at\": \"2026-01-31T23:59:59Z\"\n}";
        let record = AuditRecord::from_event(pretty.into()).unwrap();
        let message = String::from_utf8(format(10_000).message(&record).unwrap()).unwrap();
        assert!(!message.contains(breaks_lines));
        let (_, json) = message.split_once(UTF8_MARK).unwrap();
        let same = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(same(json), same(pretty));
    }

    #[test]
    fn a_long_value_is_cut_and_a_long_event_refused() {
        assert_eq!(escaped(&"\u{e9}".repeat(1_000)).chars().count(), MAX_VALUE / 2 + 1);
        let event = json!({
            "event_id": "00000000-0000-7000-8000-000000000001",
            "event_type": "T",
            "occurred_at": "2026-01-31T23:59:59Z",
        });
        let record = AuditRecord::from_event(event.to_string().into()).unwrap();
        let length = format(10_000).message(&record).unwrap().len();
        assert!(format(length).message(&record).is_ok());
        let reason = format(length - 1).message(&record).unwrap_err();
        assert_eq!(reason, format!("a message of {length} bytes is longer than {}", length - 1));
        let other = AuditRecord { line: Some(vec![0xff].into()), ..record };
        assert!(format(length).message(&other).is_err());
    }
}
