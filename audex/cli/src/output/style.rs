use crate::config::Surroundings;
use anstream::ColorChoice;
use anstyle::AnsiColor;

/// When colours are used.
///
/// ```
/// assert_eq!(audex_cli::output::Color::default(), audex_cli::output::Color::Auto);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Color {
    /// Where a terminal reads, unless `NO_COLOR` is set; with `CLICOLOR_FORCE` everywhere.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl Color {
    pub(super) fn choice(self, surroundings: &Surroundings, is_terminal: bool) -> ColorChoice {
        let is_set = |name| surroundings.var(name).is_some_and(|value| !value.is_empty());
        let is_wanted = match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if is_set("NO_COLOR") => false,
            Self::Auto
                if surroundings
                    .var("CLICOLOR_FORCE")
                    .is_some_and(|value| !value.is_empty() && value != "0") =>
            {
                true
            }
            Self::Auto => is_terminal && surroundings.var("TERM") != Some("dumb"),
        };
        if is_wanted { ColorChoice::AlwaysAnsi } else { ColorChoice::Never }
    }
}

/// What a piece of text is, so that it gets the colour of its kind.
///
/// ```
/// use audex_cli::output::Style;
/// assert_eq!(Style::Plain.paint("x"), "x");
/// assert!(Style::Error.paint("x").contains("\u{1b}["));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Text.
    Plain,
    /// A heading.
    Heading,
    /// What went well, or is added.
    Good,
    /// What went wrong, or is removed.
    Error,
    /// What a person should look at.
    Warning,
    /// What to do.
    Help,
}

impl Style {
    /// Puts the codes of the colour around a text; [`Output`](super::Output) takes them out where no colour is wanted.
    pub fn paint(self, text: &str) -> String {
        let style = anstyle::Style::new();
        let style = match self {
            Self::Plain => return text.to_owned(),
            Self::Heading => style.bold(),
            Self::Good => style.fg_color(Some(AnsiColor::Green.into())),
            Self::Error => style.fg_color(Some(AnsiColor::Red.into())).bold(),
            Self::Warning => style.fg_color(Some(AnsiColor::Yellow.into())).bold(),
            Self::Help => style.fg_color(Some(AnsiColor::Cyan.into())),
        };
        format!("{style}{text}{style:#}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_wins_then_the_environment_then_the_terminal() {
        let with = |vars: &[(&str, &str)]| Surroundings::with_vars(vars.iter().copied());
        for (color, vars, is_terminal, expected) in [
            (Color::Auto, &[][..], true, ColorChoice::AlwaysAnsi),
            (Color::Auto, &[], false, ColorChoice::Never),
            (Color::Auto, &[("TERM", "dumb")], true, ColorChoice::Never),
            (Color::Auto, &[("NO_COLOR", "1")], true, ColorChoice::Never),
            (Color::Auto, &[("NO_COLOR", "")], true, ColorChoice::AlwaysAnsi),
            (Color::Auto, &[("CLICOLOR_FORCE", "1")], false, ColorChoice::AlwaysAnsi),
            (Color::Auto, &[("CLICOLOR_FORCE", "0")], false, ColorChoice::Never),
            (Color::Always, &[("NO_COLOR", "1")], false, ColorChoice::AlwaysAnsi),
            (Color::Never, &[("CLICOLOR_FORCE", "1")], true, ColorChoice::Never),
        ] {
            assert_eq!(color.choice(&with(vars), is_terminal), expected, "{color:?} {vars:?} {is_terminal}");
        }
    }
}
