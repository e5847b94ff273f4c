//! Pictures of the guide. With `DOCUMENTS=overwrite` they are taken anew.

use std::{env, fs, path::PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;

use super::{
    browser::browse,
    page::Page,
    shop::{Shop, TOKEN},
};

/// Folder of the pictures.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../idempotent-runtime/src/guide/console");

/// Longest picture, in bytes: each is also in the documents that rustdoc makes.
const LIMIT: usize = 96 << 10;

/// Names of the pictures, with the size and the colours of their windows.
const PICTURES: [(&str, u32, u32, &str); 4] = [
    ("wide-light", 1440, 900, "light"),
    ("wide-dark", 1440, 900, "dark"),
    ("narrow-light", 360, 720, "light"),
    ("narrow-dark", 360, 720, "dark"),
];

fn file(name: &str) -> PathBuf {
    PathBuf::from(FOLDER).join(name)
}

/// Picture of what the window shows, as WebP.
async fn picture(page: &Page) -> Vec<u8> {
    let taken = page.devtools("Page.captureScreenshot", json!({ "format": "webp", "quality": 80 })).await;
    BASE64_STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()
}

/// Definition of a picture's label for rustdoc, which takes no files beside a page.
fn definition(name: &str, picture: &[u8]) -> String {
    format!("[console-{name}]: data:image/webp;base64,{}\n", BASE64_STANDARD.encode(picture))
}

/// A shop in which something has happened.
fn busy_shop() -> Shop {
    let shop = Shop::with_stuck(&["1", "2"]);
    shop.more_die("/v1/organisations/o/projects/p/environments/e/deployments", &["3"]);
    for key in ["4", "5", "5", "6", "6", "6"] {
        shop.order(key);
    }
    shop
}

#[test]
fn the_guide_shows_the_console_as_it_is() {
    browse(async |page| {
        let shop = busy_shop();
        page.unlock(&shop.console(), TOKEN).await;
        page.until_stuck(3).await;
        page.until("document.querySelector('#endpoints li')").await;
        for (name, width, height, scheme) in PICTURES {
            page.look(width, height, scheme).await;
            // The narrow ones show the dialog, in which most is decided.
            let is_open = page.js("document.getElementById('resolve').open").await == true;
            if width < 800 && !is_open {
                page.click("#stuck-list .accent").await;
                page.click("#resolve [value=rerun]").await;
            }
            let taken = picture(&page).await;
            assert!(taken.starts_with(b"RIFF") && taken.len() < LIMIT, "{name}: {} bytes", taken.len());
            if env::var("DOCUMENTS").is_ok_and(|mode| mode == "overwrite") {
                fs::write(file(&format!("{name}.webp")), &taken).unwrap();
                fs::write(file(&format!("{name}.md")), definition(name, &taken)).unwrap();
            }
        }
    });
    for (name, ..) in PICTURES {
        let picture = fs::read(file(&format!("{name}.webp"))).unwrap();
        let found = fs::read_to_string(file(&format!("{name}.md"))).unwrap();
        assert!(found == definition(name, &picture), "{name} is out of date");
    }
}
