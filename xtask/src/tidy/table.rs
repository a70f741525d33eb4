//! Markdown tables whose first column names things: the shape in which documents are held against manifests.

use super::project::File;

/// Returns the names in the first cells of a file's table rows, with their lines: ``| `name` | ... |``.
pub(super) fn first_column(file: &File) -> Vec<(usize, &str)> {
    file.text
        .lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let (name, rest) = line.strip_prefix("| `")?.split_once('`')?;
            rest.trim_start().starts_with('|').then_some((index + 1, name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Project;
    use super::*;

    #[test]
    fn only_named_rows_count() {
        let text =
            "# A\n\n| Name | Why |\n|---|---|\n| `one` | x |\n| `two`, three | x |\n| `four` | `five` |\n";
        let project = Project::of(&[("a.md", text)]);
        assert_eq!(first_column(project.file("a.md").unwrap()), [(5, "one"), (7, "four")]);
    }
}
