//! The texts of the inbox page in Japanese and English.

use crate::{
    config::DeliveryMode,
    world::{Outcome, Stage},
};

/// The language of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    En,
    Ja,
}

impl Language {
    /// Returns `lang` of the query, else the first supported language of the browser, else Japanese.
    pub(super) fn negotiate(query: Option<&str>, accept: Option<&str>) -> Self {
        match query {
            Some("en") => return Self::En,
            Some("ja") => return Self::Ja,
            _ => {}
        }
        let preferred = accept
            .unwrap_or_default()
            .split(',')
            .map(|range| range.trim().get(..2).unwrap_or_default().to_ascii_lowercase());
        match preferred.into_iter().find(|language| language == "ja" || language == "en") {
            Some(language) if language == "en" => Self::En,
            _ => Self::Ja,
        }
    }

    pub(super) const fn words(self) -> &'static Words {
        match self {
            Self::En => &EN,
            Self::Ja => &JA,
        }
    }

    pub(super) const fn code(self) -> &'static str {
        self.words().lang
    }

    /// Returns the other language.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::En => Self::Ja,
            Self::Ja => Self::En,
        }
    }

    /// Returns the name of a message's state and the CSS class of its badge.
    pub(super) const fn state(self, stage: Stage) -> (&'static str, &'static str) {
        let (ja, en, tone) = match stage {
            Stage::Waiting => ("送信待ち", "Waiting", "wait"),
            Stage::Canceled => ("送信キャンセル", "Cancelled", "bad"),
            Stage::Sent => ("送信済（結果待ち）", "On its way", "wait"),
            Stage::Final(outcome) => match outcome {
                Outcome::Received => ("着信済", "Received", "good"),
                Outcome::OutOfRange | Outcome::LateReceived => ("圏外", "Out of range", "bad"),
                Outcome::Error => ("送達エラー", "Delivery error", "bad"),
                Outcome::Unknown | Outcome::Uncertain => ("不明", "Unknown", "wait"),
                Outcome::Silent => ("送達結果なし", "No result", "wait"),
                Outcome::HistoryMismatch => {
                    ("携帯電話履歴判定：不一致", "Number changed hands", "bad")
                }
                Outcome::SendError => ("送信エラー", "Not sent", "bad"),
                Outcome::Expired => ("送信限度日時を超過", "Past its deadline", "bad"),
            },
        };
        match self {
            Self::Ja => (ja, tone),
            Self::En => (en, tone),
        }
    }

    /// Returns the name and the description of a delivery mode.
    pub(super) const fn mode(self, mode: DeliveryMode) -> (&'static str, &'static str) {
        let (ja, en) = match mode {
            DeliveryMode::Normal => {
                (("通常", "番号ごとの結果で届きます"), ("Normal", "Each number's own result"))
            }
            DeliveryMode::Late => {
                (("遅れて届く", "しばらくしてから届きます"), ("Late", "Arrives after a while"))
            }
            DeliveryMode::Hold => {
                (("保留", "操作するまで届きません"), ("Hold", "Waits until you deliver it"))
            }
            DeliveryMode::OutOfRange => (
                ("圏外", "どの電話にも届きません"),
                ("Out of range", "Every handset is out of range"),
            ),
            DeliveryMode::OutOfOrder => (
                ("順序を入れ替え", "次の1通が先に届きます"),
                ("Out of order", "The next one overtakes"),
            ),
            DeliveryMode::Error => (
                ("送達エラー", "事業者がエラーを返します"),
                ("Error", "The carrier reports an error"),
            ),
        };
        match self {
            Self::Ja => ja,
            Self::En => en,
        }
    }

    pub(super) fn length(self, units: usize, parts: u16) -> String {
        match self {
            Self::Ja => format!("{units}文字・{parts}通"),
            Self::En if parts == 1 => format!("{units} units, 1 part"),
            Self::En => format!("{units} units, {parts} parts"),
        }
    }

    pub(super) fn faults(self, count: usize) -> String {
        match (self, count) {
            (Self::Ja, 0) => "設定されていません".to_owned(),
            (Self::Ja, count) => format!("{count}件の障害を設定中"),
            (Self::En, 0) => "None set".to_owned(),
            (Self::En, count) => format!("{count} in force"),
        }
    }
}

/// The texts without parameters.
pub(super) struct Words {
    pub(super) lang: &'static str,
    pub(super) other_lang: &'static str,
    pub(super) other_lang_name: &'static str,
    pub(super) title: &'static str,
    pub(super) banner: &'static str,
    pub(super) refresh: &'static str,
    pub(super) refreshing: &'static str,
    pub(super) stop_refreshing: &'static str,
    pub(super) footer: &'static str,
    pub(super) copy: &'static str,
    /// The label of a button that copies a code; the script fills in `{code}`.
    pub(super) copy_code: &'static str,
    pub(super) copied: &'static str,
    pub(super) new_message: &'static str,
    pub(super) numbers: &'static str,
    pub(super) all_numbers: &'static str,
    pub(super) phone: &'static str,
    pub(super) messages: &'static str,
    pub(super) empty: &'static str,
    pub(super) network: &'static str,
    pub(super) network_empty: &'static str,
    pub(super) deliver: &'static str,
    pub(super) make_out_of_range: &'static str,
    pub(super) make_error: &'static str,
    pub(super) delivery: &'static str,
    pub(super) faults: &'static str,
    pub(super) fault_500: &'static str,
    pub(super) fault_drop: &'static str,
    pub(super) fault_none: &'static str,
    pub(super) clock: &'static str,
    pub(super) clock_steps: [&'static str; 3],
    pub(super) history: &'static str,
    pub(super) messages_kept: &'static str,
    pub(super) clear: &'static str,
}

const JA: Words = Words {
    lang: "ja",
    other_lang: "en",
    other_lang_name: "English",
    title: "受信箱",
    banner: "シミュレーター：実際のSMSは送信されません",
    refresh: "更新する",
    refreshing: "このページは5秒ごとに更新されます。",
    stop_refreshing: "自動更新を止める",
    footer: "プログラムから読むには：",
    copy: "コピーする",
    copy_code: "{code}をコピーする",
    copied: "コピーしました：",
    new_message: "新しいSMSが届きました",
    numbers: "電話番号",
    all_numbers: "すべての番号",
    phone: "電話",
    messages: "届いたSMS",
    empty: "まだSMSは届いていません。",
    network: "まだ届いていないSMS",
    network_empty: "送達待ちのSMSはありません。",
    deliver: "いま届ける",
    make_out_of_range: "圏外にする",
    make_error: "エラーにする",
    delivery: "これからの届き方",
    faults: "APIの障害",
    fault_500: "次の送信をHTTP 500で拒否する",
    fault_drop: "次の送信を受け付けた直後に切断する",
    fault_none: "障害を解除する",
    clock: "手動の時計",
    clock_steps: ["＋10秒", "＋1分", "＋5分"],
    history: "履歴",
    messages_kept: "通を保存しています。",
    clear: "すべて消去する",
};

const EN: Words = Words {
    lang: "en",
    other_lang: "ja",
    other_lang_name: "日本語",
    title: "Inbox",
    banner: "Simulator: no SMS is really sent",
    refresh: "Refresh",
    refreshing: "This page refreshes every 5 seconds.",
    stop_refreshing: "Stop refreshing",
    footer: "For programs:",
    copy: "Copy",
    copy_code: "Copy {code}",
    copied: "Copied",
    new_message: "A new message has arrived",
    numbers: "Phone numbers",
    all_numbers: "All numbers",
    phone: "Phone",
    messages: "Messages received",
    empty: "No messages yet.",
    network: "Not arrived yet",
    network_empty: "Nothing is on its way.",
    deliver: "Deliver now",
    make_out_of_range: "Out of range",
    make_error: "Fail",
    delivery: "How messages arrive from now on",
    faults: "Faults of the API",
    fault_500: "Reject the next send with 500",
    fault_drop: "Accept the next send, then disconnect",
    fault_none: "Clear faults",
    clock: "Manual clock",
    clock_steps: ["+10 s", "+1 min", "+5 min"],
    history: "History",
    messages_kept: "messages kept.",
    clear: "Clear all",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_comes_from_the_query_then_the_browser_then_is_japanese() {
        let language = |query, accept| Language::negotiate(query, accept).code();
        assert_eq!(language(Some("en"), Some("ja")), "en");
        assert_eq!(language(None, Some("en-GB,ja;q=0.8")), "en");
        assert_eq!(language(None, Some("fr, ja;q=0.8, en;q=0.5")), "ja");
        assert_eq!(language(Some("fr"), None), "ja");
        assert_eq!(language(None, Some("é")), "ja");
    }
}
