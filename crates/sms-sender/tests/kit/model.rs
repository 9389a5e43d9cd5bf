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
    SmsError, SmsOutcome, SmsReport, SmsSender, TextLimit, sender_kit::ProviderMode,
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
}

impl Default for Provider {
    fn default() -> Self {
        Self(Mutex::new(Taken {
            mode: ProviderMode::Accepting,
            requests: 0,
            messages: 0,
            references: HashSet::new(),
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

    /// Handles one request: the HTTP status, or the way in which the connection failed.
    async fn request(&self, reference: Option<&Reference>) -> Result<u16, Broken> {
        let mode = {
            let mut taken = self.0.lock().unwrap();
            if taken.mode == ProviderMode::Down {
                return Err(Broken::NotConnected);
            }
            taken.requests += 1;
            match taken.mode {
                ProviderMode::Refusing => return Ok(422),
                ProviderMode::RateLimiting => return Ok(429),
                _ => {}
            }
            taken.messages += 1;
            taken.references.extend(reference.cloned());
            taken.mode
        };
        match mode {
            ProviderMode::Losing => Err(Broken::Interrupted),
            ProviderMode::Stalling => pending().await,
            _ => Ok(200),
        }
    }

    async fn find(&self, reference: &Reference) -> Result<bool, Broken> {
        let mode = self.0.lock().unwrap().mode;
        match mode {
            ProviderMode::Down => Err(Broken::NotConnected),
            ProviderMode::Stalling => pending().await,
            _ => Ok(self.0.lock().unwrap().references.contains(reference)),
        }
    }
}

#[derive(Debug)]
enum Broken {
    Interrupted,
    NotConnected,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    CallsLostNotSent,
    ClaimsTooMuch,
    ForgetsReference,
    IgnoresDeadline,
    NeverGivesUp,
    NeverLooksUpInTime,
    PassesOnAnyText,
    RepeatsLost,
    ShowsNumber,
    ShowsText,
    ShowsToken,
    TakesAbsenceForGranted,
    TakesAnyResponse,
}

impl Fault {
    /// Each fault with the clause that it breaks.
    pub(crate) const ALL: [(Self, u8); 13] = [
        (Self::RepeatsLost, 1),
        (Self::TakesAnyResponse, 2),
        (Self::CallsLostNotSent, 3),
        (Self::NeverGivesUp, 4),
        (Self::NeverLooksUpInTime, 4),
        (Self::IgnoresDeadline, 5),
        (Self::ForgetsReference, 6),
        (Self::TakesAbsenceForGranted, 6),
        (Self::ShowsNumber, 7),
        (Self::ShowsText, 7),
        (Self::ShowsToken, 7),
        (Self::ClaimsTooMuch, 8),
        (Self::PassesOnAnyText, 8),
    ];
}

pub(crate) struct Model {
    provider: Arc<Provider>,
    fault: Option<Fault>,
}

impl Model {
    pub(crate) fn new(provider: Arc<Provider>, fault: Option<Fault>) -> Self {
        Self { provider, fault }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    async fn attempt(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        let reference = (!self.has(Fault::ForgetsReference)).then(|| sms.reference());
        let response = self.provider.request(reference);
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
            Ok(200) => Ok(SmsOutcome::Accepted(SmsAccepted::default())),
            Ok(_) if self.has(Fault::TakesAnyResponse) => {
                Ok(SmsOutcome::Accepted(SmsAccepted::default()))
            }
            Ok(429) => Err(SmsError::rate_limited(cause)),
            Ok(_) => Ok(SmsOutcome::Refused(RefusedReason::Message)),
            Err(Broken::NotConnected) => Err(SmsError::not_sent(cause)),
            Err(Broken::Interrupted) if self.has(Fault::CallsLostNotSent) => {
                Err(SmsError::not_sent(cause))
            }
            Err(Broken::Interrupted) => Err(SmsError::unknown(cause)),
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
        let said = if self.has(Fault::ClaimsTooMuch) { 71 } else { 70 };
        TextLimit::new(said, 1).with_basic_plane_only()
    }

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        if sms.is_past_deadline() && !self.has(Fault::IgnoresDeadline) {
            return Err(SmsError::not_sent("the deadline has passed"));
        }
        if !sms.fits(TextLimit::new(70, 1).with_basic_plane_only())
            && !self.has(Fault::PassesOnAnyText)
        {
            return Ok(SmsOutcome::Refused(RefusedReason::Message));
        }
        let sent = self.attempt(sms).await;
        match sent {
            Err(error) if self.has(Fault::RepeatsLost) && !error.is_not_sent() => {
                self.attempt(sms).await
            }
            sent => sent,
        }
    }

    async fn look_up(&self, reference: &Reference, _: SystemTime) -> Result<LookUp, LookUpError> {
        let limit = if self.has(Fault::NeverLooksUpInTime) { Duration::MAX } else { TIMEOUT };
        match timeout(limit, self.provider.find(reference)).await {
            Ok(Ok(true)) if self.has(Fault::TakesAbsenceForGranted) => Ok(LookUp::Absent),
            Ok(Ok(true)) => Ok(LookUp::Present(SmsReport::new(DeliveryStatus::Pending))),
            Ok(Ok(false)) => Ok(LookUp::Absent),
            _ => Err(LookUpError::new("no response")),
        }
    }
}
