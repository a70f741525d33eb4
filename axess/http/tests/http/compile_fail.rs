//! What must not compile, with the words the compiler says it in.

#[test]
fn there_is_no_way_around_the_types() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
