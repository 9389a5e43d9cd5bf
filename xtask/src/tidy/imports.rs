//! Rules for imports: one `use` per crate in a module, and no circles between the files of a crate.
//!
//! A path is an import of the file that defines the item, so re-exports are followed. A `mod` line is not an
//! import. Tests do not count for circles.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    path::Path,
};

use anyhow::{Context, Result};
use syn::{
    Attribute, Block, File, Item, ItemMod, ItemUse, Stmt, UseTree, Visibility, visit::Visit,
};

/// Parses every Rust file and applies both rules.
///
/// # Errors
///
/// If a file cannot be read or parsed.
pub(crate) fn check(
    root: &Path,
    tracked: &[String],
    crates: &BTreeSet<String>,
) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let mut graphs: BTreeMap<&str, Crate> = BTreeMap::new();
    let is_rust = |path: &&String| Path::new(path).extension().is_some_and(|ext| ext == "rs");
    for path in tracked.iter().filter(is_rust) {
        // git still lists a deleted file until the commit.
        let Ok(text) = fs::read_to_string(root.join(path)) else { continue };
        let file = syn::parse_file(&text).with_context(|| path.clone())?;
        findings.extend(repeated(path, &file));
        let folder = crates.iter().find(|folder| path.starts_with(&format!("{folder}/src/")));
        if let Some(folder) = folder {
            let inside = &path[folder.len() + "/src/".len()..];
            graphs.entry(folder).or_default().add(path, inside, &file);
        }
    }
    for graph in graphs.values() {
        findings.extend(graph.circles());
    }
    Ok(findings)
}

/// Finds roots from which one module of `path` imports more than once.
fn repeated(path: &str, file: &File) -> Vec<String> {
    let mut scopes = Scopes { path, findings: Vec::new() };
    scopes.check_items(file.items.iter());
    scopes.visit_file(file);
    scopes.findings
}

struct Scopes<'a> {
    path: &'a str,
    findings: Vec<String>,
}

impl Scopes<'_> {
    fn check_items<'a>(&mut self, items: impl Iterator<Item = &'a Item>) {
        let mut seen: Vec<(&Visibility, &[Attribute], String)> = Vec::new();
        for item in items {
            let Item::Use(ItemUse { vis, attrs, tree: UseTree::Path(tree), .. }) = item else {
                continue;
            };
            let import = (vis, attrs.as_slice(), tree.ident.to_string());
            if seen.contains(&import) {
                let (path, name) = (self.path, &import.2);
                self.findings.push(format!("{path}: two imports from `{name}`; write one"));
            }
            seen.push(import);
        }
    }
}

impl<'ast> Visit<'ast> for Scopes<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if let Some((_, items)) = &module.content {
            self.check_items(items.iter());
        }
        syn::visit::visit_item_mod(self, module);
    }

    fn visit_block(&mut self, block: &'ast Block) {
        self.check_items(block.stmts.iter().filter_map(|statement| match statement {
            Stmt::Item(item) => Some(item),
            _ => None,
        }));
        syn::visit::visit_block(self, block);
    }
}

/// A path as its segments, from the crate's root.
type Segments = Vec<String>;

/// The modules of one crate that have a file of their own, by their paths.
#[derive(Default)]
struct Crate {
    modules: BTreeMap<Segments, Module>,
}

/// One file.
#[derive(Default)]
struct Module {
    file: String,
    /// The items that its `use` lines import, by their names in this file.
    names: BTreeMap<String, Segments>,
    /// The modules that it imports with `*`.
    globs: Vec<Segments>,
    /// The names of its own items.
    items: BTreeSet<String>,
    /// Every path in its code, from the crate's root.
    paths: BTreeSet<Segments>,
}

impl Crate {
    fn add(&mut self, file: &str, inside: &str, syntax: &File) {
        let Some(stem) = inside.strip_suffix(".rs") else { return };
        let path: Segments = match stem {
            "lib" | "main" => Vec::new(),
            stem => stem.split('/').map(str::to_owned).collect(),
        };
        let is_tests =
            path.last().is_some_and(|name| name == "tests") || inside.contains("/tests/");
        // `main.rs` next to `lib.rs` is a crate of its own, which only uses the library.
        if is_tests || (stem == "main" && self.modules.contains_key(&path)) {
            return;
        }
        let mut reader = Reader { here: path.clone(), module: Module::default() };
        reader.visit_file(syntax);
        self.modules.insert(path, Module { file: file.to_owned(), ..reader.module });
    }

    /// Returns the file that defines the item of `path`, or `None` if it is outside the crate.
    fn resolve(&self, path: &[String], depth: usize) -> Option<&Module> {
        // Re-exports can form a loop.
        const MAX_DEPTH: usize = 8;
        let mut at: &[String] = &[];
        for (index, name) in path.iter().enumerate() {
            if self.modules.contains_key(&path[..=index]) {
                at = &path[..=index];
                continue;
            }
            let module = self.modules.get(at)?;
            if module.items.contains(name) || depth == MAX_DEPTH {
                return Some(module);
            }
            let onward = |target: &Segments| {
                let whole = [target.as_slice(), &path[index + 1..]].concat();
                self.resolve(&whole, depth + 1)
            };
            return match module.names.get(name) {
                Some(target) => onward(target),
                None => module.globs.iter().find_map(|glob| {
                    let found = onward(&[glob.as_slice(), std::slice::from_ref(name)].concat())?;
                    found.items.contains(name).then_some(found)
                }),
            };
        }
        self.modules.get(at)
    }

    /// Returns, for each file, the files from which it imports.
    fn arrows(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let of = |module: &Module| {
            let targets = module.paths.iter().filter_map(|path| self.resolve(path, 0));
            targets.map(|target| target.file.as_str()).filter(|to| *to != module.file).collect()
        };
        self.modules.values().map(|module| (module.file.as_str(), of(module))).collect()
    }

    /// Finds a shortest circle through each file that is in one. Each circle is reported once.
    fn circles(&self) -> Vec<String> {
        let arrows = self.arrows();
        let mut found = BTreeSet::new();
        let mut findings = Vec::new();
        for start in arrows.keys() {
            let Some(circle) = shortest_circle(&arrows, start) else { continue };
            let files: BTreeSet<&str> = circle.iter().copied().collect();
            if found.insert(files) {
                findings.push(format!("{} → {start}: a circle of imports", circle.join(" → ")));
            }
        }
        findings
    }
}

/// Returns the files of a shortest circle through `start`, which comes first.
fn shortest_circle<'a>(
    arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    start: &'a str,
) -> Option<Vec<&'a str>> {
    let mut queue = VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = queue.pop_front() {
        for next in way.last().and_then(|last| arrows.get(last)).into_iter().flatten() {
            if *next == start {
                return Some(way);
            }
            if seen.insert(*next) {
                queue.push_back([way.as_slice(), &[*next]].concat());
            }
        }
    }
    None
}

/// Reads one file: its imports, its items and the paths that its code names.
struct Reader {
    /// The path of the current module: that of the file, or of a module inside it.
    here: Segments,
    module: Module,
}

impl Reader {
    /// Returns `path` from the crate's root, or `None` for a path into another crate.
    fn absolute(&self, path: &[String]) -> Option<Segments> {
        let mut base = self.here.clone();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                base.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|name| name == "super") {
                    base.pop()?;
                    rest = &rest[1..];
                }
            }
            first if self.module.items.contains(first) => {}
            _ => return None,
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    fn import(&mut self, tree: &UseTree, before: &mut Segments) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before);
                before.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before);
                }
            }
            UseTree::Glob(_) => {
                if let Some(path) = self.absolute(before) {
                    self.module.globs.push(path.clone());
                    self.module.paths.insert(path);
                }
            }
            UseTree::Name(name) => self.record_import(before, &name.ident, &name.ident),
            UseTree::Rename(name) => self.record_import(before, &name.ident, &name.rename),
        }
    }

    fn record_import(&mut self, before: &[String], name: &syn::Ident, as_name: &syn::Ident) {
        let mut path = before.to_vec();
        if name != "self" {
            path.push(name.to_string());
        }
        let known_as =
            if as_name == "self" { path.last().cloned() } else { Some(as_name.to_string()) };
        if let (Some(path), Some(known_as)) = (self.absolute(&path), known_as) {
            self.module.names.insert(known_as, path.clone());
            self.module.paths.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_file(&mut self, file: &'ast File) {
        // Names first: a path may begin with a module that is declared later.
        self.module.items = file.items.iter().filter_map(name_of).collect();
        syn::visit::visit_file(self, file);
    }

    fn visit_item(&mut self, item: &'ast Item) {
        if !attributes(item).iter().any(is_test_only) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.here.push(module.ident.to_string());
        syn::visit::visit_item_mod(self, module);
        self.here.pop();
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {
        // `pub(in crate::a)` has a path but imports nothing.
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(&item.tree, &mut Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Segments =
            path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1
            && let Some(path) = self.absolute(&segments)
        {
            self.module.paths.insert(path);
        }
        syn::visit::visit_path(self, path);
    }
}

fn is_test_only(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Mod(item) => &item.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(files: &[(&str, &str)]) -> Crate {
        let mut graph = Crate::default();
        for (inside, text) in files {
            graph.add(inside, inside, &syn::parse_str(text).unwrap());
        }
        graph
    }

    #[track_caller]
    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        graph(files).circles()
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn circle_of_two_files_is_found() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "pub struct B; fn f() { crate::a::A; }"),
        ];
        assert_eq!(circles(&files), ["a.rs → b.rs → a.rs: a circle of imports"]);
    }

    #[test]
    fn circle_of_three_files_is_reported_once() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "use super::c::C; pub struct B;"),
            ("c.rs", "use crate::a::A; pub struct C;"),
        ];
        assert_eq!(circles(&files), ["a.rs → b.rs → c.rs → a.rs: a circle of imports"]);
    }

    #[test]
    fn circle_of_parent_and_child_is_found() {
        let files = [
            ("lib.rs", "mod a;"),
            ("a.rs", "mod child; use self::child::B; pub struct A;"),
            ("a/child.rs", "use super::A; pub struct B;"),
        ];
        assert_eq!(circles(&files).len(), 1);
        let files = [
            ("lib.rs", "mod a;"),
            ("a.rs", "mod child; fn f() { child::g() } pub struct A;"),
            ("a/child.rs", "use super::A; pub fn g() {}"),
        ];
        assert_eq!(circles(&files).len(), 1);
    }

    #[test]
    fn reexport_counts_as_the_file_that_defines_the_item() {
        let files = [
            ("lib.rs", "mod a; mod b; pub use crate::{a::A, b::*};"),
            ("a.rs", "pub struct A;"),
            ("b.rs", "use crate::A; pub struct B;"),
        ];
        assert_eq!(circles(&files), NONE);
        let files = [
            ("lib.rs", "mod a; mod b; pub use crate::{a::A, b::*};"),
            ("a.rs", "use crate::B; pub struct A;"),
            ("b.rs", "use crate::A; pub struct B;"),
        ];
        assert_eq!(circles(&files).len(), 1);
    }

    #[test]
    fn tests_and_other_crates_do_not_count() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use b::B; pub struct A; #[cfg(test)] mod tests { use crate::b::B; }"),
            ("b.rs", "use crate::a::A; pub struct B;"),
        ];
        assert_eq!(circles(&files), NONE);
        let files = [
            ("lib.rs", "mod a;"),
            ("a.rs", "mod child; use self::child::f;"),
            ("a/child.rs", "pub(in crate::a) fn f() {}"),
        ];
        assert_eq!(circles(&files), NONE);
        let files =
            [("lib.rs", "mod a; pub struct L;"), ("a.rs", "use crate::L; pub struct A; mod b;")];
        assert_eq!(circles(&files), NONE);
    }

    #[test]
    fn second_import_from_one_crate_is_found_in_each_scope() {
        let found = |text: &str| repeated("a.rs", &syn::parse_str(text).unwrap());
        assert_eq!(
            found("use std::fmt; use std::io;"),
            ["a.rs: two imports from `std`; write one"]
        );
        assert_eq!(found("mod x { use super::A; use super::B; }").len(), 1);
        assert_eq!(found("fn f() { use std::fmt; use std::io; }").len(), 1);
        assert_eq!(found("use std::{fmt, io}; pub use std::mem; mod x { use std::fmt; }"), NONE);
        assert_eq!(found("use std::fmt; #[cfg(unix)] use std::os;"), NONE);
        assert_eq!(found("pub use self::a::A; pub use self::b::B;").len(), 1);
    }
}
