//! The pages of the gateway, as pure functions from data to HTML.
//!
//! The crate knows no web framework and no store. The gateway decides what to show and with which
//! status. These functions render a whole page in the reader's language. All pages work without
//! script. They load nothing from other hosts and contain no inline script or style, so that they work
//! under [`content_security_policy`].
//!
//! - [`negotiate`] chooses the [`Language`]. [`Site`] and [`Frame`] carry what all pages share.
//! - [`render_login`], [`render_prompt`], [`render_message`], [`render_account`], [`render_logout`],
//!   [`render_step_up`] render the pages. [`live_status`] returns the data of a prompt's server-sent
//!   events.
//! - [`asset`] returns the style sheet, the script and the pictures.
//!
//! ```
//! use std::time::SystemTime;
//! use mfa_pages::{CsrfToken, Frame, Language, LoginPage, Site, render_login};
//!
//! let site = Site::new("Example <Service>");
//! let frame = Frame::new(&site, Language::En, SystemTime::UNIX_EPOCH).at("/_mfa/login");
//! let html = render_login(&LoginPage::new(frame, CsrfToken::new("token")));
//! assert!(html.contains("<html lang=\"en\">"));
//! assert!(!html.contains("<Service>"));
//! ```

mod account;
mod assets;
mod catalogue;
mod clock;
mod content_security;
mod csrf;
mod language;
mod login;
mod message;
mod phrases;
mod prompt;
mod render;
mod site;
mod step_up;
mod texts;

pub use account::{
    AccountPage, LogoutPage, SessionFacts, method_names, render_account, render_logout,
};
pub use assets::{Asset, asset};
pub use catalogue::{CatalogueProblem, InvalidCatalogue, check_replacements};
pub use clock::japan;
pub use content_security::content_security_policy;
pub use csrf::CsrfToken;
pub use language::{Language, LanguageWishes, PerLanguage, negotiate, quality};
pub use login::{LoginNotice, LoginPage, LoginProblem, render_login};
pub use message::{MessageKind, MessagePage, message_words, render_message};
pub use phrases::without_breaks;
pub use prompt::{PromptPage, live_status, render_prompt};
pub use site::{Frame, Operator, Site, Support, field, path};
pub use step_up::{StepUpPage, render_step_up};
pub use texts::Texts;
