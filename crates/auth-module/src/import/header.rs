//! The names of columns, as people write them.

use unicode_normalization::UnicodeNormalization as _;

use super::problem::ImportRule;

/// The columns, each with its other spellings: without blanks and signs, in lower case and NFKC.
const COLUMNS: [(&str, &[&str]); 7] = [
    (
        "username",
        &[
            "user",
            "login",
            "loginname",
            "loginid",
            "userid",
            "ユーザーid",
            "ユーザid",
            "ユーザー名",
            "ユーザ名",
            "ログインid",
            "ログイン名",
        ],
    ),
    ("display_name", &["name", "fullname", "氏名", "名前", "お名前", "表示名"]),
    (
        "phone",
        &[
            "phonenumber",
            "mobile",
            "mobilephone",
            "mobilenumber",
            "tel",
            "携帯",
            "携帯電話",
            "携帯番号",
            "携帯電話番号",
            "電話",
            "電話番号",
        ],
    ),
    ("password", &["パスワード"]),
    ("password_hash", &["hash", "パスワードハッシュ"]),
    ("groups", &["group", "グループ"]),
    ("disabled", &["無効"]),
];

/// Which column each field is; `None` for a field without a name.
#[derive(Debug)]
pub(super) struct Header(pub(super) Vec<Option<&'static str>>);

impl Header {
    /// Reads the names of the columns.
    pub(super) fn read<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, ImportRule> {
        let mut columns = Vec::new();
        for (position, name) in (1..).zip(names) {
            let folded = folded(name);
            if folded.is_empty() {
                columns.push(None);
                continue;
            }
            let column = known(&folded).ok_or(ImportRule::UnknownColumn(position))?;
            if columns.contains(&Some(column)) {
                return Err(ImportRule::Header("a column is there twice"));
            }
            columns.push(Some(column));
        }
        match columns.iter().rposition(Option::is_some) {
            None => Err(ImportRule::Header("the first line has no names of columns")),
            Some(_) if !columns.contains(&Some("username")) => {
                Err(ImportRule::Header("the column username is missing"))
            }
            Some(_) => Ok(Self(columns)),
        }
    }
}

fn known(folded: &str) -> Option<&'static str> {
    let is_this =
        |name: &str, others: &[&str]| name.replace('_', "") == folded || others.contains(&folded);
    COLUMNS.into_iter().find(|(name, others)| is_this(name, others)).map(|(name, _)| name)
}

fn folded(name: &str) -> String {
    let is_kept = |c: &char| c.is_alphanumeric() || *c == 'ー';
    name.nfkc().flat_map(char::to_lowercase).filter(is_kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_the_header() {
        for (names, expected) in [
            (&["username", "phone"][..], ["username", "phone"]),
            (&[" User Name ", "PHONE"], ["username", "phone"]),
            (&["User-ID", "Display Name"], ["username", "display_name"]),
            (&["ユーザーID", "電話番号"], ["username", "phone"]),
            (&["ﾕｰｻﾞｰ名", "携帯電話番号"], ["username", "phone"]),
            (&["ｕｓｅｒｎａｍｅ", "Password_Hash"], ["username", "password_hash"]),
            (&["ログインＩＤ", "氏名"], ["username", "display_name"]),
        ] {
            let header = Header::read(names.iter().copied()).unwrap();
            assert_eq!(header.0, expected.map(Some), "{names:?}");
        }
        let trailing = Header::read(["username", "phone", "", " "].into_iter()).unwrap();
        assert_eq!(trailing.0, [Some("username"), Some("phone"), None, None]);
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let read = |names: &[&str]| Header::read(names.iter().copied()).unwrap_err();
        assert_eq!(read(&["username", "passwort"]), ImportRule::UnknownColumn(2));
        assert!(matches!(read(&["user", "username"]), ImportRule::Header(_)));
        assert!(matches!(read(&["phone"]), ImportRule::Header(_)));
        assert!(matches!(read(&["", ""]), ImportRule::Header(_)));
    }
}
