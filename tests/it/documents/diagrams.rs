//! The guide's diagrams: each picture is drawn from its text.

use super::{GUIDE, files, holds, mermaid::Diagram, picture, read};

/// Names of the diagrams, with their pictures.
pub(super) fn pictures() -> Vec<(String, String)> {
    let sources = files(&format!("{GUIDE}/diagrams"), "mmd");
    sources
        .into_iter()
        .map(|path| {
            let name = path.rsplit('/').next().unwrap().trim_end_matches(".mmd").to_owned();
            (name, picture::draw(&Diagram::parse(&read(&path))))
        })
        .collect()
}

#[test]
fn each_picture_is_drawn_from_its_text() {
    for (name, picture) in pictures() {
        holds(&format!("{GUIDE}/diagrams/{name}.svg"), &picture);
    }
}

#[test]
fn pictures_load_nothing_and_fit_a_window_of_800_pixels() {
    for (name, picture) in pictures() {
        let width = picture.split("width=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(width.parse::<usize>().unwrap() <= 600, "{name}");
        let loads = ["href", "url(", "@import", "<script", "<image", "<foreignObject"];
        assert!(!loads.iter().any(|way| picture.contains(way)), "{name}");
        assert!(picture.contains("prefers-color-scheme:dark"), "{name}");
    }
}

/// rustdoc shows 64 letters of a line of code beside its sidebar in a window of 800 pixels.
#[test]
fn drawings_in_letters_fit_a_window_of_800_pixels() {
    for path in files(GUIDE, "md") {
        let text = read(&path);
        for drawing in text.split("```text\n").skip(1) {
            let drawing = drawing.split("```").next().unwrap();
            let is_drawing = drawing.contains('│') || drawing.contains('▶');
            let widest = drawing.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(!is_drawing || widest <= 64, "{path}: {widest} letters\n{drawing}");
        }
    }
}
