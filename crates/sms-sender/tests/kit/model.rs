//! A provider in memory, and a sender for it that can have a fault.

use std::{
    collections::HashSet,
    fmt,
    future::pending,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use sms_sender::{
    DeliveryStatus, LookUp, LookUpError, OutgoingSms, Reference, RefusedReason, SmsAccepted,
    SmsError, SmsOutcome, SmsReport, SmsSender, TextLimit,
    sender_kit::{ProviderMode, TakenSms},
};
use tokio::time::timeout;

pub(crate) const TOKEN: &str = "token-of-the-model";
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Provider(Mutex<Taken>);

#[derive(Debug)]
struct Taken {
    mode: ProviderMode,
    requests: usize,
    messages: usize,
    references: HashSet<Reference>,
    last: Option<TakenSms>,
}

impl Default for Provider {
    fn default() -> Self {
        Self(Mutex::new(Taken {
            mode: ProviderMode::Accepting,
            requests: 0,
            messages: 0,
            references: HashSet::new(),
            last: None,
        }))
    }
}

impl Provider {
    pub(crate) fn set_mode(&self, mode: ProviderMode) {
        self.0.lock().unwrap().mode = mode;
    }

    pub(crate) fn requests(&self) -> usize {
        self.0.lock().unwrap().requests
    }

    pub(crate) fn messages(&self) -> usize {
        self.0.lock().unwrap().messages
    }

    fn is_failing(&self) -> bool {
        self.0.lock().unwrap().mode == ProviderMode::FailingAfterTaking
    }

    pub(crate) fn last_message(&self) -> Option<TakenSms> {
        self.0.lock().unwrap().last.clone()
    }

    /// Handles one request: the response, or the way in which the connection failed.
    async fn request(
        &self,
        reference: Option<&Reference>,
        sms: TakenSms,
    ) -> Result<Response, Broken> {
        let status = |status| Ok(Response { status, is_readable: true });
        let mode = {
            let mut taken = self.0.lock().unwrap();
            if taken.mode == ProviderMode::Down {
                return Err(Broken::NotConnected);
            }
            taken.requests += 1;
            match taken.mode {
                ProviderMode::Refusing => return status(422),
                ProviderMode::RateLimiting => return status(429),
                _ => {}
            }
            taken.messages += 1;
            taken.references.extend(reference.cloned());
            taken.last = Some(sms);
            taken.mode
        };
        match mode {
            ProviderMode::FailingAfterTaking => status(500),
            ProviderMode::Garbled => Ok(Response { status: 200, is_readable: false }),
            ProviderMode::Losing => Err(Broken::Interrupted),
            ProviderMode::Stalling => pending().await,
            _ => status(200),
        }
    }

    async fn find(&self, reference: &Reference) -> Result<bool, Broken> {
        let mode = self.0.lock().unwrap().mode;
        match mode {
            ProviderMode::Down => Err(Broken::NotConnected),
            ProviderMode::FailingAfterTaking | ProviderMode::Garbled => Err(Broken::Interrupted),
            ProviderMode::Stalling => pending().await,
            _ => Ok(self.0.lock().unwrap().references.contains(reference)),
        }
    }
}

#[derive(Debug)]
struct Response {
    status: u16,
    is_readable: bool,
}

#[derive(Debug)]
enum Broken {
    Interrupted,
    NotConnected,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    CallsFailedNotSent,
    CallsLimitNotSent,
    CallsLostNotSent,
    ClaimsTooMuch,
    CountsCharacters,
    CountsLineBreaksOnce,
    EscapesText,
    ForgetsReference,
    IgnoresDeadline,
    LooksUpOneByOne,
    NeverGivesUp,
    NeverLooksUpInTime,
    PassesOnAnyText,
    PassesOnControls,
    RefusesLineBreaks,
    RepeatsFailed,
    RepeatsLost,
    SendsElsewhere,
    SendsFirstLine,
    SendsOneByOne,
    ShowsNumber,
    ShowsText,
    ShowsToken,
    TakesAbsenceForGranted,
    TakesAnyResponse,
    TakesAnySuccess,
    TakesSilenceForAbsence,
    TrimsText,
}

impl Fault {
    /// Each fault with the clause that it breaks.
    pub(crate) const ALL: [(Self, u8); 28] = [
        (Self::RepeatsFailed, 1),
        (Self::RepeatsLost, 1),
        (Self::TakesAnyResponse, 2),
        (Self::TakesAnySuccess, 2),
        (Self::CallsFailedNotSent, 3),
        (Self::CallsLimitNotSent, 3),
        (Self::CallsLostNotSent, 3),
        (Self::LooksUpOneByOne, 4),
        (Self::NeverGivesUp, 4),
        (Self::NeverLooksUpInTime, 4),
        (Self::SendsOneByOne, 4),
        (Self::IgnoresDeadline, 5),
        (Self::ForgetsReference, 6),
        (Self::TakesAbsenceForGranted, 6),
        (Self::TakesSilenceForAbsence, 6),
        (Self::ShowsNumber, 7),
        (Self::ShowsText, 7),
        (Self::ShowsToken, 7),
        (Self::ClaimsTooMuch, 8),
        (Self::CountsCharacters, 8),
        (Self::CountsLineBreaksOnce, 8),
        (Self::PassesOnAnyText, 8),
        (Self::PassesOnControls, 8),
        (Self::RefusesLineBreaks, 8),
        (Self::EscapesText, 9),
        (Self::SendsElsewhere, 9),
        (Self::SendsFirstLine, 9),
        (Self::TrimsText, 9),
    ];
}

pub(crate) struct Model {
    provider: Arc<Provider>,
    fault: Option<Fault>,
    limit: TextLimit,
    one_by_one: tokio::sync::Mutex<()>,
}

impl Model {
    pub(crate) fn new(provider: Arc<Provider>, fault: Option<Fault>) -> Self {
        let limit = TextLimit::new(70, 1);
        let limit = match fault {
            Some(Fault::CountsCharacters) => limit,
            _ => limit.with_line_break(2).with_basic_plane_only(),
        };
        Self { provider, fault, limit, one_by_one: tokio::sync::Mutex::default() }
    }

    /// Sets the text limit.
    pub(crate) fn with_limit(mut self, limit: TextLimit) -> Self {
        self.limit = limit;
        self
    }

    /// What the provider gets.
    fn taken(&self, sms: &OutgoingSms) -> TakenSms {
        let elsewhere = || "+819000000000".parse().unwrap();
        let to = if self.has(Fault::SendsElsewhere) { elsewhere() } else { sms.to().clone() };
        let text = sms.expose_text();
        let first_line = || text.lines().next().unwrap_or_default().to_owned();
        let text = match self.fault {
            Some(Fault::EscapesText) => text.replace('&', "&amp;"),
            Some(Fault::SendsFirstLine) => first_line(),
            Some(Fault::TrimsText) => text.trim().to_owned(),
            _ => text.to_owned(),
        };
        TakenSms::new(to, text)
    }

    fn fits(&self, sms: &OutgoingSms) -> bool {
        let text = sms.expose_text();
        let is_short = || text.chars().count() <= 70;
        let is_bmp = || text.chars().all(|c| c.len_utf16() == 1);
        match self.fault {
            Some(Fault::CountsCharacters) => sms.fits(TextLimit::new(140, 1)) && is_short(),
            Some(Fault::CountsLineBreaksOnce) => {
                sms.fits(TextLimit::new(70, 1).with_basic_plane_only())
            }
            Some(Fault::PassesOnAnyText) => true,
            Some(Fault::PassesOnControls) => is_bmp() && self.limit.split(text).is_ok(),
            Some(Fault::RefusesLineBreaks) => {
                sms.fits(self.limit) && text.matches('\n').count() < 9
            }
            _ => sms.fits(self.limit),
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    async fn attempt(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        let reference = (!self.has(Fault::ForgetsReference)).then(|| sms.reference());
        let _turn =
            if self.has(Fault::SendsOneByOne) { Some(self.one_by_one.lock().await) } else { None };
        let response = self.provider.request(reference, self.taken(sms));
        let limit = if self.has(Fault::NeverGivesUp) { Duration::MAX } else { TIMEOUT };
        let response = timeout(limit, response).await.unwrap_or(Err(Broken::Interrupted));
        let cause = if self.has(Fault::ShowsNumber) {
            format!("cannot send to {}", sms.to().as_e164())
        } else if self.has(Fault::ShowsText) {
            format!("cannot send {}", sms.expose_text())
        } else {
            "cannot send".to_owned()
        };
        match response {
            Ok(_) if self.has(Fault::TakesAnyResponse) => {
                Ok(SmsOutcome::Accepted(SmsAccepted::default()))
            }
            Ok(Response { status: 200, is_readable })
                if is_readable || self.has(Fault::TakesAnySuccess) =>
            {
                Ok(SmsOutcome::Accepted(SmsAccepted::default()))
            }
            Ok(Response { status: 422, .. }) => Ok(SmsOutcome::Refused(RefusedReason::Message)),
            Ok(Response { status: 429, .. }) if self.has(Fault::CallsLimitNotSent) => {
                Err(SmsError::not_sent(cause))
            }
            Ok(Response { status: 429, .. }) => Err(SmsError::rate_limited(cause)),
            Ok(Response { status: 500, .. }) if self.has(Fault::CallsFailedNotSent) => {
                Err(SmsError::not_sent(cause))
            }
            Err(Broken::NotConnected) => Err(SmsError::not_sent(cause)),
            Err(Broken::Interrupted) if self.has(Fault::CallsLostNotSent) => {
                Err(SmsError::not_sent(cause))
            }
            Ok(_) | Err(Broken::Interrupted) => Err(SmsError::unknown(cause)),
        }
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = if self.has(Fault::ShowsToken) { TOKEN } else { ".." };
        write!(f, "Model({token})")
    }
}

#[async_trait]
impl SmsSender for Model {
    fn text_limit(&self) -> TextLimit {
        if self.has(Fault::ClaimsTooMuch) {
            return TextLimit::new(71, 1).with_line_break(2).with_basic_plane_only();
        }
        self.limit
    }

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        if sms.is_past_deadline() && !self.has(Fault::IgnoresDeadline) {
            return Err(SmsError::not_sent("the deadline has passed"));
        }
        if !self.fits(sms) {
            return Ok(SmsOutcome::Refused(RefusedReason::Message));
        }
        let sent = self.attempt(sms).await;
        match sent {
            Err(error) if self.has(Fault::RepeatsLost) && !error.is_not_sent() => {
                self.attempt(sms).await
            }
            Err(_) if self.has(Fault::RepeatsFailed) && self.provider.is_failing() => {
                self.attempt(sms).await
            }
            sent => sent,
        }
    }

    async fn look_up(&self, reference: &Reference, _: SystemTime) -> Result<LookUp, LookUpError> {
        let limit = if self.has(Fault::NeverLooksUpInTime) { Duration::MAX } else { TIMEOUT };
        let _turn = if self.has(Fault::LooksUpOneByOne) {
            Some(self.one_by_one.lock().await)
        } else {
            None
        };
        match timeout(limit, self.provider.find(reference)).await {
            Ok(Ok(true)) if self.has(Fault::TakesAbsenceForGranted) => Ok(LookUp::Absent),
            Ok(Ok(true)) => Ok(LookUp::Present(SmsReport::new(DeliveryStatus::Pending))),
            Ok(Ok(false)) => Ok(LookUp::Absent),
            _ if self.has(Fault::TakesSilenceForAbsence) => Ok(LookUp::Absent),
            _ => Err(LookUpError::new("no response")),
        }
    }
}
