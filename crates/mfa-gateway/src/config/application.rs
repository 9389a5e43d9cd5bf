//! `[application]`: the web application behind the gateway.

use std::{ops::RangeInclusive, time::Duration};

use url::Url;

use super::{
    document::{Reported, Section},
    duration::minutes,
    key::list_of,
    text,
};

const BYTES_PER_MIB: u64 = 1024 * 1024;

/// The range of a limit on request bodies, in MiB.
pub(super) const BODY_MIB_RANGE: RangeInclusive<u32> = 1..=4096;

/// Returns a limit on request bodies in bytes.
pub(super) fn body_bytes(mib: u32) -> u64 {
    u64::from(mib) * BYTES_PER_MIB
}

/// `[application]`
#[derive(Debug, Clone)]
pub struct Application {
    /// The origin of the application.
    pub url: Url,
    /// The size of the largest request body, in bytes.
    pub max_body_bytes: u64,
    /// The longest time until the application begins its response.
    pub timeout: Duration,
    /// The longest silence in a response.
    pub idle_timeout: Duration,
    /// Further origins whose pages may open WebSocket connections.
    pub websocket_origins: Vec<Url>,
    /// Which paths are passed on.
    pub paths: AcceptedPaths,
}

/// Which paths are passed on to an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptedPaths {
    /// Every valid path. It needs what each of its readings needs.
    Any,
    /// Only paths that every server reads in the same way.
    OneReading,
}

pub(super) fn read(section: &Section<'_>) -> Result<Application, Reported> {
    let url = section
        .key(
            "url",
            (
                "The origin of the application behind the gateway.",
                "ゲートウェイの背後にあるアプリケーションのオリジンです。",
            ),
        )
        .allowed(("an http:// or https:// origin", "http://またはhttps://のオリジン"))
        .required(
            "http://127.0.0.1:3000",
            (
                "write where the application listens: \"http://127.0.0.1:3000\"",
                "アプリケーションが待ち受けるアドレスを、\"http://127.0.0.1:3000\"のよう\
                 に書いてください",
            ),
            |text| text::origin(text, true),
        );
    let max_body_mib = section
        .key(
            "max_body_mib",
            (
                "The size of the largest request body that is passed on, in MiB.",
                "アプリケーションに渡すリクエスト本文の最大の大きさ（MiB）です。",
            ),
        )
        .number(10, BODY_MIB_RANGE);
    let timeout = section
        .key(
            "timeout",
            (
                "The longest time until the application begins its response. It runs from \
                 the end of the request.",
                "アプリケーションがレスポンスを始めるまでの最長時間です。リクエストの終わ\
                 りから数えます。",
            ),
        )
        .duration(minutes(1), Duration::from_secs(1)..=minutes(60));
    let idle_timeout = section
        .key(
            "idle_timeout",
            (
                "The longest silence in the middle of a response. It is for event streams too.",
                "レスポンスの途中で、何も届かない時間の上限です。イベントストリームにも適\
                 用します。",
            ),
        )
        .duration(minutes(10), Duration::from_secs(1)..=minutes(24 * 60));
    let websocket_origins = section
        .key(
            "websocket_origins",
            (
                "Further origins whose pages may open WebSocket connections. Pages of \
                 gateway.public_url and gateway.additional_origins always may.",
                "WebSocket接続を開ける、ほかのオリジンです。gateway.public_urlと\
                 gateway.additional_originsの画面は、いつでも開けます。",
            ),
        )
        .allowed(("a list of origins", "オリジンのリスト"))
        .list(&[], list_of(|text| text::origin(text, true)));
    let paths = section
        .key(
            "paths",
            (
                "\"strict\" refuses paths that servers read in different ways, such as \
                 /a//b, /a%2Fb and /50%25.pdf. \"any\" passes them on; they need what \
                 each reading needs (docs/paths.md).",
                "\"strict\"は、/a//b、/a%2Fb、/50%25.pdfのように、サーバーによって読み方\
                 が異なるパスを拒否します。\"any\"は、それぞれの読み方で必要なものを求め\
                 たうえで渡します（docs/paths.md）。",
            ),
        )
        .word(
            &[("any", AcceptedPaths::Any), ("strict", AcceptedPaths::OneReading)],
            AcceptedPaths::Any,
        );
    Ok(Application {
        url: url?,
        max_body_bytes: body_bytes(max_body_mib?),
        timeout: timeout?,
        idle_timeout: idle_timeout?,
        websocket_origins: websocket_origins?,
        paths: paths?,
    })
}
