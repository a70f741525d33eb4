//! The README's program on a database compiles, runs, and is the one in the README.
#![cfg(feature = "sqlite")]

include!("wire.rs");

#[test]
fn the_readme_has_this_program() {
    let readme = include_str!("../../../../README.md");
    assert!(
        readme.contains(&format!("```rust\n{}```", include_str!("wire.rs"))),
        "copy tests/readme/wire.rs"
    );
}

#[tokio::test]
async fn it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("app.db").display());
    wire(&url, [1; 32], [2; 32]).await.unwrap();
}
