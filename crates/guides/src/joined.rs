//! Programs that a page shows in steps.

const MARK: &str = "continues";

/// Returns the page with each Rust block that has the mark `continues` made whole: the blocks of its program that come
/// before it are put in front, as lines that rustdoc compiles and does not show. A block with a `main` ends its
/// program, and later blocks continue without it.
pub(crate) fn joined(page: &str) -> String {
    let mut joined: Vec<String> = Vec::new();
    let mut program: Vec<&str> = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let (fence, info) = line.split_at(line.len() - line.trim_start_matches('`').len());
        if fence.len() < 3 {
            joined.push(line.to_owned());
            continue;
        }
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != fence).collect();
        let marks: Vec<&str> = info.split(' ').collect();
        let continues = marks.contains(&MARK);
        if continues {
            // A mark that rustdoc does not know can make it skip the block.
            let known: Vec<&str> = marks.iter().copied().filter(|mark| *mark != MARK).collect();
            joined.push(format!("{fence}{}", known.join(" ")));
            joined.extend(program.iter().map(|line| format!("# {line}")));
        } else {
            joined.push(line.to_owned());
        }
        if marks[0] == "rust" {
            if !continues {
                program.clear();
            }
            if !block.iter().any(|line| line.contains("fn main(")) {
                program.extend(&block);
            }
        }
        joined.extend(block.into_iter().map(str::to_owned));
        joined.push(fence.to_owned());
    }
    joined.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_continues_those_before_it_that_have_no_main() {
        let page = "```rust\na\n```\ntext\n```rust continues\nb\n```\n```toml\nt\n```\n\
                    ```rust continues\nfn main()\n```\n```rust continues should_panic\nfn main() 2\n```\n\
                    ```rust\nother\n```\n```rust continues\nend\n```";
        let expected = "```rust\na\n```\ntext\n```rust\n# a\nb\n```\n```toml\nt\n```\n\
                        ```rust\n# a\n# b\nfn main()\n```\n\
                        ```rust should_panic\n# a\n# b\nfn main() 2\n```\n\
                        ```rust\nother\n```\n```rust\n# other\nend\n```";
        assert_eq!(joined(page), expected);
    }

    #[test]
    fn a_page_without_the_mark_stays_as_it_is() {
        let page = "# Title\n\n````md\n```rust\na\n```\n````\n\n```rust\nb\n```";
        assert_eq!(joined(page), page);
    }
}
