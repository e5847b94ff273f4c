//! Readers with a keyboard, with a screen reader, with a narrow window.

use serde_json::{Value, json};

use super::{
    browser::browse,
    page::{DOWN, ENTER, ESCAPE, Page, TAB},
    shop::{Shop, TOKEN},
};

/// Moves on until the focus is on an element that this selector describes.
async fn tab_to(page: &Page, selector: &str) {
    for _ in 0..60 {
        if page.js(&format!("document.activeElement.matches('{selector}')")).await == true {
            return;
        }
        page.press(&[TAB]).await;
    }
    panic!("the focus never comes to {selector}");
}

#[test]
fn a_keyboard_is_enough() {
    browse(async |page| {
        let shop = Shop::with_stuck(&["secret-1", "secret-2"]);
        page.open(&shop.console()).await;
        page.until("document.activeElement.id === 'token'").await;
        page.press(&TOKEN.chars().chain([ENTER]).collect::<Vec<_>>()).await;
        page.until_stuck(2).await;

        tab_to(&page, "#stuck-list .accent").await;
        page.press(&[ENTER]).await;
        page.until("document.getElementById('resolve').open").await;
        page.press(&[ESCAPE]).await;
        page.until("!document.getElementById('resolve').open").await;
        assert_eq!(page.js("document.activeElement.matches('#stuck-list .accent')").await, true);

        page.press(&[ENTER]).await;
        tab_to(&page, "#resolve [type=radio]").await;
        page.press(&[' ', DOWN]).await;
        assert_eq!(page.text("#resolve [data-act]").await, "Let the next retry run");
        tab_to(&page, "#resolve [data-act]").await;
        page.press(&[ENTER]).await;
        page.until_stuck(1).await;
        // The key has gone that had the focus: the next one has it.
        assert_eq!(page.js("document.activeElement.matches('#stuck-list .accent')").await, true);

        tab_to(&page, "#stuck-list .danger").await;
        page.press(&[ENTER]).await;
        tab_to(&page, "#forget [data-act]").await;
        page.press(&[ENTER]).await;
        page.until_stuck(0).await;
        assert_eq!(page.js("document.activeElement.id").await, "stuck");
    });
}

/// Path of the route with the long name.
const LONG: &str = "/v1/organisations/o/projects/p/environments/e/deployments";

/// Asserts that nothing is wider than the window.
async fn fits(page: &Page, state: &str) {
    let widest = page
        .js("Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll('dialog[open]')].map((dialog) => dialog.getBoundingClientRect().right))")
        .await;
    assert!(widest.as_f64().unwrap() <= 360.0, "{state}: {widest}");
}

#[test]
fn nothing_scrolls_sideways_in_a_window_of_360_pixels() {
    browse(async |page| {
        let shop = Shop::with_stuck_at(LONG, &["secret-1"]);
        shop.more_die("/orders", &["secret-2"]);
        assert_eq!(shop.send(&super::shop::request(LONG, "secret-3", "")).status, 201);
        page.look(360, 760, "light").await;
        page.open(&shop.console()).await;
        page.until("document.getElementById('unlock').open").await;
        fits(&page, "locked").await;
        page.give(TOKEN).await;
        page.until_stuck(2).await;
        page.until("document.querySelector('#endpoints li')").await;
        fits(&page, "the lists").await;
        page.click("#usage").await;
        page.until("document.querySelector('#usage-body table')").await;
        fits(&page, "the tables").await;
        page.click("#stuck-list .accent").await;
        page.click("#resolve [value=complete]").await;
        fits(&page, "the dialog").await;
        page.click("#resolve [data-act]").await;
        page.until("document.querySelector('#log li')").await;
        fits(&page, "an answer").await;
    });
}

/// Roles of elements that a screen reader says by their names.
const NAMED: [&str; 8] = ["button", "textbox", "combobox", "radio", "link", "dialog", "region", "table"];

/// Roles that the page has now, each of which has a name.
async fn named_roles(page: &Page) -> Vec<String> {
    let tree = page.devtools("Accessibility.getFullAXTree", json!({})).await;
    let nodes = tree["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] == false);
    let role = |node: &Value| node["role"]["value"].as_str().unwrap_or_default().to_lowercase();
    let named: Vec<&Value> = nodes.filter(|node| NAMED.contains(&role(node).as_str())).collect();
    for node in &named {
        assert_ne!(node["name"]["value"].as_str().unwrap_or_default(), "", "{node}");
    }
    named.into_iter().map(role).collect()
}

#[test]
fn whatever_can_be_used_has_a_name_for_a_screen_reader() {
    browse(async |page| {
        let shop = Shop::with_stuck(&["secret-1"]);
        page.unlock(&shop.console(), TOKEN).await;
        page.until_stuck(1).await;
        let roles = named_roles(&page).await;
        for role in ["button", "textbox", "combobox", "region", "table"] {
            assert!(roles.iter().any(|found| found == role), "{role} in {roles:?}");
        }
        page.click("#stuck-list .accent").await;
        let roles = named_roles(&page).await;
        for role in ["dialog", "radio"] {
            assert!(roles.iter().any(|found| found == role), "{role} in {roles:?}");
        }
    });
}
