//! Requests that are sent again: which, when, and how often.

use std::time::{Duration, SystemTime};

use idempotent_tests::said;

use crate::canned::{Canned, brisk, chunked, plain, problem, send};

#[tokio::test]
async fn what_the_contract_calls_retryable_is_sent_again_with_the_same_key() {
    for (status, code) in [
        (409, "in_progress"),
        (503, "store_unavailable"),
        (503, "store_full"),
        (429, "too_many_keys"),
        (503, "shutting_down"),
        (408, "body_timeout"),
        (400, "a_code_of_tomorrow"),
    ] {
        let server = Canned::answering([problem(status, code, true), plain(201, "", "made")]).await;
        let answer = send(brisk(), &server).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.text().await.unwrap()),
            (201, "made".to_owned()),
            "{code}"
        );
        let seen = server.seen();
        assert_eq!(seen.len(), 2, "{code}");
        assert!(seen[0].key().is_some() && seen[0].key() == seen[1].key(), "{code}: {seen:?}");
    }
}

#[tokio::test]
async fn what_another_try_cannot_mend_is_never_sent_again() {
    let codes =
        ["key_reused", "key_missing", "key_invalid", "outcome_unknown", "response_not_stored", "key_expired"];
    for code in codes {
        // Not even where somebody on the way says that it may be.
        for (status, retryable) in [(409, false), (409, true), (503, true)] {
            let server = Canned::answering([problem(status, code, retryable)]).await;
            let answer = send(brisk(), &server).await.unwrap();
            assert_eq!(answer.status().as_u16(), status, "{code}");
            assert!(answer.text().await.unwrap().contains(code));
            assert_eq!(server.seen().len(), 1, "{code}");
        }
    }
}

#[tokio::test]
async fn a_problem_of_unknown_length_is_read_like_any_other() {
    for (status, code, retryable, tries) in [
        (503, "outcome_unknown", false, 1),
        (409, "in_progress", true, 2),
        (400, "a_code_of_tomorrow", true, 2),
    ] {
        let problem = chunked(&problem(status, code, retryable));
        let server = Canned::answering([problem, plain(201, "", "made")]).await;
        let answer = send(brisk(), &server).await.unwrap();
        assert_eq!(server.seen().len(), tries, "{code}");
        if tries == 1 {
            assert!(answer.text().await.unwrap().contains(code));
        }
    }
}

#[tokio::test]
async fn a_problem_without_an_end_is_an_error_and_not_asked_for_again() {
    let endless = chunked(&plain(503, "Content-Type: application/problem+json\r\n", &"x".repeat(2 << 20)));
    let server = Canned::answering([endless]).await;
    assert!(send(brisk(), &server).await.is_err());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn statuses_without_a_problem_are_tried_again_where_they_pass_and_not_otherwise() {
    for (status, headers, tries) in [
        (429, "", 2),
        (502, "", 2),
        (503, "", 2),
        (504, "", 2),
        (409, "Retry-After: 0\r\n", 2),
        (409, "", 1),
        (400, "", 1),
        (422, "", 1),
        (500, "", 1),
        (503, "Idempotent-Replayed: true\r\n", 1),
        (503, "Idempotency-Stored: false\r\n", 1),
    ] {
        let server = Canned::answering([plain(status, headers, "")]).await;
        send(brisk(), &server).await.unwrap();
        assert_eq!(server.seen().len(), tries, "{status} {headers}");
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_or_cut_off_is_asked_for_again() {
    let whole = plain(201, "", "made");
    for part in ["", &whole[..10], &whole[..whole.len() - 1]] {
        let server = Canned::answering([part, &whole]).await;
        let answer = send(brisk(), &server).await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "made");
        let seen = server.seen();
        assert_eq!(seen.len(), 2, "{part}");
        assert_eq!(seen[0].key(), seen[1].key());
    }
}

#[tokio::test]
async fn retry_after_is_honoured_in_seconds() {
    let server = Canned::answering([plain(503, "Retry-After: 1\r\n", "")]).await;
    send(brisk(), &server).await.unwrap();
    assert!(server.pauses()[0] >= Duration::from_secs(1), "{:?}", server.pauses());
}

#[tokio::test]
async fn retry_after_is_honoured_as_a_date() {
    // A date has whole seconds, so up to one of these two has passed.
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    let server = Canned::answering([plain(503, &format!("Retry-After: {date}\r\n"), "")]).await;
    send(brisk(), &server).await.unwrap();
    assert!(server.pauses()[0] >= Duration::from_millis(700), "{:?}", server.pauses());
}

#[tokio::test]
async fn a_retry_after_beyond_the_time_that_is_left_gives_the_caller_the_answer_at_once() {
    for value in ["3600", "18446744073709551615", "99999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"]
    {
        let server = Canned::answering([plain(503, &format!("Retry-After: {value}\r\n"), "later")]).await;
        let answer = send(brisk(), &server).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (503, "later".to_owned()));
        assert_eq!(server.seen().len(), 1, "{value}");
    }
}

#[tokio::test]
async fn a_retry_after_that_has_passed_or_says_nothing_leaves_the_pause_as_it_is() {
    for value in
        ["0", "-1", "1.5", "soon", "", "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"]
    {
        let server = Canned::answering([plain(503, &format!("Retry-After: {value}\r\n"), "")]).await;
        assert_eq!(send(brisk(), &server).await.unwrap().status(), 200);
        assert!(server.pauses()[0] < Duration::from_millis(500), "{value}: {:?}", server.pauses());
    }
}

#[tokio::test]
async fn the_answer_of_the_last_try_is_what_the_caller_gets() {
    let answers = (1..=5).map(|number| plain(503, "", &format!("answer {number}")));
    let server = Canned::answering(answers).await;
    let answer = send(brisk().tries(3), &server).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "answer 3");
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn pauses_grow_up_to_the_longest() {
    let (first, longest) = (Duration::from_millis(40), Duration::from_millis(160));
    let server = Canned::answering((0..6).map(|_| plain(503, "", ""))).await;
    send(brisk().backoff(first, longest).tries(5), &server).await.unwrap();
    let least = [20, 40, 80, 80].map(Duration::from_millis);
    assert!(server.pauses().iter().zip(least).all(|(pause, least)| *pause >= least), "{:?}", server.pauses());
}

#[tokio::test]
async fn a_server_that_never_answers_is_left_in_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/order", listener.local_addr().unwrap());
    let settings = brisk().try_timeout(Duration::from_millis(50)).tries(3);
    let error = crate::canned::client(settings).post(url).body("the body").send().await.unwrap_err();
    assert!(said(&error).ends_with(": no answer within 50ms"), "{}", said(&error));
}
