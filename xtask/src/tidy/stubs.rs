//! Nothing unfinished, silenced or left open-ended.

use proc_macro2::Delimiter;

use super::{Fault, Project, project::File, tokens::matches_at};

/// Words that mark unfinished work. They are spelt in halves so that this file does not find itself.
const MARKS: [&str; 2] = [concat!("FIX", "ME"), concat!("X", "XX")];

/// Macro calls and attributes that are refused, and what to do instead.
const MACROS: [&str; 2] = ["todo", "unimplemented"];
const ATTRIBUTES: [(&str, &str); 2] = [
    ("ignore", "run it, or delete it; a test that lacks a program says so in the skip file"),
    ("non_exhaustive", "a new variant breaks the caller's build on purpose: bump the version instead"),
];

pub(super) fn check(project: &Project) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in project.rust_files() {
        if file.path.ends_with("/mod.rs") {
            let message = "a `mod.rs` file (name it `foo.rs` beside the folder `foo/`)";
            faults.push(Fault::new(&file.path, 1, message));
        }
        marks(file, &mut faults);
        code(file, &mut faults);
    }
    faults
}

fn marks(file: &File, faults: &mut Vec<Fault>) {
    for (index, line) in file.text.lines().enumerate() {
        let mut words = line.split(|ch: char| !ch.is_alphanumeric() && ch != '-' && ch != '_');
        if let Some(mark) = words.find(|word| MARKS.contains(word)) {
            faults.push(Fault::new(
                &file.path,
                index + 1,
                format!("{mark} (finish it, or file it elsewhere)"),
            ));
        }
    }
}

fn code(file: &File, faults: &mut Vec<Fault>) {
    for (at, token) in file.tokens.iter().enumerate() {
        for name in MACROS.iter().filter(|name| matches_at(&file.tokens, at, &[name, "!"])) {
            faults.push(Fault::new(&file.path, token.line, format!("`{name}!` (write the code)")));
        }
        if token.opens(Delimiter::Bracket).is_none() || !follows_hash(file, at) {
            continue;
        }
        for (name, instead) in ATTRIBUTES.iter().filter(|(name, _)| matches_at(&file.tokens, at + 1, &[name]))
        {
            faults.push(Fault::new(&file.path, token.line, format!("`#[{name}]` ({instead})")));
        }
    }
}

fn follows_hash(file: &File, at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|index| file.tokens.get(index));
    before.is_some_and(|token| token.is_punct('#') || token.is_punct('!'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        check(&Project::of(&[("a.rs", text)])).iter().map(ToString::to_string).collect()
    }

    // What is refused is spelt through the lists above, here too: a plain search for it then finds only the real thing.

    #[test]
    fn unfinished_code_fails() {
        let ([later, never], [(skipped, _), (open, _)]) = (MACROS, ATTRIBUTES);
        for text in [
            format!("fn a() {{ {later}!() }}"),
            format!("fn a() {{ {never}!(\"later\") }}"),
            format!("#[test]\n#[{skipped}]\nfn a() {{}}"),
            format!("#[{skipped} = \"slow\"]\nfn a() {{}}"),
            format!("#[{open}]\nenum A {{}}"),
            format!("// {}: later", MARKS[0]),
            format!("// {}", MARKS[1]),
        ] {
            assert_eq!(faults(&text).len(), 1, "{text}");
        }
    }

    #[test]
    fn look_alikes_pass() {
        let ([later, _], [(skipped, _), (open, _)]) = (MACROS, ATTRIBUTES);
        for text in [
            format!("fn a() {{ {skipped}(); {open}(); {later}; }}"),
            format!("// #[{skipped}] is not used here"),
            format!("const A: &str = \"{later}!()\";"),
            format!("fn a() -> [u8; 1] {{ [{skipped}] }}"),
            format!("// {0}-{0}", MARKS[1]),
        ] {
            assert_eq!(faults(&text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_mod_file_fails() {
        assert_eq!(check(&Project::of(&[("axess/core/src/a/mod.rs", "")])).len(), 1);
        assert_eq!(check(&Project::of(&[("axess/core/src/a.rs", "")])).len(), 0);
    }
}
