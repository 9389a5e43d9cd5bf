//! The list of messages: single pages, and all pages as a stream.

use std::{
    collections::HashSet,
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::SystemTime,
};

use futures_core::Stream;
use futures_util::stream;
use serde::Deserialize;

use super::{
    client::Client,
    message::{Message, MessageId, MessageResult, SentResult, Status, WireMessage},
    new_message::{ServiceId, Tag},
    response,
};
use crate::{
    error::{Effect, Error},
    error_kind::ErrorKind,
    invalid::{Found, Invalid, Rule},
    operation::{Operation, Safety},
    recipient::Recipient,
    time,
    transport::Response,
    wire,
};

/// The most messages on a page.
const MAX_PER_PAGE: u32 = 100;
/// The most pages that a stream reads: a million messages.
const MAX_PAGES: u32 = 10_000;
/// The most consecutive pages without a new message: 10,000 messages that arrived meanwhile.
const MAX_REPEATED_PAGES: u32 = 100;

/// A filter for the list of messages. All conditions must hold. Without any, all messages are listed.
///
/// ```
/// use karaden_client::sms::{ListQuery, Status};
///
/// let query = ListQuery::default().with_status(Status::Error).with_per_page(50);
/// # let _ = query;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ListQuery {
    service_id: Option<ServiceId>,
    to: Option<Recipient>,
    status: Option<Status>,
    result: Option<MessageResult>,
    sent_result: Option<SentResult>,
    tag: Option<String>,
    start_at: Option<SystemTime>,
    end_at: Option<SystemTime>,
    page: Option<u32>,
    per_page: Option<u32>,
}

impl ListQuery {
    /// Lists only messages of this service setting.
    pub fn with_service_id(mut self, service_id: ServiceId) -> Self {
        self.service_id = Some(service_id);
        self
    }

    /// Lists only messages to this number.
    pub fn with_to(mut self, to: Recipient) -> Self {
        self.to = Some(to);
        self
    }

    /// Lists only messages in this state of sending.
    ///
    /// Karaden has no filter for [`Status::ProcessingError`]: [`Client::list`] refuses it.
    pub fn with_status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// Lists only messages with this progress.
    pub fn with_result(mut self, result: MessageResult) -> Self {
        self.result = Some(result);
        self
    }

    /// Lists only messages with this report of the carrier.
    pub fn with_sent_result(mut self, sent_result: SentResult) -> Self {
        self.sent_result = Some(sent_result);
        self
    }

    /// Lists only messages with this tag, unique or not.
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.tag = Some(tag.to_owned());
        self
    }

    /// Lists only messages accepted at this instant or later. Its fraction of a second is dropped.
    pub fn with_start_at(mut self, start_at: SystemTime) -> Self {
        self.start_at = Some(start_at);
        self
    }

    /// Lists only messages accepted at this instant or earlier. Its fraction of a second is dropped.
    pub fn with_end_at(mut self, end_at: SystemTime) -> Self {
        self.end_at = Some(end_at);
        self
    }

    /// Sets the page, from 1. Default 1.
    pub fn with_page(mut self, page: u32) -> Self {
        self.page = Some(page.max(1));
        self
    }

    /// Sets the number of messages per page, 1 to 100. Default 100.
    pub fn with_per_page(mut self, per_page: u32) -> Self {
        self.per_page = Some(per_page.clamp(1, MAX_PER_PAGE));
        self
    }

    /// Refuses a filter that Karaden would refuse.
    fn check(&self) -> Result<(), Invalid> {
        match self.status {
            Some(Status::ProcessingError) => {
                Err(Invalid::new("status", Rule::ListFilter, Found::OtherValue))
            }
            _ => Ok(()),
        }
    }

    fn page(&self) -> u32 {
        self.page.unwrap_or(1)
    }

    fn append_to(&self, url: &mut url::Url) {
        let mut query = url.query_pairs_mut();
        let text = |at: Option<SystemTime>| at.and_then(time::iso);
        let pairs = [
            ("service_id", self.service_id.map(|id| id.as_u32().to_string())),
            ("to", self.to.as_ref().map(|to| to.expose_digits().to_owned())),
            ("status", self.status.as_ref().map(|s| s.as_str().to_owned())),
            ("result", self.result.as_ref().map(|r| r.as_str().to_owned())),
            ("sent_result", self.sent_result.as_ref().map(|r| r.as_str().to_owned())),
            ("tag", self.tag.clone()),
            ("start_at", text(self.start_at)),
            ("end_at", text(self.end_at)),
            ("page", Some(self.page().to_string())),
            ("per_page", Some(self.per_page.unwrap_or(MAX_PER_PAGE).to_string())),
        ];
        for (name, value) in pairs {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
    }
}

/// One page of the list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The messages, in Karaden's order, which is not documented.
    pub messages: Vec<Message>,
    /// Whether there is another page.
    pub has_more: bool,
    /// The number of elements that could not be read as messages.
    pub unreadable: usize,
}

#[derive(Deserialize)]
struct WireList<'a> {
    #[serde(default, deserialize_with = "wire::text")]
    object: Option<String>,
    #[serde(default, deserialize_with = "wire::flag")]
    has_more: Option<bool>,
    #[serde(borrow)]
    data: Vec<WireMessage<'a>>,
}

fn page(response: &Response) -> Result<Page, Error> {
    let list: WireList<'_> = response::success(response)?;
    if list.object.as_deref() != Some("list") {
        return Err(wire::unreadable(response));
    }
    let all = list.data.len();
    let messages: Vec<_> = list.data.into_iter().filter_map(WireMessage::into_message).collect();
    let unreadable = all - messages.len();
    Ok(Page { messages, has_more: list.has_more.unwrap_or(false), unreadable })
}

impl Client {
    /// Reads one page of the list of messages.
    ///
    /// # Errors
    ///
    /// As for every call. [`ErrorKind::TooLarge`] for a page of more than eight times
    /// [`max_body_bytes`](crate::Options::with_max_body_bytes). [`ErrorKind::InvalidInput`] with
    /// [`Rule::ListFilter`] on field `status` for [`Status::ProcessingError`].
    pub async fn list(&self, query: &ListQuery) -> Result<Page, Error> {
        query.check()?;
        let mut url = self.path(&[]);
        query.append_to(&mut url);
        let mut request = self.engine().get(url);
        request.max_body_bytes = request.max_body_bytes.saturating_mul(8);
        self.engine().call(Operation::sms("list", Safety::Read), request, page).await
    }

    /// Returns all messages of the list as a stream that reads page by page. Each message comes once.
    ///
    /// Messages that arrive meanwhile shift the pages. Repeated messages are skipped, even whole pages.
    /// For a list that does not change, give the query an [`end_at`](ListQuery::with_end_at) in the
    /// past. This crate does not set one: it reads no clock, and yours may be behind Karaden's.
    ///
    /// # Errors
    ///
    /// The stream ends after its first error. [`ErrorKind::Decode`] if 100 consecutive pages add nothing
    /// although more is announced, [`ErrorKind::TooLarge`] after 10,000 pages.
    ///
    /// ```no_run
    /// # async fn example(client: karaden_client::sms::Client) -> Result<(), karaden_client::Error> {
    /// use futures_util::TryStreamExt as _;
    /// use karaden_client::sms::ListQuery;
    ///
    /// let mut messages = client.list_all(ListQuery::default());
    /// while let Some(message) = messages.try_next().await? {
    ///     println!("{} {:?}", message.id, message.sent_result);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn list_all(&self, query: ListQuery) -> Messages {
        let state = Paging {
            client: self.clone(),
            pages_left: MAX_PAGES,
            repeated_pages: 0,
            ready: Vec::new().into_iter(),
            seen: HashSet::new(),
            next: Some(query),
        };
        let messages = stream::try_unfold(state, |mut state| async move {
            Ok(state.next_message().await?.map(|message| (message, state)))
        });
        Messages(Box::pin(messages))
    }

    /// Looks a message up by its unique tag. `None` if it is absent, which can change.
    ///
    /// # Errors
    ///
    /// As for every call. [`ErrorKind::Decode`] if the server ignores the filter, or lists messages
    /// without this tag: then nothing shows that the message is absent.
    pub async fn find_by_tag(&self, tag: &Tag) -> Result<Option<Message>, Error> {
        Ok(self.list_tagged(tag).await?.into_iter().next())
    }

    /// Returns the messages with this tag on the first page. An empty result shows absence.
    pub(super) async fn list_tagged(&self, tag: &Tag) -> Result<Vec<Message>, Error> {
        let query = ListQuery::default().with_tag(tag.as_str());
        let page = self.list(&query).await?;
        // With the filter, every listed message has the tag: only an empty page shows absence.
        let empty = page.messages.is_empty() && page.unreadable == 0 && !page.has_more;
        let mine = |message: &Message| message.tags.iter().any(|t| t == tag.as_str());
        let found: Vec<_> = page.messages.into_iter().filter(mine).collect();
        if found.is_empty() && !empty {
            return Err(Error::new(ErrorKind::Decode, Effect::None)
                .with_phrase("the list ignores the filter, so it does not show absence"));
        }
        Ok(found)
    }
}

/// The state of a stream.
struct Paging {
    client: Client,
    pages_left: u32,
    /// The number of consecutive pages without a new message.
    repeated_pages: u32,
    ready: std::vec::IntoIter<Message>,
    seen: HashSet<MessageId>,
    /// The query of the next page. `None` after the last one.
    next: Option<ListQuery>,
}

impl Paging {
    async fn next_message(&mut self) -> Result<Option<Message>, Error> {
        loop {
            if let Some(message) = self.ready.next() {
                return Ok(Some(message));
            }
            let Some(query) = self.next.take() else { return Ok(None) };
            self.read(query).await?;
        }
    }

    async fn read(&mut self, query: ListQuery) -> Result<(), Error> {
        if self.pages_left == 0 {
            return Err(Error::new(ErrorKind::TooLarge, Effect::None));
        }
        self.pages_left -= 1;
        let Page { mut messages, has_more, unreadable } = self.client.list(&query).await?;
        messages.retain(|message| self.seen.insert(message.id.clone()));
        let is_repeated = messages.is_empty() && unreadable == 0;
        self.repeated_pages = if is_repeated { self.repeated_pages + 1 } else { 0 };
        if has_more && self.repeated_pages >= MAX_REPEATED_PAGES {
            return Err(Error::new(ErrorKind::Decode, Effect::None)
                .with_phrase("the pages add nothing although more is announced"));
        }
        if has_more {
            let page = query.page().saturating_add(1);
            self.next = Some(query.with_page(page));
        }
        self.ready = messages.into_iter();
        Ok(())
    }
}

/// The stream of [`Client::list_all`].
#[must_use = "a stream does nothing unless it is polled"]
pub struct Messages(Pin<Box<dyn Stream<Item = Result<Message, Error>> + Send>>);

impl Stream for Messages {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").finish_non_exhaustive()
    }
}
