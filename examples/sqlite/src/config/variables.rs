use std::{str::FromStr, time::Duration};

/// Reads variables and collects what is wrong with them. An empty variable counts as not set.
pub(super) struct Variables<'e> {
    environment: &'e dyn Fn(&str) -> Option<String>,
    faults: Vec<String>,
}

impl<'e> Variables<'e> {
    pub(super) fn of(environment: &'e dyn Fn(&str) -> Option<String>) -> Self {
        Self { environment, faults: Vec::new() }
    }

    /// Reads a variable, if it is set; one that `parse` refuses is a fault.
    pub(super) fn read<T>(
        &mut self,
        name: &str,
        wants: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.get(name)?;
        let value = parse(&text);
        if value.is_none() {
            self.faults.push(format!("{name} is not understood: write {wants}"));
        }
        value
    }

    pub(super) fn parse<T: FromStr>(&mut self, name: &str, wants: &str) -> Option<T> {
        self.read(name, wants, |text| text.parse().ok())
    }

    /// Reads a whole number of a range.
    pub(super) fn number(&mut self, name: &str, least: u64, most: u64, otherwise: u64) -> u64 {
        let wants = format!("a whole number from {least} to {most}");
        let number = self
            .read(name, &wants, |text| text.parse().ok().filter(|number| (least..=most).contains(number)));
        number.unwrap_or(otherwise)
    }

    pub(super) fn seconds(&mut self, name: &str, least: u64, most: u64, otherwise: u64) -> Duration {
        Duration::from_secs(self.number(name, least, most, otherwise))
    }

    /// Notes that a variable has to be set, unless what it is set to has been found wrong already.
    pub(super) fn missing(&mut self, name: &str, wants: &str) {
        if !self.is_set(name) {
            self.faults.push(format!("{name} is not set: write {wants}"));
        }
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.get(name).as_deref() == Some(value)
    }

    pub(super) fn faults(self) -> Vec<String> {
        self.faults
    }

    fn get(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }
}
