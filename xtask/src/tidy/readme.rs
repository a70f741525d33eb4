//! What the documents tell people to type exists, and the README's first program is the example that is tested.

use super::{Fault, Project, project::File};

const README: &str = "README.md";
const EXAMPLE: &str = "examples/minimal/src/main.rs";

/// One fenced code block.
struct Block<'a> {
    /// Line of the first line inside, from 1.
    line: usize,
    language: &'a str,
    text: String,
}

pub(super) fn check(project: &Project) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in project.files().filter(|file| file.path.ends_with(".md")) {
        for block in blocks(file).iter().filter(|block| ["console", "sh"].contains(&block.language)) {
            commands(file, block, &mut faults);
        }
    }
    if let (Some(readme), Some(example)) = (project.file(README), project.file(EXAMPLE)) {
        first_program(readme, example, &mut faults);
    }
    faults
}

fn commands(file: &File, block: &Block<'_>, faults: &mut Vec<Fault>) {
    for (index, line) in block.text.lines().enumerate() {
        let line = line.trim_start_matches("$ ");
        let Some(rest) = line.strip_prefix("cargo xtask") else {
            continue;
        };
        let name = rest.split_whitespace().next().unwrap_or("");
        if !crate::COMMANDS.iter().any(|command| command.name == name) {
            let message = format!("`cargo xtask {name}` does not exist (see `cargo xtask help`)");
            faults.push(Fault::new(&file.path, block.line + index, message));
        }
    }
}

fn first_program(readme: &File, example: &File, faults: &mut Vec<Fault>) {
    let blocks = blocks(readme);
    match blocks.iter().find(|block| block.language == "rust") {
        None => faults.push(Fault::new(README, 1, format!("no rust block (show {EXAMPLE})"))),
        Some(block) if block.text != example.text => {
            let message = format!("the first rust block is not {EXAMPLE} (copy the file)");
            faults.push(Fault::new(README, block.line, message));
        }
        Some(_) => {}
    }
}

fn blocks(file: &File) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for (index, line) in file.text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                open = Some(Block {
                    line: index + 2,
                    language: info.split(',').next().unwrap_or("").trim(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        check(&Project::of(files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_command_that_does_not_exist_fails() {
        let page = "# A\n\n```console\n$ cargo xtask test\n$ cargo xtask tset\n```\n\n```sh\ncargo xtask demo --check\n```\n";
        assert_eq!(
            faults(&[("CONTRIBUTING.md", page)]),
            ["CONTRIBUTING.md:5: `cargo xtask tset` does not exist (see `cargo xtask help`)"]
        );
        assert_eq!(faults(&[("docs/a.md", "```text\ncargo xtask tset\n```\n")]), [""; 0]);
    }

    #[test]
    fn the_first_program_is_the_example() {
        let readme =
            "# A\n\n```toml\na = 1\n```\n\n```rust,no_run\nfn main() {}\n```\n\n```rust\nfn b() {}\n```\n";
        assert_eq!(faults(&[(README, readme), (EXAMPLE, "fn main() {}\n")]), [""; 0]);
        assert_eq!(faults(&[(README, readme)]), [""; 0]);
        let found = faults(&[(README, readme), (EXAMPLE, "fn main() { }\n")]);
        assert_eq!(
            found,
            ["README.md:8: the first rust block is not examples/minimal/src/main.rs (copy the file)"]
        );
        assert_eq!(faults(&[(README, "# A\n"), (EXAMPLE, "fn main() {}\n")]).len(), 1);
    }
}
