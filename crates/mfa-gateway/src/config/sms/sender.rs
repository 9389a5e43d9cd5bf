//! `[sms.karaden_sms]` or `[sms.karaden_push]`: who sends the message.

use karaden_client::{push::CarrierField, sms::ServiceId};
use secrecy::SecretString;
use sms_otp_plugin::{KaradenPushSender, KaradenSmsSender};
use sms_sender::TextLimit;
use url::Url;

use crate::config::{
    declaration::Form,
    document::{Reported, Section},
    key::missing,
    problem::Refusal,
    text,
};

const COPY_SERVICE_ID: (&str, &str) =
    ("copy the number of the service setting", "サービス設定の番号を写してください");

const CARRIER_FIELDS: [(&str, CarrierField); 5] = [
    ("docomo", CarrierField::Docomo),
    ("softbank", CarrierField::Softbank),
    ("au", CarrierField::Au),
    ("option", CarrierField::Option),
    ("rakuten", CarrierField::Rakuten),
];

/// `[sms.karaden_sms]` or `[sms.karaden_push]`
#[derive(Debug, Clone)]
pub enum Sender {
    /// The Karaden SMS API.
    KaradenSms {
        /// The base URL of the API, up to and including `/api`.
        base_url: Url,
        /// The tenant, a UUID.
        tenant_id: String,
        /// The bearer token.
        token: SecretString,
        /// The service setting.
        service_id: ServiceId,
    },
    /// 空電プッシュ v2.
    KaradenPush {
        /// The base URL of the API, up to and including `/v2`.
        base_url: Url,
        /// The access key.
        token: SecretString,
        /// The security code.
        security_code: SecretString,
        /// The parameters that carry the text.
        carrier_fields: Vec<CarrierField>,
        /// Whether a single message that a look-up does not find was not sent.
        tracks_single_messages: bool,
        /// Whether Karaden checks that a number was not reassigned since it was set.
        checks_number_history: bool,
    },
}

impl Sender {
    /// Returns how long a text may be, and which characters it may contain.
    pub(in crate::config) fn text_limit(&self) -> TextLimit {
        match self {
            Self::KaradenSms { .. } => KaradenSmsSender::TEXT_LIMIT,
            Self::KaradenPush { .. } => KaradenPushSender::TEXT_LIMIT,
        }
    }
}

/// Reads the one sender of `[sms]`.
pub(in crate::config) fn read(section: &Section<'_>) -> Result<Sender, Reported> {
    let insecure_http = section
        .key(
            "insecure_http",
            (
                "Allows http:// in base_url. Only for the simulator.",
                "base_urlにhttp://を使えるようにします。シミュレーター専用です。",
            ),
        )
        .flag(false);
    let insecure = insecure_http.unwrap_or(false);
    let sms = section.alternative(
        "karaden_sms",
        (
            "The Karaden SMS API. Use either this section or [sms.karaden_push].",
            "Karaden SMS API。この節か[sms.karaden_push]の、どちらか一方を使います。",
        ),
        Form::Table,
        |section| karaden_sms(section, insecure),
    );
    let push = section.alternative(
        "karaden_push",
        (
            "空電プッシュ v2. Use either this section or [sms.karaden_sms].",
            "空電プッシュ v2。この節か[sms.karaden_sms]の、どちらか一方を使います。",
        ),
        Form::Alternative,
        |section| karaden_push(section, insecure),
    );
    insecure_http?;
    match (sms, push) {
        (Some(sender), None) | (None, Some(sender)) => sender,
        (Some(_), Some(_)) => {
            let refusal = Refusal::new(
                (
                    "is given in addition to [sms.karaden_sms]",
                    "[sms.karaden_sms]と同時に指定されています",
                ),
                ("keep one of the two", "どちらか一方にしてください"),
            );
            Err(section.problem("karaden_push", refusal))
        }
        (None, None) => {
            let remedy = (
                "add [sms.karaden_sms] or [sms.karaden_push]",
                "[sms.karaden_sms]か[sms.karaden_push]を加えてください",
            );
            Err(section.problem("karaden_sms", missing(remedy)))
        }
    }
}

fn karaden_sms(section: &Section<'_>, insecure: bool) -> Result<Sender, Reported> {
    let base_url = section
        .key(
            "base_url",
            (
                "The base URL of the API, up to and including /api.",
                "APIのベースURLです。/apiまで書きます。",
            ),
        )
        .allowed(("an https:// URL", "https://のURL"))
        .or("https://prg.karaden.jp/api", |text| text::base_url(text, insecure));
    let tenant_id = section
        .key("tenant_id", ("The tenant.", "テナントです。"))
        .allowed(("a UUID", "UUID"))
        .required(
            "00000000-0000-0000-0000-000000000000",
            ("copy it from Karaden's tenant screen", "Karadenのテナント画面から写してください"),
            uuid,
        );
    let service_id = section
        .key("service_id", ("The number of the service setting.", "サービス設定の番号です。"))
        .required_number(1_u32, COPY_SERVICE_ID, 1..=u32::MAX);
    let token = section
        .key("token", ("The access token of the tenant.", "テナントのアクセストークンです。"))
        .secret("karaden.token", 1);
    let service_id = ServiceId::new(service_id?).map_err(|error| {
        let what = (error.to_string(), "サービス設定の番号ではありません");
        section.problem("service_id", Refusal::new(what, COPY_SERVICE_ID))
    });
    Ok(Sender::KaradenSms {
        base_url: base_url?,
        tenant_id: tenant_id?,
        token: token?,
        service_id: service_id?,
    })
}

fn karaden_push(section: &Section<'_>, insecure: bool) -> Result<Sender, Reported> {
    let base_url = section
        .key(
            "base_url",
            (
                "The base URL of the API, up to and including /v2.",
                "APIのベースURLです。/v2まで書きます。",
            ),
        )
        .allowed(("an https:// URL", "https://のURL"))
        .required(
            "https://push.karaden.jp/v2",
            (
                "copy it from your contract: \"https://…/v2\"",
                "契約書類にある\"https://…/v2\"を写してください",
            ),
            |t| text::base_url(t, insecure),
        );
    let token =
        section.key("token", ("The access key.", "アクセスキーです。")).secret("karaden.token", 1);
    let security_code = section
        .key("security_code", ("The security code.", "セキュリティコードです。"))
        .secret("karaden.code", 1);
    let carrier_fields = section
        .key(
            "carrier_fields",
            (
                "The parameters that carry the text, one for each carrier. If Karaden \
                 refuses correct texts, your contract may need \"rakuten\" too, or fewer.",
                "本文を入れる、キャリアごとのパラメーターです。正しい本文をKaradenが拒否\
                 するときは、契約によって\"rakuten\"も必要か、少なくする必要があります。",
            ),
        )
        .words(&CARRIER_FIELDS, &CarrierField::USUAL);
    let tracks_single_messages = section
        .key(
            "tracks_single_messages",
            (
                "Set to true only after you have checked that your contract stores \
                 tracking codes of single messages. Then a message that a look-up does \
                 not find counts as not sent; otherwise its outcome stays unknown.",
                "個別送信の追跡コードを保存する契約であることを確かめたときだけ、trueにし\
                 ます。照会で見つからないメッセージを、送信されていないとみなします。\
                 falseのときは、結果が不明のままになります。",
            ),
        )
        .flag(false);
    let checks_number_history = section
        .key(
            "checks_number_history",
            (
                "Set to true if your contract has 携帯電話履歴判定. Then no code goes to \
                 a phone number that was reassigned to another person since it was set \
                 here, and the message must fit into one part.",
                "携帯電話履歴判定のある契約ではtrueにします。ここに登録した後に別の人へ割\
                 り当てられた番号には、認証コードを送信しません。SMSは1通に収まる必要があ\
                 ります。",
            ),
        )
        .flag(false);
    Ok(Sender::KaradenPush {
        base_url: base_url?,
        token: token?,
        security_code: security_code?,
        carrier_fields: carrier_fields?,
        tracks_single_messages: tracks_single_messages?,
        checks_number_history: checks_number_history?,
    })
}

fn uuid(text: &str) -> Result<String, Refusal> {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let is_hex = groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()));
    if lengths == [8, 4, 4, 4, 12] && is_hex {
        Ok(text.to_owned())
    } else {
        Err(Refusal::new(
            ("is not a UUID", "UUIDではありません"),
            ("copy all 36 characters", "36文字すべてを写してください"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::{problems_in, read_from};

    const SMS: &str = "[karaden_sms]\ntenant_id = \"159bfd33-b9b7-f424-4755-c119b324591d\"\n\
                       token = \"a-token\"\nservice_id = 1\n";
    const PUSH: &str = "[karaden_push]\nbase_url = \"https://push.example/v2\"\ntoken = \
                        \"a-token\"\nsecurity_code = \"a-code\"\n";

    #[test]
    fn exactly_one_sender_is_given() {
        assert!(problems_in(SMS, read).is_empty());
        assert!(problems_in(PUSH, read).is_empty());
        let both = problems_in(&format!("{SMS}{PUSH}"), read);
        assert!(both[0].contains("karaden_push: is given in addition to"), "{both:?}");
        let none = problems_in("", read);
        assert!(none[0].contains("karaden_sms: is missing; add"), "{none:?}");
    }

    #[test]
    fn the_needs_of_a_push_contract_can_be_configured() {
        let text = format!(
            "{PUSH}carrier_fields = [\"docomo\", \"rakuten\"]\ntracks_single_messages = true\n\
             checks_number_history = true\n"
        );
        let sender = read_from(&text, read).expect("a sender");
        let Sender::KaradenPush {
            carrier_fields,
            tracks_single_messages,
            checks_number_history,
            ..
        } = sender
        else {
            panic!("another sender: {sender:?}")
        };
        assert_eq!(carrier_fields, [CarrierField::Docomo, CarrierField::Rakuten]);
        assert!(tracks_single_messages && checks_number_history);
        for (given, said) in [
            ("carrier_fields = []", "karaden_push.carrier_fields: is empty; "),
            (
                "carrier_fields = [\"kddi\"]",
                "karaden_push.carrier_fields: \"kddi\" is none of docomo, ",
            ),
        ] {
            let found = problems_in(&format!("{PUSH}{given}\n"), read).join("\n");
            assert!(found.contains(said), "{found}");
        }
    }

    #[test]
    fn plain_http_is_for_the_simulator_only() {
        let text = format!("{SMS}base_url = \"http://127.0.0.1:8081/api\"\n");
        let found = problems_in(&text, read).join("\n");
        assert!(found.contains("karaden_sms.base_url: is not https"), "{found}");
        assert!(problems_in(&format!("insecure_http = true\n{text}"), read).is_empty());
    }
}
