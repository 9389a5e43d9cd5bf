//! Serialisation for stores and configuration (feature `serde`). Ids, purposes, hosts and phone numbers are text.
//! A record is its bytes, in base64url if the format is human-readable.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Unexpected, Visitor},
};

use crate::{
    id::{ChallengeId, KeyId, Purpose, SubjectKey},
    message::Host,
    phone::PhoneNumber,
    record::SubjectRecord,
};

macro_rules! as_text {
    ($($type:ty),+) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        from_text!($type);
    )+};
}

macro_rules! from_text {
    ($type:ty) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    };
}

as_text!(ChallengeId, SubjectKey, Purpose, Host);

impl Serialize for PhoneNumber {
    /// Writes the number in the clear, as its E.164 text: only into a store that is protected as personal data.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_e164())
    }
}

from_text!(PhoneNumber);

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.as_u32())
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(Self::new)
    }
}

impl Serialize for SubjectRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.to_bytes()))
        } else {
            serializer.serialize_bytes(&self.to_bytes())
        }
    }
}

impl<'de> Deserialize<'de> for SubjectRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(RecordVisitor)
        } else {
            deserializer.deserialize_bytes(RecordVisitor)
        }
    }
}

struct RecordVisitor;

impl Visitor<'_> for RecordVisitor {
    type Value = SubjectRecord;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a subject record of a known version")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SubjectRecord, E> {
        let bytes = URL_SAFE_NO_PAD.decode(text);
        let bytes = bytes.map_err(|_| E::invalid_value(Unexpected::Other("text"), &self))?;
        self.visit_bytes(&bytes)
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<SubjectRecord, E> {
        SubjectRecord::from_bytes(bytes)
            .map_err(|_| E::invalid_value(Unexpected::Other("bytes"), &self))
    }
}

#[cfg(test)]
mod tests {
    use serde::de::value::{BytesDeserializer, Error as ValueError};

    use super::*;
    use crate::{
        DigestKey, KeyRing, OtpCode, TypedCode,
        message::{OriginBound, SmsTemplate, SmsText},
        oath::{Counter, Hotp, OathSecret, Otpauth, Step, Totp},
        record::tests::busy_record,
    };

    /// Has one method for every type, and a second one for types that can be serialised. For those the call is
    /// ambiguous and does not compile.
    trait NotSerialize<Which> {
        const YES: () = ();
    }
    impl<T> NotSerialize<()> for T {}
    impl<T: Serialize> NotSerialize<u8> for T {}

    #[test]
    fn no_secret_can_be_serialised() {
        macro_rules! cannot_be_serialised {
            ($($secret:ty),+) => { $(const _: () = <$secret as NotSerialize<_>>::YES;)+ };
        }
        cannot_be_serialised!(OtpCode, TypedCode, DigestKey, KeyRing);
        cannot_be_serialised!(OathSecret, Hotp, Totp, Otpauth);
        cannot_be_serialised!(SmsTemplate, SmsText, OriginBound);
    }

    #[test]
    fn ids_and_purposes_are_text_and_read_back() {
        let id = ChallengeId::from_bytes([7; 16]);
        let json = serde_json::to_string(&(id, Purpose::STEP_UP, KeyId::new(3))).unwrap();
        assert_eq!(json, r#"["BwcHBwcHBwcHBwcHBwcHBw","step-up",3]"#);
        let read: (ChallengeId, Purpose, KeyId) = serde_json::from_str(&json).unwrap();
        assert_eq!(read, (id, Purpose::STEP_UP, KeyId::new(3)));
        let stored = (SubjectKey::from_bytes([0xab; 16]), Counter(5), Step(6));
        let json = serde_json::to_string(&stored).unwrap();
        assert_eq!(json, r#"["abababababababababababababababab",5,6]"#);
        assert_eq!(serde_json::from_str::<(SubjectKey, Counter, Step)>(&json).unwrap(), stored);
        assert!(serde_json::from_str::<ChallengeId>(r#""short""#).is_err());
        assert!(serde_json::from_str::<Purpose>(r#""No Purpose""#).is_err());
    }

    #[test]
    fn a_number_and_a_host_are_text_and_read_back() {
        let number = PhoneNumber::from_japanese("090-1234-5678").unwrap();
        let host = Host::new("auth.example.jp").unwrap();
        let json = serde_json::to_string(&(&number, &host)).unwrap();
        assert_eq!(json, r#"["+819012345678","auth.example.jp"]"#);
        let read: (PhoneNumber, Host) = serde_json::from_str(&json).unwrap();
        assert_eq!(read, (number, host));
        let error = serde_json::from_str::<PhoneNumber>(r#""09012345678""#).unwrap_err();
        assert!(!error.to_string().contains("0901234"), "{error}");
    }

    #[test]
    fn a_record_is_read_back_and_anything_else_refused() {
        let record = busy_record();
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<SubjectRecord>(&json).unwrap(), record);
        assert!(serde_json::from_str::<SubjectRecord>(r#""AQ""#).is_err());
        assert!(serde_json::from_str::<SubjectRecord>(r#""&""#).is_err());
        let error = serde_json::from_str::<SubjectRecord>("1").unwrap_err().to_string();
        assert!(error.contains("expected a subject record of a known version"), "{error}");

        let bytes = record.to_bytes();
        let read = RecordVisitor.visit_bytes::<ValueError>(&bytes).unwrap();
        assert_eq!(read, record);
        let text_format = BytesDeserializer::<ValueError>::new(&bytes);
        assert!(SubjectRecord::deserialize(text_format).is_ok());
    }
}
