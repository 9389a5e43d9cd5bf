//! A scripted user goes through the eleven steps, then through the usual problems.

use std::{fmt::Write as _, time::Duration};

use anyhow::{Context as _, ensure};
use auth_module::{AuditId, AuditQuery, AuditReader as _, LoginName, StoredAuditRecord};
use http::StatusCode;
use karaden_sim::{Api, InboxMessage};

use crate::{
    browser::{Browser, Seen},
    demo::Demo,
    output::print,
    timings::{Ended, Timings},
    users::{DemoUser, USERS},
};

const LOGIN: &str = "/_mfa/login";
const FACTOR: &str = "/_mfa/factor";

/// Runs the walk. Returns whether every step succeeded.
pub(crate) async fn walk(demo: &Demo, timings: &Timings) -> anyhow::Result<bool> {
    print(&format!(
        "A scripted user walks through the system: gateway {}, simulated Karaden {}.\n",
        demo.gateway_url, demo.simulator_url
    ))?;
    let [alice, bob] = USERS;
    let done = async {
        Walk::new(demo, timings, alice)?.eleven_steps().await?;
        Walk::new(demo, timings, bob)?.what_can_go_wrong().await
    };
    match done.await {
        Ok(()) => {
            print("\nEvery step succeeded.\n")?;
            Ok(true)
        }
        Err(error) => {
            print(&format!("\nFAILED: {error:#}\n"))?;
            Ok(false)
        }
    }
}

struct Walk<'d> {
    demo: &'d Demo,
    timings: &'d Timings,
    user: DemoUser,
    browser: Browser,
    last_audit: AuditId,
}

impl<'d> Walk<'d> {
    fn new(demo: &'d Demo, timings: &'d Timings, user: DemoUser) -> anyhow::Result<Self> {
        let browser = Browser::new(&demo.gateway_url)?;
        Ok(Self { demo, timings, user, browser, last_audit: AuditId(0) })
    }

    async fn eleven_steps(&mut self) -> anyhow::Result<()> {
        self.audit().await?;
        let asked = self.browser.get("/").await?;
        expect(&asked, StatusCode::SEE_OTHER)?;
        let page = self.browser.get(LOGIN).await?;
        expect(&page, StatusCode::OK)?;
        let messages = self.inbox().len();
        self.timings.take();
        let sent = self.log_in(&page).await?;
        let spent = self.timings.take();
        let trail = self.audit().await?;
        step(
            1,
            "The browser asks for the application and sends ID and password",
            asked.took + page.took,
        )?;
        line(&format!("GET /  ->  303 {}", asked.location.as_deref().unwrap_or_default()))?;
        line(&format!("GET {LOGIN}  ->  200"))?;
        line(&format!("POST {LOGIN} username={} password=********", self.user.username))?;
        let told = spent.time_in("verify_password") + spent.time_in("open_pending");
        step(2, "The controller tells the authentication module; SMS OTP is required next", told)?;
        events(&trail, &["password", "login"])?;
        self.code_is_sent(messages, &trail, &spent, &sent).await
    }

    async fn code_is_sent(
        &mut self,
        messages: usize,
        trail: &[StoredAuditRecord],
        spent: &Ended,
        sent: &Seen,
    ) -> anyhow::Result<()> {
        let message = self.new_message(messages)?;
        let (plugin, karaden) = (spent.time_in("plugin"), spent.time_in("karaden"));
        step(
            3,
            "The plugin opens a challenge in the OTP cache of the authentication module",
            plugin.saturating_sub(karaden),
        )?;
        line(
            "a random nonce, two counters and the end of the code's life; the code itself is stored nowhere",
        )?;
        step(4, "The plugin asks Karaden to text the code", karaden)?;
        line(&format!("to={} body={:?}", masked(&message.to), hide_digits(&message.body)))?;
        step(5, "Karaden answers with JSON (in the time of step 4)", Duration::ZERO)?;
        line(&match message.api {
            Api::Push => format!("{{\"messageId\":\"{}\",\"status\":\"100\"}}", message.id),
            Api::Sms => format!("{{\"id\":\"{}\",\"object\":\"message\",…}}", message.id),
        })?;
        expect(sent, StatusCode::SEE_OTHER)?;
        let page = self.browser.get(FACTOR).await?;
        expect(&page, StatusCode::OK)?;
        step(6, "Accepted: the browser gets the OTP page", page.took)?;
        events(trail, &["otp"])?;
        line(&format!(
            "POST {LOGIN}  ->  303 {} (cookies: {})",
            sent.location.as_deref().unwrap_or_default(),
            sent.cookie_names()
        ))?;
        line(&format!("GET {FACTOR}  ->  200"))?;
        let phone = Browser::new(&self.demo.simulator_url)?
            .get(&format!("/inbox.json?to={}", self.user.phone))
            .await?;
        expect(&phone, StatusCode::OK)?;
        step(7, "The user receives the text message", phone.took)?;
        line(&format!(
            "GET /inbox.json  ->  200, {} part(s), received at {}",
            message.parts,
            message.received_at.as_deref().unwrap_or("-")
        ))?;
        self.code_is_typed(&page, &code_in(&message)?).await
    }

    async fn code_is_typed(&mut self, page: &Seen, code: &str) -> anyhow::Result<()> {
        self.timings.take();
        let done = self.browser.post(page, FACTOR, &[("code", code)]).await?;
        expect(&done, StatusCode::SEE_OTHER)?;
        let (spent, trail) = (self.timings.take(), self.audit().await?);
        step(8, "The user types the code (the time is that of the whole answer)", done.took)?;
        line(&format!(
            "POST {FACTOR} code={}  ->  303 {} (cookies: {})",
            hide_digits(code),
            done.location.as_deref().unwrap_or_default(),
            done.cookie_names()
        ))?;
        step(
            9,
            "The plugin counts the attempt, compares, consumes: done",
            spent.time_in("plugin"),
        )?;
        events(&trail, &["otp"])?;
        let reported = spent.time_in("record_evidence") + spent.time_in("complete");
        step(10, "The controller reports the success to the authentication module", reported)?;
        events(&trail, &["factor", "login", "session"])?;
        let app = self.browser.get("/").await?;
        expect(&app, StatusCode::OK)?;
        ensure!(
            app.body.contains(self.user.username),
            "the application does not know who is logged in"
        );
        step(11, "Every factor is done: the browser reaches the application", app.took)?;
        line(&format!("GET /  ->  200, X-Mfa-User: {}, X-Mfa-Amr: pwd,otp,sms", self.user.username))
    }

    async fn what_can_go_wrong(&mut self) -> anyhow::Result<()> {
        heading("A wrong code")?;
        self.audit().await?;
        let (mut page, code) = self.start_login().await?;
        page = self.browser.post_and_follow(&page, FACTOR, &[("code", &wrong(&code))]).await?;
        ensure!(page.body.contains("is not correct"), "the page does not say what was wrong");
        result(
            &format!(
                "POST {FACTOR} code={}  ->  303, then the page shows the attempts left",
                hide_digits(&code)
            ),
            page.took,
        )?;
        heading("A resend")?;
        self.resend(page, &code).await?;
        heading("A step-up")?;
        self.step_up().await?;
        heading("A logout")?;
        self.log_out().await?;
        heading("A lockout")?;
        self.lock_out().await
    }

    /// Asks for a resend too early, moves the clock forward, and logs in with the resent code.
    async fn resend(&mut self, page: Seen, code: &str) -> anyhow::Result<()> {
        let messages = self.inbox().len();
        let path = "/_mfa/factor/action";
        let early = self.browser.post_and_follow(&page, path, &[("action", "resend")]).await?;
        ensure!(self.inbox().len() == messages, "a message was sent in spite of the cooldown");
        result(
            &format!("POST {path} action=resend  ->  303, too early, nothing sent"),
            early.took,
        )?;
        self.demo.clock.advance(Duration::from_secs(61));
        let again = self.browser.post_and_follow(&early, path, &[("action", "resend")]).await?;
        expect(&again, StatusCode::OK)?;
        let message = self.new_message(messages)?;
        ensure!(code_in(&message)? == code, "the resend carries another code");
        result(&format!("61 s later: POST {path}  ->  303, the same code once more"), again.took)?;
        let done = self.browser.post(&again, FACTOR, &[("code", code)]).await?;
        expect(&done, StatusCode::SEE_OTHER)?;
        result(&format!("POST {FACTOR} with that code  ->  303, logged in"), done.took)
    }

    /// Visits a page whose rule has a `max_age`, long after the login. Only the code is asked again.
    async fn step_up(&mut self) -> anyhow::Result<()> {
        let path = "/_mfa/step-up";
        self.demo.clock.advance(Duration::from_secs(11 * 60));
        let mut copy = self.browser.clone();
        let asked = self.browser.get("/admin/").await?;
        ensure!(
            asked.location.as_deref() == Some("/_mfa/step-up?return_to=%2Fadmin%2F"),
            "/admin/ does not lead to the step-up but to {:?}",
            asked.location
        );
        let messages = self.inbox().len();
        let page = self.browser.get("/_mfa/step-up?return_to=%2Fadmin%2F").await?;
        expect(&page, StatusCode::OK)?;
        ensure!(self.inbox().len() == messages, "a GET sent a message");
        result("11 minutes later: GET /admin/  ->  303 to a page that asks first", page.took)?;
        let posted = self.browser.post(&page, "/admin/form?a=1", &[]).await?;
        ensure!(
            posted.status == StatusCode::UNAUTHORIZED
                && posted.body.contains("\"/_mfa/step-up?return_to=%2Fadmin%2Fform\""),
            "a form of /admin/ does not lead to the step-up: {}",
            posted.status
        );
        let idle = self.browser.post(&page, path, &[("return_to", "/public/")]).await?;
        ensure!(idle.location.as_deref() == Some("/public/"), "it leads to {:?}", idle.location);
        ensure!(self.inbox().len() == messages, "a step-up that nothing asks for sent a message");
        let sent = self.browser.post(&page, path, &[("return_to", "/admin/")]).await?;
        ensure!(
            sent.location.as_deref() == Some(FACTOR),
            "the step-up leads to {:?}",
            sent.location
        );
        let page = self.browser.get(FACTOR).await?;
        let code = code_in(&self.new_message(messages)?)?;
        expect(&self.browser.get("/").await?, StatusCode::OK)?;
        result(&format!("POST {path}  ->  303, a code is sent; the session goes on"), sent.took)?;
        let done = self.browser.post_and_follow(&page, FACTOR, &[("code", &code)]).await?;
        expect(&done, StatusCode::OK)?;
        ensure!(done.body.contains(self.user.username), "the step-up does not end at /admin/");
        expect(&copy.get("/").await?, StatusCode::SEE_OTHER)?;
        result("the code  ->  /admin/, with a new cookie; the old one has ended", done.took)
    }

    /// Logs out. The session ends at once, for copies of its cookie too.
    async fn log_out(&mut self) -> anyhow::Result<()> {
        let mut thief = self.browser.clone();
        expect(&thief.get("/").await?, StatusCode::OK)?;
        let page = self.browser.get("/_mfa/logout").await?;
        let out = self.browser.post(&page, "/_mfa/logout", &[]).await?;
        expect(&out, StatusCode::SEE_OTHER)?;
        result("POST /_mfa/logout  ->  303", out.took)?;
        let stolen = thief.get("/").await?;
        expect(&stolen, StatusCode::SEE_OTHER)?;
        result("GET / with a copy of the old cookie  ->  303 to the login page", stolen.took)
    }

    /// Enters ten wrong codes in two logins. Then even the right code is refused.
    async fn lock_out(&mut self) -> anyhow::Result<()> {
        let mut tries = 0;
        let (page, code, seen) = loop {
            let (mut page, code) = self.start_login().await?;
            let mut seen;
            loop {
                let typed = wrong(&code);
                seen = self.browser.post_and_follow(&page, FACTOR, &[("code", &typed)]).await?;
                tries += 1;
                if !seen.has_form() {
                    break;
                }
                page = seen;
            }
            ensure!(tries <= 10, "{tries} wrong codes and no lockout");
            if tries == 10 {
                break (page, code, seen);
            }
        };
        result(
            &format!("10 wrong codes over two logins  ->  {}", seen.status.as_u16()),
            seen.took,
        )?;
        let right = self.browser.post_and_follow(&page, FACTOR, &[("code", &code)]).await?;
        ensure!(right.location.is_none(), "the right code was accepted during the lockout");
        let is_refused = right.status.is_client_error();
        ensure!(
            is_refused,
            "the response to the right code during the lockout was {}",
            right.status
        );
        result(&format!("the right code now  ->  {}, refused", right.status.as_u16()), right.took)
    }

    async fn start_login(&mut self) -> anyhow::Result<(Seen, String)> {
        let messages = self.inbox().len();
        let page = self.browser.get(LOGIN).await?;
        let sent = self.log_in(&page).await?;
        expect(&sent, StatusCode::SEE_OTHER)?;
        let page = self.browser.get(FACTOR).await?;
        expect(&page, StatusCode::OK)?;
        Ok((page, code_in(&self.new_message(messages)?)?))
    }

    async fn log_in(&mut self, page: &Seen) -> anyhow::Result<Seen> {
        let fields = [
            ("username", self.user.username),
            ("password", self.user.password),
            ("return_to", "/"),
        ];
        self.browser.post(page, LOGIN, &fields).await
    }

    fn inbox(&self) -> Vec<InboxMessage> {
        self.demo.simulator.inbox(Some(self.user.phone))
    }

    /// Returns the message that has arrived since the inbox had `before` of them.
    fn new_message(&self, before: usize) -> anyhow::Result<InboxMessage> {
        let messages = self.inbox();
        ensure!(
            messages.len() == before + 1,
            "{} new messages instead of one",
            messages.len() - before
        );
        messages.into_iter().next().context("no message")
    }

    /// Returns the audit records of the user since the last call.
    async fn audit(&mut self) -> anyhow::Result<Vec<StoredAuditRecord>> {
        let gateway = &self.demo.gateway;
        let name = LoginName::parse(self.user.username)?;
        let user = gateway.auth().find_user(&name).await?.context("the demo's user is gone")?;
        let mut query = AuditQuery::new(1000);
        query.user_id = Some(user.id);
        let mut records = gateway.database().audit_reader().search(&query).await?;
        records.retain(|record| record.id > self.last_audit);
        self.last_audit = records.first().map_or(self.last_audit, |record| record.id);
        records.reverse();
        Ok(records)
    }
}

fn expect(seen: &Seen, status: StatusCode) -> anyhow::Result<()> {
    ensure!(seen.status == status, "answered with {} instead of {status}", seen.status);
    Ok(())
}

fn heading(title: &str) -> anyhow::Result<()> {
    print(&format!("\n{title}\n"))
}

fn step(number: u8, title: &str, took: Duration) -> anyhow::Result<()> {
    let mut text = format!("\n{number:>2}. {title}");
    if !took.is_zero() {
        write!(text, "  [{}]", milliseconds(took))?;
    }
    print(&format!("{text}\n"))
}

fn line(text: &str) -> anyhow::Result<()> {
    print(&format!("      {text}\n"))
}

fn result(text: &str, took: Duration) -> anyhow::Result<()> {
    line(&format!("{text}  [{}]", milliseconds(took)))
}

fn milliseconds(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1000.0)
}

/// Prints the audit records whose event starts with one of `areas`.
fn events(trail: &[StoredAuditRecord], areas: &[&str]) -> anyhow::Result<()> {
    for record in trail {
        if areas.iter().any(|area| record.event.starts_with(area)) {
            let fields = serde_json::to_string(&record.fields)?;
            line(&format!("audit: {} {fields}", record.event))?;
        }
    }
    Ok(())
}

/// Returns the code in the message's last line (`@host #code`).
fn code_in(message: &InboxMessage) -> anyhow::Result<String> {
    let (_, code) =
        message.body.rsplit_once('#').context("the message has no last line for browsers")?;
    Ok(code.trim().to_owned())
}

fn wrong(code: &str) -> String {
    code.chars().map(|c| if c == '9' { '0' } else { char::from(c as u8 + 1) }).collect()
}

fn hide_digits(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_digit() { '*' } else { c }).collect()
}

fn masked(number: &str) -> String {
    let shown = number.get(number.len().saturating_sub(4)..).unwrap_or_default();
    format!("*******{shown}")
}
