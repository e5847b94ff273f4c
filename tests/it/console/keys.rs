//! Keys that an operator finds, and ends.

use super::{
    browser::browse,
    page::{ENTER, Page},
    shop::{Shop, TOKEN, request},
};

/// Looks up an order by the parts of its address.
async fn look_up(page: &Page, key: &str) {
    page.fill("#route", "/orders").await;
    page.fill("#key", key).await;
    page.fill("#principal", "secret person").await;
    page.click("#lookup-form [type=submit]").await;
    page.until("document.querySelector('#found').childElementCount").await;
}

/// Text of the newest answer.
async fn answer(page: &Page) -> String {
    page.until("document.querySelector('#log li')").await;
    page.text("#log li").await
}

#[test]
fn a_stuck_key_is_found_resolved_and_gone() {
    browse(async |page| {
        let shop = Shop::with_stuck(&["secret-1"]);
        page.unlock(&shop.console(), TOKEN).await;
        page.until_stuck(1).await;
        let row = page.text("#stuck-list li").await;
        for told in ["Abandoned", "POST /orders", "Lease ran out 14 min ago", "Attempt 1"] {
            assert!(row.contains(told), "{told} in {row}");
        }
        assert_eq!(page.text("#stuck-count").await, "1 key");

        page.click("#stuck-list .accent").await;
        page.click("#resolve [value=complete]").await;
        page.fill("#response-body", r#"{"order":7}"#).await;
        page.click("#resolve [data-act]").await;
        page.until_stuck(0).await;
        assert!(page.text("#stuck-empty").await.starts_with("Nothing is stuck"));
        assert!(answer(&page).await.ends_with("retries get the response that you wrote."));

        let retry = shop.send(&request("/orders", "secret-1", "held"));
        assert_eq!(
            (retry.status, retry.is_replay(), retry.text()),
            (201, true, r#"{"order":7}"#),
            "{retry:?}"
        );
        assert_eq!(retry.header("content-type"), Some("application/json"));
    });
}

#[test]
fn a_key_that_was_looked_up_and_forgotten_is_free() {
    browse(async |page| {
        let shop = Shop::with_stuck(&[]);
        shop.order("secret-1");
        page.unlock(&shop.console(), TOKEN).await;
        look_up(&page, "secret-1").await;
        let found = page.text("#found").await;
        assert!(found.contains("Completed") && found.contains("Status 201"), "{found}");

        page.click("#found .danger").await;
        page.click("#forget [data-act]").await;
        assert!(answer(&page).await.ends_with("the key is free, and the next request with it runs."));
        page.until("document.querySelector('#found').textContent.includes('is free')").await;
        let retry = shop.order("secret-1");
        assert_eq!((retry.status, retry.is_replay()), (201, false), "{retry:?}");
    });
}

#[test]
fn a_look_up_tells_what_is_missing_and_what_is_not_found() {
    browse(async |page| {
        let shop = Shop::with_stuck(&[]);
        page.unlock(&shop.console(), TOKEN).await;
        page.click("#lookup-form [type=submit]").await;
        assert_eq!(page.text("#found").await, "Fill in: route.");
        assert_eq!(page.js("document.activeElement.id").await, "route");
        look_up(&page, "secret-1").await;
        page.until("document.querySelector('#found').textContent.includes('There is no entry of this name')")
            .await;
        // One part may be wrong: the others need not be written again.
        assert_eq!(page.js("document.getElementById('key').value").await, "secret-1");
    });
}

#[test]
fn a_long_list_is_read_page_by_page() {
    browse(async |page| {
        let keys: Vec<String> = (0..60).map(|number| format!("secret-{number}")).collect();
        let shop = Shop::with_stuck(&keys.iter().map(String::as_str).collect::<Vec<_>>());
        page.unlock(&shop.console(), TOKEN).await;
        page.until_stuck(50).await;
        assert_eq!(page.text("#stuck-count").await, "50 keys and more");
        page.click("#stuck-more").await;
        page.until_stuck(60).await;
        assert_eq!(page.js("document.getElementById('stuck-more').hidden").await, true);
        page.click("#refresh").await;
        page.until("document.getElementById('stuck-count').textContent === '60 keys'").await;
    });
}

#[test]
fn the_list_is_cut_down_to_one_endpoint() {
    browse(async |page| {
        let shop = Shop::with_stuck(&["secret-1", "secret-2"]);
        shop.more_die("/v1/organisations/o/projects/p/environments/e/deployments", &["secret-3"]);
        page.unlock(&shop.console(), TOKEN).await;
        page.until_stuck(3).await;
        page.fill("#stuck-endpoint", "POST /orders").await;
        page.press(&[ENTER]).await;
        page.until_stuck(2).await;
        page.fill("#stuck-endpoint", "POST /refunds").await;
        page.press(&[ENTER]).await;
        page.until_stuck(0).await;
        assert!(page.text("#stuck-empty").await.contains("At POST /refunds"));
    });
}

#[test]
fn an_operation_is_looked_up_and_so_is_a_key_by_its_address() {
    browse(async |page| {
        let shop = Shop::with_stuck(&[]);
        shop.once("settle", "secret-1").await;
        page.unlock(&shop.console(), TOKEN).await;
        page.choose("#scope", "operation").await;
        page.fill("#operation", "settle").await;
        page.fill("#key", "secret-1").await;
        page.click("#lookup-form [type=submit]").await;
        page.until("document.querySelector('#found .badge')").await;
        let found = page.text("#found").await;
        assert!(found.contains("Completed") && found.contains("settle"), "{found}");

        let address = page.text("#found dd").await;
        page.click("#lookup-clear").await;
        page.until("!document.querySelector('#found .badge')").await;
        page.choose("#scope", "address").await;
        page.fill("#address", &address.to_uppercase()).await;
        page.click("#lookup-form [type=submit]").await;
        page.until("document.querySelector('#found .badge')").await;
        assert_eq!(page.text("#found dd").await, address);
    });
}

#[test]
fn a_resolution_that_cannot_be_is_told_before_it_is_sent() {
    browse(async |page| {
        let shop = Shop::with_stuck(&["secret-1"]);
        page.unlock(&shop.console(), TOKEN).await;
        page.until_stuck(1).await;
        page.click("#stuck-list .accent").await;
        page.click("#resolve [data-act]").await;
        assert_eq!(page.text("#resolve [data-trouble]").await, "Say first what became of the request.");
        page.click("#resolve [value=complete]").await;
        for (field, text, said) in [
            ("#response-status", "99", "a number from 200 to 599"),
            ("#response-headers", "content-type", "a name, a colon and a value"),
        ] {
            page.fill(field, text).await;
            page.click("#resolve [data-act]").await;
            assert!(page.text("#resolve [data-trouble]").await.contains(said));
            assert_eq!(page.js("document.activeElement.ariaInvalid").await, "true");
            page.fill(field, if text == "99" { "204" } else { "" }).await;
        }
        // What only the server knows is told too, and may be mended in the same dialog.
        page.fill("#response-body", "secret body").await;
        page.click("#resolve [data-act]").await;
        page.until("document.querySelector('#resolve [data-trouble]').textContent.includes('allows none')")
            .await;
        page.fill("#response-body", "").await;
        page.click("#resolve [data-act]").await;
        page.until_stuck(0).await;
    });
}

#[test]
fn counters_move_while_the_page_is_open() {
    browse(async |page| {
        let shop = Shop::with_stuck(&[]);
        shop.order("secret-1");
        page.unlock(&shop.console(), TOKEN).await;
        let chip = "[...document.querySelectorAll('.chip')].some((chip) => /^\\d+ replayed\\+1$/.test(chip.textContent))";
        page.until("document.querySelector('.chip')").await;
        assert_eq!(page.js(chip).await, false);
        shop.order("secret-1");
        page.until(chip).await;
    });
}

#[test]
fn what_a_caller_holds_in_memory_is_shown_and_forgotten() {
    browse(async |page| {
        let shop = Shop::with_stuck(&[]);
        shop.order("secret-1");
        shop.order("secret-2");
        page.unlock(&shop.console(), TOKEN).await;
        page.until("!document.getElementById('memory').hidden").await;
        page.click("#usage").await;
        page.until("document.querySelector('#usage-body .danger')").await;
        page.click("#usage-body .danger").await;
        assert!(page.text("#forget-facts").await.starts_with("2 keys, "));
        page.click("#forget [data-act]").await;
        assert!(answer(&page).await.contains(": 2 keys and "));
        page.until("!document.querySelector('#usage-body .danger')").await;
        assert!(!shop.order("secret-1").is_replay());
    });
}
