//! 空電プッシュ (Karaden Push) v2: queue a message, ask what became of it, keep the send list.
//!
//! The vendor hands its specification to customers only; this client follows what public
//! integrations do, and takes the careful way wherever they leave a question open.

mod client;
mod delivery;
mod new_message;
mod outcome;
mod response;
mod send_list;

pub use self::{
    client::{Client, ClientBuilder},
    delivery::{Carrier, Delivery, MessageId, MessageStatus, ResultStatus, Tracked},
    new_message::{CarrierField, CarrierTexts, NewMessage, TrackingCode},
    outcome::{Accepted, Resolution, SendError, SendOutcome, UnknownSend},
    send_list::{ListChange, RowFailure, RowProblem},
};
