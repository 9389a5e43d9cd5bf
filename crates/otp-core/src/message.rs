//! The text of the message: its words, the line that binds the code to a site, its length.
//!
//! A template is checked when it is configured, with the longest value in every place, so that no
//! message is cut, refused or billed twice later. It refuses links unless told otherwise.

mod gsm;
mod links;
mod origin_bound;
mod segments;
mod template;
#[cfg(test)]
mod tests;

pub use origin_bound::{Host, InvalidHost, OriginBound};
pub use segments::{Encoding, KaradenLimit, Length, TooLong, segments};
pub use template::{
    InvalidTemplate, Links, OtherFormat, SmsTemplate, SmsText, TemplateProblem, TemplateSettings,
};
