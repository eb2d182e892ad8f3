//! The sources of the extension, as far as the layers are concerned: the paths that a file names,
//! and where it says `unsafe`.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file.
pub struct Source {
    /// Its path below the repository.
    pub file: String,
    /// Its module, from the root of the crate.
    pub module: Vec<String>,
    tokens: Vec<Token>,
}

/// A word or one punctuation mark, and its line.
struct Token {
    text: String,
    line: usize,
}

/// A path that a file names, from the root of the crate.
pub struct Named {
    pub path: Vec<String>,
    pub line: usize,
}

impl Source {
    fn read(root: &Path, path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let file = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        Self::new(&file, &text)
    }

    /// The file of that name, which begins with `src/`.
    pub fn new(file: &str, text: &str) -> Self {
        let module = file.trim_start_matches("src/").trim_end_matches(".rs").split('/');
        let module = module.filter(|name| !["mod", "lib"].contains(name)).map(str::to_owned);
        Self { file: file.to_owned(), module: module.collect(), tokens: tokens(text) }
    }

    /// Every path that begins with `crate`, `super` or `self`; of a tree with braces, each branch.
    pub fn paths(&self) -> Vec<Named> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            let is_start = ["crate", "super", "self"].contains(&self.text(at));
            if is_start && self.is_separator(at + 1) && !(at > 1 && self.is_separator(at - 2)) {
                at = self.tree(at, Vec::new(), &mut found);
            } else {
                at += 1;
            }
        }
        found.iter_mut().for_each(|named| named.path = self.resolve(&named.path));
        found
    }

    /// The lines that say `unsafe`.
    pub fn unsafe_lines(&self) -> Vec<usize> {
        self.tokens.iter().filter(|token| token.text == "unsafe").map(|token| token.line).collect()
    }

    /// The lines that read a column and go on with a default where it is NULL.
    pub fn defaulted_columns(&self) -> Vec<usize> {
        let reads = |at: &usize| {
            self.text(*at) == "."
                && ["get", "named", "timestamp", "timestamp_named"].contains(&self.text(at + 1))
        };
        let defaults = |at: &usize| {
            let end = self.after_call(at + 2);
            self.text(end) == "."
                && ["unwrap_or", "unwrap_or_default", "map_or"].contains(&self.text(end + 1))
        };
        let line = |at: usize| self.tokens[at].line;
        (0..self.tokens.len()).filter(reads).filter(defaults).map(line).collect()
    }

    /// The token after a call whose type arguments, or arguments, begin at that one.
    fn after_call(&self, mut at: usize) -> usize {
        let mut depth = 0usize;
        while at < self.tokens.len() {
            match self.text(at) {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
            if depth == 0 && self.text(at - 1) == ")" {
                break;
            }
        }
        at
    }

    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    fn is_separator(&self, at: usize) -> bool {
        self.text(at) == ":" && self.text(at + 1) == ":"
    }

    /// Reads the path or tree at a token, below `before`; gives the token after it.
    fn tree(&self, mut at: usize, mut before: Vec<String>, found: &mut Vec<Named>) -> usize {
        let line = self.tokens[at].line;
        loop {
            if self.text(at) == "{" {
                at += 1;
                while at < self.tokens.len() && self.text(at) != "}" {
                    at = match self.text(at) {
                        "," => at + 1,
                        _ => self.tree(at, before.clone(), found),
                    };
                }
                return at + 1;
            }
            before.push(self.text(at).to_owned());
            at += 1;
            if !self.is_separator(at) || ["<", ""].contains(&self.text(at + 2)) {
                break;
            }
            at += 2;
        }
        found.push(Named { path: before, line });
        // A renaming.
        if self.text(at) == "as" { at + 2 } else { at }
    }

    fn resolve(&self, path: &[String]) -> Vec<String> {
        let mut from = self.module.clone();
        let mut rest = path;
        while let Some((first, others)) = rest.split_first() {
            match first.as_str() {
                "crate" => from.clear(),
                "self" => {}
                "super" => drop(from.pop()),
                _ => break,
            }
            rest = others;
        }
        from.extend(rest.iter().cloned());
        from
    }
}

/// Every source file of the extension.
pub fn sources() -> Vec<Source> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    collect(&root, &root.join("src"), &mut found);
    found.sort_by(|one, other| one.file.cmp(&other.file));
    found
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(Source::read(root, &path));
        }
    }
}

/// The tokens of Rust source, without comments, strings and characters.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut tokens, mut at, mut line) = (Vec::new(), 0, 1);
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    while at < chars.len() {
        let end = skipped(&chars, at);
        if end > at {
            line += chars[at..end].iter().filter(|c| **c == '\n').count();
            at = end;
            continue;
        }
        let mut end = at + 1;
        if is_word(chars[at]) {
            while end < chars.len() && is_word(chars[end]) {
                end += 1;
            }
        }
        tokens.push(Token { text: chars[at..end].iter().collect(), line });
        at = end;
    }
    tokens
}

/// The end of what is no token at that place: white space, a comment, a string, a character. The
/// place itself where a token begins there.
fn skipped(chars: &[char], at: usize) -> usize {
    let looking_at = |text: &str| {
        text.chars().enumerate().all(|(index, c)| chars.get(at + index).is_some_and(|it| *it == c))
    };
    let find = |from: usize, text: &str| {
        let wanted: Vec<char> = text.chars().collect();
        let rest = chars.get(from..).unwrap_or_default();
        let found = rest.windows(wanted.len()).position(|window| window == wanted);
        found.map_or(chars.len(), |index| from + index + wanted.len())
    };
    match chars[at] {
        c if c.is_whitespace() => at + 1,
        '/' if looking_at("//") => find(at, "\n") - 1,
        '/' if looking_at("/*") => find(at + 2, "*/"),
        'r' if looking_at("r\"") => find(at + 2, "\""),
        'r' if looking_at("r#\"") => find(at + 3, "\"#"),
        '"' => {
            let mut end = at + 1;
            while end < chars.len() && chars[end] != '"' {
                end += if chars[end] == '\\' { 2 } else { 1 };
            }
            end + 1
        }
        '\'' if looking_at("'\\") => find(at + 3, "'"),
        '\'' if chars.get(at + 2) == Some(&'\'') => at + 3,
        _ => at,
    }
}
