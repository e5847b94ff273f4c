//! The guide, which is read as files and in rustdoc.

use std::{collections::BTreeSet, fmt::Write, fs, path::Path};

use super::{GUIDE, diagrams::pictures, files, holds, markdown, read, root};

/// Names of the guide's pages.
fn pages() -> Vec<String> {
    let names = files(GUIDE, "md").into_iter();
    let names = names.map(|path| path.rsplit('/').next().unwrap().trim_end_matches(".md").to_owned());
    names.filter(|name| name != "definitions").collect()
}

/// A picture as an address that holds it.
fn as_address(picture: &str) -> String {
    let mut address = "data:image/svg+xml,".to_owned();
    for byte in picture.trim_end().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => address.push(byte.into()),
            b'-' | b'.' | b'_' | b'/' | b':' | b',' | b';' | b'=' => address.push(byte.into()),
            _ => write!(address, "%{byte:02X}").unwrap(),
        }
    }
    address
}

/// rustdoc knows pages as modules, so it reads these definitions before those of the page itself.
#[test]
fn rustdoc_finds_the_pages_that_files_find() {
    let mut definitions = BTreeSet::new();
    for page in pages() {
        for (label, target) in markdown::definitions(&read(&format!("{GUIDE}/{page}.md"))) {
            let Some((file, anchor)) = target.split_once(".md") else { continue };
            assert_eq!(label, format!("{file}{anchor}"), "{page}: a label is its page and anchor");
            definitions.insert(format!("[{label}]: crate::guide::{label}\n"));
        }
    }
    holds(&format!("{GUIDE}/definitions.md"), &definitions.into_iter().collect::<String>());
}

/// rustdoc takes no files beside a page, so it reads these definitions before the page, which names
/// the files.
#[test]
fn rustdoc_shows_the_pictures_that_the_files_hold() {
    for (name, picture) in pictures() {
        let definition = format!("[diagram-{name}]: {}\n", as_address(&picture));
        holds(&format!("{GUIDE}/diagrams/{name}.md"), &definition);
    }
}

#[test]
fn every_page_is_a_module_and_in_the_table_of_contents() {
    let (module, contents) = (read(&format!("{GUIDE}/mod.rs")), read(&format!("{GUIDE}/guide.md")));
    for page in pages().iter().filter(|page| *page != "guide") {
        let included = format!("#[doc = include_str!(\"{page}.md\")]\npub mod {page} {{}}");
        assert!(module.contains(&included), "{page}");
        assert!(contents.contains(&format!("][{page}] |")), "{page}");
    }
}

/// Code of all files in a folder and below.
fn code(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.extension() {
            None => code(&path),
            Some(extension) if extension == "rs" => fs::read_to_string(path).unwrap(),
            Some(_) => String::new(),
        })
        .collect()
}

#[test]
fn the_log_says_what_troubleshooting_looks_for() {
    let code = code(&root().join("idempotent-runtime/src"));
    let page = read(&format!("{GUIDE}/troubleshooting.md"));
    let quoted = page.split('"').skip(1).step_by(2).filter(|quoted| quoted.contains(' '));
    let missing: Vec<_> = quoted.clone().filter(|quoted| !code.contains(quoted)).collect();
    assert!(quoted.count() > 5);
    assert_eq!(missing, Vec::<&str>::new());
}

/// Code that stands in the guide as text, since this workspace has not the crates that it needs.
#[test]
fn recipes_that_name_their_crates_are_those_that_are_tried() {
    let tried = code(&root().join("tests/outside/recipes/tests"));
    let pages = ["recipes", "browsers_and_bodies", "databases", "deploying"];
    let text: String = pages.iter().map(|page| read(&format!("{GUIDE}/{page}.md"))).collect();
    let blocks = text.split("```text\n").skip(1).map(|block| block.split("```").next().unwrap());
    let lines = blocks.flat_map(str::lines).map(str::trim).filter(|line| !line.starts_with("use "));
    let untried: Vec<_> = lines.clone().filter(|line| !tried.contains(line)).collect();
    assert!(lines.count() > 5);
    assert_eq!(untried, Vec::<&str>::new());
}
