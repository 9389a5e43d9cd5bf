//! 空電プッシュ (Karaden Push) v2: send messages, look them up, change the send list.
//!
//! The vendor gives its specification to customers only. This client follows public integrations.
//! Where they leave a question open, it prefers an unknown outcome to a second message.

mod client;
mod credentials;
mod new_message;
mod outcome;
mod report;
mod response;
mod send_list;

pub use self::{
    client::{Client, ClientBuilder},
    credentials::Credentials,
    new_message::{CarrierField, CarrierTexts, LINE_BREAK_UNITS, NewMessage, TrackingCode},
    outcome::{Accepted, Resolution, SendError, SendOutcome, UnknownSend},
    report::{Carrier, MessageId, MessageReport, MessageStatus, ResultStatus, Tracked},
    send_list::{ListChange, RowFailure, RowProblem},
};
