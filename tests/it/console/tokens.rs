//! The operator's token: asked for, wrong, expired, and forgotten.

use actix_web::{HttpResponse, guard::fn_guard, web};
use idempotent_runtime::admin::{admin_scope, console};
use idempotent_tests::TestServer;

use super::{
    browser::browse,
    page::ESCAPE,
    shop::{Shop, TOKEN},
};

const TROUBLE: &str = "#unlock-trouble";

#[test]
fn a_wrong_token_is_told_and_asked_for_anew() {
    browse(async |page| {
        let shop = Shop::with_stuck(&["secret-1"]);
        page.open(&shop.console()).await;
        page.give("secret-guess").await;
        page.until(
            "document.querySelector('#unlock-trouble').textContent.startsWith('This token is not accepted')",
        )
        .await;
        assert_eq!(page.js("document.activeElement.id").await, "token");
        for (token, said) in [("", "Enter the token."), ("two words", "no space"), ("schlüssel", "ASCII")] {
            page.give(token).await;
            assert!(page.text(TROUBLE).await.contains(said), "{token}");
        }
        assert_eq!(page.js("document.querySelectorAll('#stuck-list li').length").await, 0);
        page.give(TOKEN).await;
        page.until_stuck(1).await;
    });
}

#[test]
fn a_token_that_expires_in_the_midst_of_an_action_loses_nothing() {
    browse(async |page| {
        let shop = Shop::with_stuck(&["secret-1"]);
        page.unlock(&shop.console(), TOKEN).await;
        page.until_stuck(1).await;
        page.click("#stuck-list .accent").await;
        page.click("#resolve [value=complete]").await;
        page.fill("#response-body", "secret answer").await;
        shop.replace_token("secret-new");
        page.click("#resolve [data-act]").await;
        page.until("document.querySelector('#unlock-trouble').textContent.includes('it has expired or was replaced')")
            .await;
        page.give("secret-new").await;
        page.until("!document.getElementById('unlock').open").await;
        // Nothing is repeated by itself: the dialog is there as it was, to be confirmed again.
        page.until_stuck(1).await;
        assert!(page.text("#resolve [data-trouble]").await.starts_with("Nothing was done"));
        page.click("#resolve [data-act]").await;
        page.until_stuck(0).await;
        let retry = shop.send(&super::shop::request("/orders", "secret-1", "held"));
        assert_eq!(retry.text(), "secret answer");
    });
}

#[test]
fn a_page_that_is_locked_shows_nothing_that_was_read() {
    browse(async |page| {
        let shop = Shop::with_stuck(&["secret-1"]);
        page.unlock(&shop.console(), TOKEN).await;
        page.until_stuck(1).await;
        page.click("#lock").await;
        page.press(&[ESCAPE]).await;
        page.until("!document.getElementById('unlock').open").await;
        let shown = page.text("main").await;
        assert!(!shown.contains("Abandoned") && !shown.contains("executed"), "{shown}");
        assert_eq!(page.js("document.querySelectorAll('datalist:not(#methods) option').length").await, 0);
        page.click("#unlock-again").await;
        page.give(TOKEN).await;
        page.until_stuck(1).await;
    });
}

#[test]
fn a_browser_that_the_guard_admits_is_asked_for_no_token() {
    browse(async |page| {
        let local =
            || fn_guard(|request| request.head().peer_addr.is_some_and(|peer| peer.ip().is_loopback()));
        let server = TestServer::start(1, move |app| {
            app.service(admin_scope(local())).service(console());
        });
        page.open(&format!("http://{}/idempotency/console", server.address())).await;
        page.until_stuck(0).await;
        page.until("document.getElementById('connection').textContent === 'Live'").await;
        assert_eq!(page.js("document.getElementById('unlock').open").await, false);
        assert_eq!(page.js("document.getElementById('lock').hidden").await, true);
    });
}

#[test]
fn a_server_that_has_gone_is_told_and_what_was_read_stays() {
    browse(async |page| {
        let shop = Shop::with_stuck(&["secret-1"]);
        page.unlock(&shop.console(), TOKEN).await;
        page.until_stuck(1).await;
        drop(shop);
        page.click("#refresh").await;
        page.until("document.getElementById('connection').textContent === 'No connection'").await;
        assert!(page.text("#stuck-trouble").await.contains("No answer came"));
        page.until_stuck(1).await;
        page.click("#stuck-list .danger").await;
        page.click("#forget [data-act]").await;
        page.until("document.querySelector('#forget [data-trouble]').textContent.includes('It may have been done or not')")
            .await;
    });
}

/// To whoever is not admitted, the application answers in the words that the scope has too.
#[test]
fn an_application_whose_own_404_looks_like_the_scopes_admits_nobody() {
    browse(async |page| {
        let nowhere = async || {
            let problem = r#"{"code":"not_found","detail":"Nothing is here."}"#;
            HttpResponse::NotFound().content_type("application/problem+json").body(problem)
        };
        let server = TestServer::start(1, move |app| {
            let nobody = admin_scope(fn_guard(|_| false));
            app.service(nobody).service(console()).default_service(web::to(nowhere));
        });
        page.open(&format!("http://{}/idempotency/console", server.address())).await;
        page.give("secret-guess").await;
        page.until(
            "document.querySelector('#unlock-trouble').textContent.startsWith('This token is not accepted')",
        )
        .await;
        assert_eq!(page.js("document.getElementById('unlock').open").await, true);
    });
}
