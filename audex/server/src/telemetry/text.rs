//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write as _};

/// Lines of metrics, family after family.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// Begins a family: its samples follow.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        // A string takes whatever is written.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Adds a sample.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.0.push(if index == 0 { '{' } else { ',' });
            let _ = write!(self.0, "{label}=\"{}\"", escaped(text));
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    /// Adds a family of one sample without labels.
    pub(super) fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_label_is_escaped() {
        let mut text = Text::default();
        text.family("a_total", "counter", "Counts.");
        text.sample("a_total", &[("b", "x\"} 1\ny\\"), ("c", "")], 0.5);
        assert_eq!(
            text.into_string(),
            "# HELP a_total Counts.\n# TYPE a_total counter\na_total{b=\"x\\\"} 1\\ny\\\\\",c=\"\"} 0.5\n"
        );
    }
}
