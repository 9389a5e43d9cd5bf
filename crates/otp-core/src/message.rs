//! The text of the message: its template, the line that binds the code to a site, its length.
//!
//! A template is checked when it is configured, with the longest value in every place. So no message is cut,
//! refused or billed twice later. By default a template must not contain links.

mod gsm;
mod limit;
mod links;
mod origin_bound;
mod segments;
mod template;
#[cfg(test)]
mod tests;

pub use limit::{TextLimit, TooLong};
pub use origin_bound::{Host, InvalidBoundCode, InvalidHost, OriginBound};
pub use segments::{Encoding, Length, segments};
pub use template::{
    InvalidTemplate, Links, OtherFormat, SmsTemplate, SmsText, TemplateProblem, TemplateSettings,
};
