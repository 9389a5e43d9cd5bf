//! 空電プッシュ (Karaden Push) v2: queue a message, ask what became of it, keep the send list.
//!
//! The vendor hands its specification to customers only; this client follows what public
//! integrations do, and takes the careful way wherever they leave a question open.

mod answer;
mod client;
mod delivery;
mod new_message;
mod send_list;

pub use self::{
    client::{Accepted, Client, ClientBuilder},
    delivery::{Carrier, Delivery, MessageId, MessageStatus, ResultStatus, Tracked},
    new_message::{CarrierField, CarrierTexts, NewMessage, TrackingCode},
    send_list::{ListChange, RowFailure, RowProblem},
};

/// A send that got an answer.
pub type SendOutcome = crate::SendOutcome<Accepted, NewMessage>;
/// A send without a useful answer.
pub type SendError = crate::SendError<NewMessage>;
/// A send whose outcome is unknown.
pub type UnknownSend = crate::UnknownSend<NewMessage>;
/// What became of a send whose outcome was unknown.
pub type Resolution = crate::Resolution<Accepted, NewMessage>;
