//! Two operators at once, of whom one is quicker.

use super::{
    browser::browse,
    page::Page,
    shop::{Shop, TOKEN},
};

/// Opens a dialog on the only stuck key, and does something else meanwhile in another window.
async fn overtaken(page: &Page, shop: &Shop, button: &str, outcome: &'static str) {
    page.unlock(&shop.console(), TOKEN).await;
    page.until_stuck(1).await;
    page.click(button).await;
    page.in_another_window(async |other| {
        other.unlock(&shop.console(), TOKEN).await;
        other.until_stuck(1).await;
        other.click("#stuck-list .accent").await;
        other.click(&format!("#resolve [value={outcome}]")).await;
        other.click("#resolve [data-act]").await;
        other.until("document.querySelector('#log li')").await;
    })
    .await;
}

#[test]
fn who_comes_second_is_told_that_the_key_is_free_by_now() {
    browse(async |page| {
        let shop = Shop::with_stuck(&["secret-1"]);
        overtaken(&page, &shop, "#stuck-list .accent", "rerun").await;
        page.click("#resolve [value=refuse]").await;
        page.click("#resolve [data-act]").await;
        page.until("document.querySelector('#resolve [data-trouble]').textContent").await;
        let told = page.text("#resolve [data-trouble]").await;
        assert!(told.starts_with("The key is free: somebody else has ended it meanwhile"), "{told}");
        assert_eq!(page.js("document.querySelector('#resolve [data-act]').hidden").await, true);
        page.click("#resolve [data-close]").await;
        page.until_stuck(0).await;
        assert!(page.text("#log li.bad").await.contains("Nothing was done."));
    });
}

#[test]
fn who_comes_second_is_told_that_it_is_settled() {
    browse(async |page| {
        let shop = Shop::with_stuck(&["secret-1"]);
        overtaken(&page, &shop, "#stuck-list .accent", "complete").await;
        page.click("#resolve [value=rerun]").await;
        page.click("#resolve [data-act]").await;
        page.until("document.querySelector('#resolve [data-trouble]').textContent.startsWith('It has its outcome by now')")
            .await;
        let retry = shop.send(&super::shop::request("/orders", "secret-1", "held"));
        assert!(retry.is_replay(), "{retry:?}");
    });
}

#[test]
fn what_has_changed_is_not_forgotten_and_shown_as_it_is_now() {
    browse(async |page| {
        let shop = Shop::with_stuck(&["secret-1"]);
        overtaken(&page, &shop, "#stuck-list .danger", "refuse").await;
        page.click("#forget [data-act]").await;
        page.until("!document.querySelector('#forget [data-now]').hidden").await;
        assert!(page.text("#forget [data-trouble]").await.starts_with("It has changed"));
        assert!(page.text("#forget [data-now]").await.starts_with("Outcome unknown"));
        page.click("#forget [data-close]").await;
        page.until("document.querySelector('#stuck-list .badge').textContent === 'Outcome unknown'").await;
        // What is shown now may be forgotten.
        page.click("#stuck-list .danger").await;
        page.click("#forget [data-act]").await;
        page.until_stuck(0).await;
    });
}
