//! Reads the tags of our own pages. It panics on tags that our templates must not contain.

const VOID: [&str; 4] = ["input", "link", "meta", "br"];
const VOID_IN_SVG: [&str; 3] = ["path", "rect", "circle"];

/// A start tag.
#[derive(Debug)]
pub struct Tag<'a> {
    /// The element's name.
    pub name: &'a str,
    /// Names and values in the order of the page. The value is empty if the attribute has none.
    pub attributes: Vec<(&'a str, &'a str)>,
}

impl<'a> Tag<'a> {
    /// Returns the value of the attribute `name`.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(found, _)| *found == name).map(|(_, value)| *value)
    }
}

/// Returns all start tags of a page.
///
/// # Panics
///
/// If a tag is not closed, is closed twice, or is not written as our templates write tags.
pub fn tags(html: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html.strip_prefix("<!doctype html>").expect("a doctype");
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if let Some(closing) = rest.strip_prefix('/') {
            let end = closing.find('>').expect("an end of the tag");
            assert_eq!(open.pop(), Some(&closing[..end]));
            rest = &closing[end + 1..];
            continue;
        }
        let (tag, after) = start_tag(rest);
        if !VOID.contains(&tag.name) && !VOID_IN_SVG.contains(&tag.name) {
            open.push(tag.name);
        }
        tags.push(tag);
        rest = after;
    }
    assert_eq!(open, Vec::<&str>::new(), "unclosed tags");
    tags
}

fn start_tag(mut rest: &str) -> (Tag<'_>, &str) {
    let end = rest.find([' ', '>', '\n', '/']).expect("an end of the name");
    let name = &rest[..end];
    assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "<{name}");
    rest = &rest[end..];
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>").or_else(|| rest.strip_prefix('>')) {
            return (Tag { name, attributes }, after);
        }
        let end = rest.find(['=', ' ', '>', '\n']).expect("an end of the attribute");
        let attribute = &rest[..end];
        rest = &rest[end..];
        let value = match rest.strip_prefix("=\"") {
            None => "",
            Some(quoted) => {
                let end = quoted.find('"').expect("a closing quotation mark");
                rest = &quoted[end + 1..];
                &quoted[..end]
            }
        };
        assert!(
            attributes.iter().all(|(other, _)| *other != attribute),
            "{name} has {attribute} twice"
        );
        attributes.push((attribute, value));
    }
}
