//! Where a login leads: what is refused, stored and shown.

use auth_module::{AppName, Destination, InvalidAppName, InvalidDestination};

use crate::common::{app, destination};

#[test]
fn a_destination_that_could_leave_the_application_is_refused() {
    for path in
        ["", "a", "//evil.example", "/\\evil.example", "https://evil.example", "/\t/x", "/a b"]
    {
        assert_eq!(Destination::new(app(), path, None), Err(InvalidDestination), "{path}");
    }
    for path in ["/a?b", "/a#b", "/a\r\nSet-Cookie:x", "/\u{e9}", "/\u{7f}", "/\0"] {
        assert_eq!(Destination::new(app(), path, None), Err(InvalidDestination), "{path:?}");
    }
    for query in ["a#b", "a\\b", "a b", "a\r\nSet-Cookie:x", "\u{3042}"] {
        let refused = Destination::new(app(), "/", Some(query.to_owned()));
        assert_eq!(refused, Err(InvalidDestination), "{query:?}");
    }
    assert_eq!(Destination::root(app()).path(), "/");
    assert_eq!(destination("/a//b?next=//x?y").query(), Some("next=//x?y"));
}

#[test]
fn an_application_has_a_plain_name() {
    let longest = "a".repeat(63);
    for name in ["a", "shop", "shop-2", &longest] {
        assert_eq!(AppName::new(name).map(|name| name.to_string()), Ok(name.to_owned()));
    }
    for name in ["", "2shop", "-shop", "Shop", "shop_2", "a.b", "\u{3042}", &format!("{longest}a")]
    {
        assert_eq!(AppName::new(name), Err(InvalidAppName), "{name}");
    }
}

#[test]
fn the_stored_form_is_stable() {
    for (to, stored) in [
        (destination("/a/b?x=1"), r#"{"app":"shop","path":"/a/b","query":"x=1"}"#),
        (destination("/a?"), r#"{"app":"shop","path":"/a","query":""}"#),
        (destination("/"), r#"{"app":"shop","path":"/"}"#),
    ] {
        assert_eq!(serde_json::to_string(&to).unwrap(), stored);
        assert_eq!(serde_json::from_str::<Destination>(stored).unwrap(), to);
    }
}

#[test]
fn a_stored_destination_is_checked_again() {
    for stored in [
        r#"{"app":"shop","path":"//evil.example"}"#,
        r#"{"app":"shop","path":"/","query":"a#b"}"#,
        r#"{"app":"Shop","path":"/"}"#,
        r#"{"path":"/"}"#,
    ] {
        serde_json::from_str::<Destination>(stored).expect_err(stored);
    }
}

#[test]
fn debug_shows_neither_path_nor_query() {
    let shown = format!("{:?}", destination("/reset/path-secret?token=query-secret"));
    assert!(shown.contains("shop"), "{shown}");
    assert!(!shown.contains("secret"), "{shown}");
}
