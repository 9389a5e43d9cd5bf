//! Bad input at each step: a clear page, the right status, and nothing given away.

use mfa_demo::Seen;

use crate::harness::{
    ACTION, ALICE, BOB, Demo, FACTOR, LOGIN, another, log_in, reach_code, send_password, type_code,
    type_refused_code,
};

/// What the page of the code says after a wrong one.
fn attempts_left(count: usize) -> String {
    if count == 1 {
        "You can try once more".to_owned()
    } else {
        format!("You can try {count} more")
    }
}

fn header_names(seen: &Seen) -> Vec<String> {
    seen.headers.keys().map(|name| name.as_str().to_owned()).collect()
}

/// The page without what differs from form to form: its token and the user name typed.
fn without_form_values(seen: &Seen, typed: &str) -> String {
    let token = seen.form_token().expect("a form").to_owned();
    seen.body.replace(&token, "TOKEN").replace(&format!("value=\"{typed}\""), "value=\"NAME\"")
}

#[tokio::test]
async fn the_eleven_steps_end_in_the_application() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let asked = browser.get("/admin/?a=1").await.expect("an answer");
    assert_eq!(asked.status, 303);
    let login = asked.location.expect("a place");
    assert_eq!(login, "/_mfa/login?return_to=%2Fadmin%2F%3Fa%3D1");
    let page = browser.get(&login).await.expect("a page");
    let fields = [("username", "alice"), ("password", ALICE.1), ("return_to", "/admin/?a=1")];
    let sent = browser.post(&page, LOGIN, &fields).await.expect("an answer");
    assert_eq!(sent.location.as_deref(), Some(FACTOR));
    let page = browser.get(FACTOR).await.expect("a page");
    let code = demo.newest_code(ALICE.2).await;
    let done = type_code(&mut browser, &page, &code).await;
    assert_eq!((done.status.as_u16(), done.location.as_deref()), (303, Some("/admin/?a=1")));
    let app = browser.get("/admin/").await.expect("a page");
    assert!(app.status == 200 && app.body.contains("alice"));
    let account = browser.get("/_mfa/account").await.expect("a page");
    assert!(account.body.contains("5678") && !account.body.contains("1234"), "{}", account.body);
}

#[tokio::test]
async fn a_stranger_learns_nothing_from_a_failed_login() {
    let demo = Demo::start();
    let mut answers = Vec::new();
    for (name, password) in [
        ("alice", "wrong-password"),
        ("nobody", "wrong-password"),
        ("Ａlice\u{200b}", "also-wrong"),
    ] {
        let mut browser = demo.browser();
        let sent = send_password(&mut browser, name, password).await;
        assert_eq!((sent.status.as_u16(), sent.location.as_deref()), (303, Some(LOGIN)));
        let seen = browser.get(LOGIN).await.expect("a page");
        assert_eq!(seen.status, 200);
        assert!(!seen.has_form() && seen.body.contains("user ID or password is not correct"));
        assert!(!seen.body.contains(password), "the password is shown again");
        let page = without_form_values(&seen, name);
        answers.push((page, header_names(&seen), header_names(&sent), sent.cookie_names()));
        // The page is shown once: a reload has nothing left to tell, and no password to post.
        let reloaded = browser.get(LOGIN).await.expect("a page");
        assert!(!reloaded.body.contains("is not correct") && !reloaded.body.contains(name));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!((&answers[0].1, &answers[0].2), (&answers[2].1, &answers[2].2));
    assert!(demo.inbox(ALICE.2).await.is_empty());
}

#[tokio::test]
async fn empty_fields_are_named_and_cost_nothing() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let page = browser.get(LOGIN).await.expect("a page");
    for fields in [[("username", ""), ("password", "")], [("username", "alice"), ("password", "")]]
    {
        let seen = browser.post_and_follow(&page, LOGIN, &fields).await.expect("a page");
        assert!(seen.body.contains("Enter your password"), "{}", seen.body);
        assert!(seen.body.contains(&format!("value=\"{}\"", fields[0].1)), "the name is gone");
    }
}

#[tokio::test]
async fn malformed_codes_cost_no_attempt_and_wrong_ones_do() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let mut page = reach_code(&mut browser, ALICE).await;
    let code = demo.newest_code(ALICE.2).await;
    for typed in ["", "12345", "1234567", "abcdef", "１２３４５", "12 34 5x", "<script>"] {
        let seen = type_refused_code(&mut browser, &page, typed).await;
        assert!(seen.body.contains("aria-invalid=\"true\""), "{typed}");
        assert!(seen.has_form() && !seen.body.contains("<script>"), "{typed}");
        page = seen;
    }
    for left in (1..=4).rev() {
        page = type_refused_code(&mut browser, &page, &another(&code)).await;
        assert!(page.body.contains(&attempts_left(left)), "{left} attempts left are not shown");
    }
    let wide: String =
        code.chars().map(|c| char::from_u32(c as u32 + 0xfee0).expect("a digit")).collect();
    let typed = format!("{}　{}", &wide[..9], &wide[9..]);
    let done = type_code(&mut browser, &page, &typed).await;
    assert_eq!(done.status, 303, "the right code in full-width digits: {}", done.body);
}

#[tokio::test]
async fn a_code_works_once() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let page = reach_code(&mut browser, ALICE).await;
    let code = demo.newest_code(ALICE.2).await;
    let mut other_tab = browser.clone();
    assert_eq!(type_code(&mut browser, &page, &code).await.status, 303);
    let again = type_code(&mut other_tab, &page, &code).await;
    assert!(
        again.cookie_names().find("__Host-mfa_session").is_none(),
        "a second session from one code"
    );
    // The tab that was first goes on: its own second post ends where the session leads.
    let double = type_code(&mut browser, &page, &code).await;
    assert!(double.status.is_redirection() || double.status.is_client_error());
}

#[tokio::test]
async fn a_double_submit_ends_in_the_application() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let page = reach_code(&mut browser, ALICE).await;
    let code = demo.newest_code(ALICE.2).await;
    let mut second = browser.clone();
    assert_eq!(type_code(&mut browser, &page, &code).await.status, 303);
    let late = type_code(&mut second, &page, &code).await;
    assert_eq!((late.status.as_u16(), late.location.as_deref()), (303, Some(FACTOR)));
    // The browser keeps the cookies of the first answer and shows the page of the second.
    let session = browser.cookie("__Host-mfa_session").expect("a cookie");
    second.set_cookie("__Host-mfa_session", session);
    let shown = second.get(FACTOR).await.expect("an answer");
    assert_eq!((shown.status.as_u16(), shown.location.as_deref()), (303, Some("/")));
    // Without a session it is a login that is over.
    let mut third = demo.browser();
    third.set_cookie("__Host-mfa_login", &"A".repeat(43));
    assert_eq!(third.get(FACTOR).await.expect("a page").status, 401);
}

#[tokio::test]
async fn a_code_belongs_to_the_login_it_was_made_for() {
    let demo = Demo::start();
    let (mut alice, mut bob) = (demo.browser(), demo.browser());
    reach_code(&mut alice, ALICE).await;
    let bobs_page = reach_code(&mut bob, BOB).await;
    let alices_code = demo.newest_code(ALICE.2).await;
    if alices_code != demo.newest_code(BOB.2).await {
        let seen = type_refused_code(&mut bob, &bobs_page, &alices_code).await;
        assert!(seen.body.contains(&attempts_left(4)), "{}", seen.body);
    }
    // A new login replaces the older challenge; its code opens nothing any more.
    let page = reach_code(&mut alice, ALICE).await;
    if alices_code != demo.newest_code(ALICE.2).await {
        let seen = type_refused_code(&mut alice, &page, &alices_code).await;
        assert!(seen.body.contains(&attempts_left(4)), "{}", seen.body);
    }
}

#[tokio::test]
async fn a_lost_or_made_up_cookie_leads_back_to_the_login_page() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let page = reach_code(&mut browser, ALICE).await;
    let mut fresh = demo.browser();
    let seen = fresh.get(FACTOR).await.expect("a page");
    assert!(seen.status == 401 && seen.body.contains("/_mfa/login"), "{}", seen.body);
    let posted = type_code(&mut fresh, &page, "123456").await;
    assert_eq!(posted.status, 401);
    fresh.set_cookie("__Host-mfa_login", "AAAA");
    assert_eq!(fresh.get(FACTOR).await.expect("a page").status, 401);
    fresh.set_cookie("__Host-mfa_session", &"A".repeat(43));
    assert_eq!(fresh.get("/").await.expect("an answer").status, 303);
}

#[tokio::test]
async fn the_password_alone_opens_nothing() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    reach_code(&mut browser, ALICE).await;
    for path in ["/", "/admin/", "/echo/x", "/_mfa/account"] {
        let seen = browser.get(path).await.expect("an answer");
        assert_eq!(seen.status, 303, "{path}");
    }
    // Nor does the pending cookie under the session's name.
    let pending = browser.cookie("__Host-mfa_login").expect("a cookie").to_owned();
    browser.set_cookie("__Host-mfa_session", &pending);
    assert_eq!(browser.get("/").await.expect("an answer").status, 303);
}

#[tokio::test]
async fn forms_from_elsewhere_change_nothing() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let page = reach_code(&mut browser, ALICE).await;
    let code = demo.newest_code(ALICE.2).await;
    let foreign =
        browser.post_from("https://evil.example", &page, FACTOR, &[("code", &code)]).await;
    assert_eq!(foreign.expect("an answer").status, 403);
    let mut other = demo.browser();
    let others_page = reach_code(&mut other, BOB).await;
    let unbound = browser.post(&others_page, FACTOR, &[("code", &code)]).await.expect("an answer");
    assert_eq!(unbound.status, 403);
    let twice =
        browser.post(&page, FACTOR, &[("code", &code), ("code", &code)]).await.expect("an answer");
    assert_eq!(twice.status, 400);
    assert_eq!(
        type_code(&mut browser, &page, &code).await.status,
        303,
        "a refused form cost the code"
    );
}

#[tokio::test]
async fn a_resend_waits_for_its_time_and_gives_no_attempts_back() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let page = reach_code(&mut browser, ALICE).await;
    let code = demo.newest_code(ALICE.2).await;
    let page = type_refused_code(&mut browser, &page, &another(&code)).await;
    let resend = [("action", "resend")];
    let seen = browser.post_and_follow(&page, ACTION, &resend).await.expect("a page");
    assert!(seen.body.contains("You can send it again in"), "{}", seen.body);
    assert_eq!(demo.inbox(ALICE.2).await.len(), 1);
    let seen = type_refused_code(&mut browser, &seen, &another(&code)).await;
    assert!(seen.body.contains(&attempts_left(3)), "{}", seen.body);
}

/// The rejection stays for a reload, which posts nothing: neither an attempt nor a message.
#[tokio::test]
async fn a_reload_after_a_wrong_code_spends_no_attempt() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let page = reach_code(&mut browser, ALICE).await;
    let code = demo.newest_code(ALICE.2).await;
    let mut page = type_refused_code(&mut browser, &page, &another(&code)).await;
    for _ in 0..10 {
        assert!(page.body.contains(&attempts_left(4)), "{}", page.body);
        page = browser.get(FACTOR).await.expect("a page");
        assert_eq!(page.status, 200);
    }
    assert_eq!(demo.inbox(ALICE.2).await.len(), 1);
    assert_eq!(type_code(&mut browser, &page, &code).await.status, 303);
    assert_eq!(browser.get("/").await.expect("a page").status, 200);
}

/// What a login page has to tell is told once, and not on a later page to another person.
#[tokio::test]
async fn a_refused_login_is_not_shown_after_another_page() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    log_in(&demo, &mut browser, ALICE).await;
    let mut other_tab = demo.browser();
    let page = other_tab.get(LOGIN).await.expect("a page");
    for (name, value) in other_tab.cookies() {
        browser.set_cookie(name, value);
    }
    let fields = [("username", "mallory"), ("password", "wrong-password")];
    assert_eq!(browser.post(&page, LOGIN, &fields).await.expect("an answer").status, 303);
    assert!(browser.cookie("__Host-mfa_flash").is_some());
    // With a session the login page leads on: it has nothing to show, and forgets it all the same.
    assert_eq!(browser.get(LOGIN).await.expect("an answer").location.as_deref(), Some("/"));
    assert!(browser.cookie("__Host-mfa_flash").is_none());
}

/// A page of ours always names its factor.
#[tokio::test]
async fn a_code_without_its_factor_is_refused_and_costs_no_attempt() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let page = reach_code(&mut browser, ALICE).await;
    let code = demo.newest_code(ALICE.2).await;
    for factor in ["name=\"other\" value=\"sms-otp\"", "name=\"factor\" value=\"SMS OTP\""] {
        let mut made_up = browser.get(FACTOR).await.expect("a page");
        made_up.body = made_up.body.replace("name=\"factor\" value=\"sms-otp\"", factor);
        for _ in 0..6 {
            assert_eq!(type_code(&mut browser, &made_up, &another(&code)).await.status, 400);
        }
    }
    assert_eq!(type_code(&mut browser, &page, &code).await.status, 303);
    assert_eq!(browser.get("/").await.expect("a page").status, 200);
}

/// An answer is meant for the factor of its page, whichever one is due by now.
#[tokio::test]
async fn a_code_posted_for_another_factor_is_not_an_attempt() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let mut page = reach_code(&mut browser, ALICE).await;
    let code = demo.newest_code(ALICE.2).await;
    page.body = page.body.replace("value=\"sms-otp\"", "value=\"totp\"");
    for _ in 0..6 {
        type_refused_code(&mut browser, &page, &another(&code)).await;
    }
    let page = browser.get(FACTOR).await.expect("a page");
    let page = type_refused_code(&mut browser, &page, &another(&code)).await;
    assert!(page.body.contains(&attempts_left(4)), "{}", page.body);
}

#[tokio::test]
async fn a_reload_and_a_step_back_send_nothing() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    reach_code(&mut browser, ALICE).await;
    for path in [FACTOR, ACTION, "/_mfa/factor/cancel", FACTOR, LOGIN] {
        let seen = browser.get(path).await.expect("an answer");
        assert!(seen.status == 200 || seen.status == 303, "{path}: {}", seen.status);
    }
    assert_eq!(demo.inbox(ALICE.2).await.len(), 1);
}

#[tokio::test]
async fn logging_out_ends_the_session_for_every_copy_of_its_cookie() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    log_in(&demo, &mut browser, ALICE).await;
    let mut copy = browser.clone();
    assert_eq!(copy.get("/").await.expect("a page").status, 200);
    let page = browser.get("/_mfa/logout").await.expect("a page");
    let out = browser.post(&page, "/_mfa/logout", &[]).await.expect("an answer");
    assert_eq!(out.status, 303);
    assert_eq!(copy.get("/").await.expect("an answer").status, 303);
}

#[tokio::test]
async fn a_new_login_replaces_the_browsers_older_session() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    log_in(&demo, &mut browser, ALICE).await;
    let mut older = browser.clone();
    // A login page for somebody who is logged in leads on; a post of it still works.
    let mut fresh = demo.browser();
    let page = fresh.get(LOGIN).await.expect("a page");
    for (name, value) in fresh.cookies() {
        browser.set_cookie(name, value);
    }
    let fields = [("username", BOB.0), ("password", BOB.1)];
    let sent = browser.post(&page, LOGIN, &fields).await.expect("an answer");
    assert_eq!(sent.status, 303);
    let page = browser.get(FACTOR).await.expect("a page");
    let code = demo.newest_code(BOB.2).await;
    assert_eq!(type_code(&mut browser, &page, &code).await.status, 303);
    assert!(browser.get("/").await.expect("a page").body.contains("bob"));
    assert_eq!(
        older.get("/").await.expect("an answer").status,
        303,
        "the older session is still good"
    );
}

/// Strangers behind the same address use up its attempts.
#[tokio::test]
async fn a_known_browser_gets_in_while_strangers_guess() {
    let demo = Demo::start();
    let mut known = demo.browser();
    let page = reach_code(&mut known, ALICE).await;
    assert_eq!(known.cookie("__Host-mfa_known"), None, "not before the second factor");
    let code = demo.newest_code(ALICE.2).await;
    let done = type_code(&mut known, &page, &code).await;
    let lines = done.headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
    let [line] = lines.filter(|line| line.starts_with("__Host-mfa_known=")).collect::<Vec<_>>()[..]
    else {
        panic!("one cookie")
    };
    assert!(line.ends_with("; Max-Age=2592000; Path=/; Secure; HttpOnly; SameSite=Lax"), "{line}");
    let account = known.get("/_mfa/account").await.expect("a page");
    known.post(&account, "/_mfa/logout", &[]).await.expect("an answer");
    assert!(known.cookie("__Host-mfa_known").is_some(), "it outlives the logout");

    for _ in 0..10 {
        send_password(&mut demo.browser(), ALICE.0, "wrong-password").await;
    }
    let stranger = send_password(&mut demo.browser(), ALICE.0, ALICE.1).await;
    assert_eq!(stranger.location.as_deref(), Some(LOGIN));
    let owner = send_password(&mut known, ALICE.0, ALICE.1).await;
    assert_eq!(owner.location.as_deref(), Some(FACTOR));
}

#[tokio::test]
async fn pages_speak_the_readers_language() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let english = browser.get(LOGIN).await.expect("a page");
    assert!(
        english.body.contains("<html lang=\"en\">") && english.header("content-language") == "en"
    );
    let japanese = browser.get("/_mfa/login?lang=ja").await.expect("a page");
    assert!(japanese.body.contains("<html lang=\"ja\">"));
    let kept = browser.get(LOGIN).await.expect("a page");
    assert!(kept.body.contains("<html lang=\"ja\">"), "the switch is forgotten");
}

#[tokio::test]
async fn every_page_of_ours_carries_the_headers_that_protect_it() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    for path in [LOGIN, FACTOR, "/_mfa/nothing", "/_mfa/account"] {
        let seen = browser.get(path).await.expect("an answer");
        assert_eq!(seen.header("cache-control"), "no-store", "{path}");
        if seen.status == 303 {
            continue;
        }
        let policy = seen.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{path}: {policy}"
        );
        assert_eq!(seen.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(seen.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(seen.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert!(!header_names(&seen).iter().any(|name| name == "server" || name == "x-powered-by"));
    }
}

#[tokio::test]
async fn a_limit_on_passwords_that_is_reached_is_counted_and_logged() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    for _ in 0..11 {
        send_password(&mut browser, ALICE.0, "a wrong password").await;
    }
    let (_, metrics) = demo.ops("/metrics").await;
    let count = "mfa_password_limits_reached_total{limit=\"user_and_address\"} 1\n";
    assert!(metrics.contains(count), "{metrics}");
    let (_, log) = demo.process.terminate();
    let lines: Vec<&str> =
        log.lines().filter(|line| line.contains("a limit on passwords was reached")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("\"limit\":\"user_and_address\""), "{}", lines[0]);
}
