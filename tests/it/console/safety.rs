//! Dangers of a page: text that is code, sources elsewhere, secrets that stay.

use std::future::ready;

use actix_web::{HttpResponse, web};
use idempotent_runtime::admin::console;
use idempotent_tests::TestServer;
use serde_json::json;

use super::{
    browser::browse,
    shop::{HOSTILE, Shop, TOKEN, request},
};

/// Path of the route with the hostile name.
const ENCODED: &str = "/%3Cimg%20src=x%20onerror=window.ran=1%3E";

#[test]
fn hostile_text_in_a_name_is_text() {
    browse(async |page| {
        let shop = Shop::with_stuck_at(ENCODED, &["secret-1"]);
        assert_eq!(shop.send(&request(ENCODED, "secret-2", "")).status, 201);
        page.unlock(&shop.console(), TOKEN).await;
        page.until_stuck(1).await;
        page.until(&format!(
            "[...document.querySelectorAll('#endpoints .what')].some((what) => what.textContent === '{HOSTILE}')"
        ))
        .await;
        assert_eq!(page.text("#stuck-list .what").await, format!("POST {ENCODED}"));
        page.click("#stuck-list .accent").await;
        assert_eq!(page.js("document.querySelectorAll('main img, dialog img').length").await, 0);
        assert_eq!(page.js("typeof window.ran").await, "undefined");
    });
}

/// Content that got into the page, and the directives that stop it.
const INJECTED: &str = "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'>\
     <style>body { display: none }</style><p style='position: fixed'><img src=http://127.0.0.2:9/>\
     <base href=http://127.0.0.2:9/><iframe src=http://127.0.0.2:9/></iframe>";

const STOPPED: [&str; 7] = [
    "script-src-elem",
    "script-src-attr",
    "style-src-elem",
    "style-src-attr",
    "img-src",
    "base-uri",
    "frame-src",
];

/// A server of the page as `shop` sends it, with more in it.
fn injected(shop: &Shop) -> TestServer {
    let page = shop.send(b"GET /idempotency/console HTTP/1.1\r\nHost: test\r\n\r\n");
    let policy = page.header("content-security-policy").unwrap().to_owned();
    let html = page.text().replace("<main", &format!("{INJECTED}<main"));
    TestServer::start(1, move |app| {
        let (policy, html) = (policy.clone(), html.clone());
        let send = move || {
            let mut response = HttpResponse::Ok();
            response.content_type("text/html").insert_header(("content-security-policy", policy.clone()));
            ready(response.body(html.clone()))
        };
        app.service(web::resource("/idempotency/console").to(send)).service(console());
    })
}

#[test]
fn the_policy_stops_what_is_injected() {
    browse(async |page| {
        let server = injected(&Shop::with_stuck(&[]));
        let listen = "window.stopped = []; addEventListener('securitypolicyviolation', \
                      (event) => window.stopped.push(event.effectiveDirective))";
        let listener =
            page.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": listen })).await;
        page.open(&format!("http://{}/idempotency/console", server.address())).await;
        for directive in STOPPED {
            page.until(&format!("window.stopped.includes('{directive}')")).await;
        }
        page.run("fetch('http://127.0.0.2:9/').catch(() => {})", vec![]).await;
        page.until("window.stopped.includes('connect-src')").await;
        let html = "try { document.body.innerHTML = '<b>'; return 'taken' } catch { return 'refused' }";
        assert_eq!(page.run(html, vec![]).await, "refused");
        assert_eq!(page.js("typeof window.ran").await, "undefined");
        page.devtools("Page.removeScriptToEvaluateOnNewDocument", listener).await;
    });
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    browse(async |page| {
        let shop = Shop::with_stuck(&["secret-1"]);
        page.unlock(&shop.console(), TOKEN).await;
        page.until_stuck(1).await;
        let loaded = page.js("performance.getEntriesByType('resource').map((entry) => entry.name)").await;
        let loaded: Vec<&str> = loaded.as_array().unwrap().iter().filter_map(|name| name.as_str()).collect();
        let below = format!("{}/idempotency/", shop.origin());
        let elsewhere: Vec<_> = loaded.iter().filter(|name| !name.starts_with(&below)).collect();
        assert_eq!(elsewhere, Vec::<&&str>::new());
        for needed in ["console/main.js", "console/style.css", "stuck?limit=50", "counters"] {
            assert!(loaded.iter().any(|name| name.ends_with(needed)), "{needed} in {loaded:?}");
        }
    });
}

/// All that the page holds and shows, and that the browser keeps of it.
const KEPT: &str = "[document.documentElement.outerHTML, location.href, document.cookie, history.length, \
     ...[...document.querySelectorAll('input, textarea')].map((field) => field.value), \
     ...Object.values(localStorage), ...Object.values(sessionStorage), \
     ...performance.getEntriesByType('resource').map((entry) => entry.name)].join('\\n')";

#[test]
fn no_key_body_principal_or_token_stays_on_the_page() {
    browse(async |page| {
        let shop = Shop::with_stuck(&["secret-1"]);
        page.unlock(&shop.console(), TOKEN).await;
        page.until_stuck(1).await;
        for (field, text) in [("#route", "/orders"), ("#key", "secret-1"), ("#principal", "secret person")] {
            page.fill(field, text).await;
        }
        page.click("#lookup-form [type=submit]").await;
        page.until("document.querySelector('#found .badge')").await;
        page.click("#found .accent").await;
        page.click("#resolve [value=complete]").await;
        page.fill("#response-body", "secret body").await;
        page.click("#resolve [data-act]").await;
        page.until_stuck(0).await;
        page.until("document.querySelector('#found .badge.completed')").await;
        let kept = page.js(KEPT).await;
        assert!(!kept.as_str().unwrap().contains("secret"), "{kept}");
        page.fill("#key", "secret-2").await;
        page.run("location.reload()", vec![]).await;
        page.until("document.getElementById('unlock').open").await;
        let kept = page.js(KEPT).await;
        assert!(!kept.as_str().unwrap().contains("secret"), "{kept}");
    });
}

#[test]
fn every_file_of_the_page_is_sent_with_its_policy() {
    let shop = Shop::with_stuck(&[]);
    for (path, kind) in [
        ("", "text/html; charset=utf-8"),
        ("/main.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let reply =
            shop.send(format!("GET /idempotency/console{path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes());
        assert_eq!((reply.status, reply.header("content-type")), (200, Some(kind)), "{reply:?}");
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
        for (header, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(reply.header(header), Some(value), "{path}: {header}");
        }
    }
    let refused = shop.send(b"POST /idempotency/console HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(json!(refused.status), json!(405), "{refused:?}");
}
