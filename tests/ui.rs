//! Messages of the compiler for a wrong use, and that every right use compiles.

#[test]
fn the_compiler_says_what_is_wrong_and_every_accepted_form_compiles() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    for topic in std::fs::read_dir("ui").unwrap() {
        let topic = topic.unwrap().path();
        if topic.is_dir() && !topic.ends_with("pass") {
            cases.compile_fail(topic.join("*.rs"));
        }
    }
}
