//! A program adds a factor of its own to the gateway, and the gateway's code knows nothing of it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use async_trait::async_trait;
use mfa_demo::{Browser, Seen};
use mfa_gateway::{builder::GatewayBuilder, running::Running, time::SystemClock};
use mfa_pages::Language;
use mfa_plugin_api::{
    ActionId, AuthenticationMethod, Ceremony, Descriptor, Evidence, FactorId, Field, FieldKind,
    FlowContext, LiveStatus, Message, MfaPlugin, PluginError, PluginState, Prompt, Rejection,
    RejectionKind, Reply, Step, Submission,
};
use tokio::sync::Notify;

use crate::common::{PASSWORD, Ports, add, config, user};

/// Asks for a passkey, or for an approval elsewhere.
#[derive(Debug)]
struct Doorbell {
    descriptor: Descriptor,
    is_approved: AtomicBool,
    rung: Notify,
}

impl Doorbell {
    fn new() -> Arc<Self> {
        let descriptor = Descriptor::new(FactorId::from_static("doorbell"));
        Arc::new(Self { descriptor, is_approved: AtomicBool::new(false), rung: Notify::new() })
    }

    fn approve(&self) {
        self.is_approved.store(true, SeqCst);
        // Kept until the stream waits, if it does not wait yet.
        self.rung.notify_one();
    }

    fn prompt() -> Prompt {
        let options = r#"{"challenge":"q0Jb"}"#.to_owned();
        let kind = FieldKind::WebAuthn { ceremony: Ceremony::Get, options };
        let field = Field::new("passkey", kind, Message::new("doorbell-label"));
        Prompt::new(Message::new("doorbell-title")).with_field(field)
    }

    fn ask(prompt: Prompt) -> Reply {
        Reply::new(Step::Prompt(prompt)).with_state(PluginState::from_bytes("asked"))
    }

    fn done(context: &FlowContext<'_>) -> Step {
        Step::Done(Evidence::new([AuthenticationMethod::HWK], context.now))
    }
}

#[async_trait]
impl MfaPlugin for Doorbell {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn begin(&self, _: &FlowContext<'_>) -> Result<Reply, PluginError> {
        Ok(Self::ask(Self::prompt()))
    }

    async fn submit(
        &self,
        context: &FlowContext<'_>,
        typed: &Submission,
    ) -> Result<Reply, PluginError> {
        if typed.value("passkey") == Some(r#"{"id":"key-1"}"#) {
            return Ok(Reply::new(Self::done(context)));
        }
        let wrong = Rejection::new(RejectionKind::Wrong, Message::new("doorbell-wrong"));
        Ok(Self::ask(Self::prompt().with_rejection(wrong.with_field("passkey"))))
    }

    async fn action(&self, context: &FlowContext<'_>, _: &ActionId) -> Result<Reply, PluginError> {
        self.begin(context).await
    }

    async fn status(&self, context: &FlowContext<'_>) -> Result<Option<Step>, PluginError> {
        if self.is_approved.swap(false, SeqCst) {
            return Ok(Some(Self::done(context)));
        }
        Ok(context.state.map(|_| Step::Prompt(Self::prompt())))
    }

    fn live_status(&self) -> Option<&dyn LiveStatus> {
        Some(self)
    }
}

#[async_trait]
impl LiveStatus for Doorbell {
    async fn changed(&self, _: &FlowContext<'_>, _: &Prompt) -> Result<(), PluginError> {
        self.rung.notified().await;
        Ok(())
    }
}

const RULES: &str = r#"
[application]
url = "http://127.0.0.1:1"

[[rule]]
path = "/"
factors = ["password", "doorbell"]
"#;

const TEXTS: &str =
    "doorbell-title = Ring the bell\ndoorbell-label = Your key\ndoorbell-wrong = Not this key\n";

/// A gateway with the added factor, and a user.
struct World {
    gateway: Running,
    bell: Arc<Doorbell>,
    browser: Browser,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ports = Ports::free().await;
        let origin = ports.origin.clone();
        let config = config(folder.path(), &origin, RULES);
        let bell = Doorbell::new();
        let builder = GatewayBuilder::new(&config)
            .with_factor(Arc::clone(&bell) as _)
            .with_texts(Language::En, TEXTS);
        let gateway = ports.start(builder, Arc::new(SystemClock)).await;
        add(&gateway, user("alice"), &SystemClock).await;
        let browser = Browser::new(&origin).expect("a client");
        Self { gateway, bell, browser, _folder: folder }
    }

    /// Sends the password, and returns the page of the added factor.
    async fn reach_factor(&mut self) -> Seen {
        let page = self.browser.get("/_mfa/login").await.expect("a page");
        let fields = [("username", "alice"), ("password", PASSWORD)];
        self.browser.post_and_follow(&page, "/_mfa/login", &fields).await.expect("a page")
    }

    fn is_signed_in(&self) -> bool {
        self.browser.cookies().keys().any(|name| name.contains("session"))
    }
}

#[tokio::test]
async fn an_added_factor_asks_in_its_own_words_and_opens_the_session() {
    let mut world = World::start().await;
    let page = world.reach_factor().await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<h1>Ring the bell</h1>"), "{}", page.body);
    assert!(page.body.contains("data-webauthn=\"get\""), "{}", page.body);
    let policy = page.header("permissions-policy");
    assert!(policy.contains("publickey-credentials-get=(self)"), "{policy}");

    let wrong = [("passkey", "{}")];
    let page = world.browser.post_and_follow(&page, "/_mfa/factor", &wrong).await.expect("a page");
    assert!(page.body.contains("Not this key"), "{}", page.body);
    assert!(!world.is_signed_in(), "{:?}", world.browser.cookies());
    let right = [("passkey", r#"{"id":"key-1"}"#)];
    let seen = world.browser.post(&page, "/_mfa/factor", &right).await.expect("a response");
    assert_eq!(seen.status, 303);
    assert!(world.is_signed_in(), "{:?}", world.browser.cookies());
    world.gateway.shut_down_at_once().await.expect("in time");
}

#[tokio::test]
async fn an_approval_elsewhere_moves_the_open_page_on_and_the_reload_opens_the_session() {
    let mut world = World::start().await;
    world.reach_factor().await;
    let mut page = world.browser.clone();
    let stream = tokio::spawn(async move { page.get("/_mfa/factor/events").await });
    world.bell.approve();
    let events = stream.await.expect("no panic").expect("a stream that ends");
    assert!(events.body.ends_with("event: moved\ndata: {}\n\n"), "{}", events.body);
    assert_eq!(events.cookie_names(), "", "a stream sets no cookie");
    let seen = world.browser.get("/_mfa/factor").await.expect("a response");
    assert_eq!((seen.status.as_u16(), seen.location.as_deref()), (303, Some("/")));
    assert!(world.is_signed_in(), "{:?}", world.browser.cookies());
    world.gateway.shut_down_at_once().await.expect("in time");
}

#[tokio::test]
async fn a_factor_that_is_added_twice_or_not_at_all_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path(), "http://127.0.0.1:2", RULES);
    let said = |builder: GatewayBuilder<'_>| builder.check().expect_err("refused").to_string();
    let absent = said(GatewayBuilder::new(&config));
    assert!(absent.contains("\"doorbell\", which no plugin provides"), "{absent}");
    let with_one = GatewayBuilder::new(&config).with_factor(Doorbell::new());
    with_one.check().expect("complete");
    let twice = said(with_one.clone().with_factor(Doorbell::new()));
    assert!(twice.contains("doorbell has another plugin already"), "{twice}");
    let unreadable = said(with_one.with_texts(Language::En, "no text"));
    assert!(unreadable.contains("the added texts in en"), "{unreadable}");
}
