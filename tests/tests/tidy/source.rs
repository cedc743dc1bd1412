//! A Rust file, told apart into code, comments and string literals.

/// A string literal.
pub struct Literal {
    /// The line it begins in, from 1.
    pub line: usize,
    /// What is between the quotes, escapes as they are written.
    pub text: String,
}

/// A Rust file.
pub struct Source {
    /// From the root of the project, `/` between folders.
    pub path: String,
    /// The lines as they are.
    pub lines: Vec<String>,
    /// The lines, with blanks instead of comments and of what literals say.
    pub code: Vec<String>,
    /// The string literals.
    pub literals: Vec<Literal>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Text,
}

impl Source {
    /// Reads `text`.
    pub fn new(path: String, text: &str) -> Self {
        let (mut code, mut literals) = (Vec::with_capacity(text.len()), Vec::new());
        for (kind, part) in parts(text) {
            let line = code.split(|&byte| byte == b'\n').count();
            match kind {
                Kind::Code => code.extend_from_slice(part.as_bytes()),
                Kind::Comment | Kind::Text => {
                    code.extend(part.bytes().map(|byte| if byte == b'\n' { byte } else { b' ' }));
                }
            }
            if kind == Kind::Text {
                literals.push(Literal { line, text: part.to_owned() });
            }
        }
        let code = String::from_utf8(code).unwrap();
        let lines = |text: &str| text.lines().map(ToOwned::to_owned).collect();
        Self { path, lines: lines(text), code: lines(&code), literals }
    }

    /// The lines of code with their numbers, from 1, up to the tests at the end of the file.
    pub fn shipped(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self
            .code
            .windows(2)
            .position(|two| two[0].trim() == "#[cfg(test)]" && two[1].starts_with("mod "));
        self.numbered().take(tests.unwrap_or(self.code.len()))
    }

    /// The lines of code with their numbers, from 1.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.iter().enumerate().map(|(index, line)| (index + 1, line.as_str()))
    }

    /// Lines that are neither blank nor only a comment.
    pub fn code_lines(&self) -> usize {
        self.code.iter().filter(|line| !line.trim().is_empty()).count()
    }
}

/// The identifiers and keywords of a line of code.
pub fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

fn parts(text: &str) -> Vec<(Kind, &str)> {
    let mut parts = Vec::new();
    let (mut begin, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text[at..];
        let after_name = text[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        let Some((open, inside, close, kind)) = special(rest, after_name) else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        parts.push((Kind::Code, &text[begin..at + open]));
        parts.push((kind, &text[at + open..at + open + inside]));
        begin = at + open + inside;
        at = begin + close;
    }
    parts.push((Kind::Code, &text[begin..]));
    parts
}

/// The comment or literal `rest` begins with: lengths of what opens it, of what is inside, of what closes it.
fn special(rest: &str, after_name: bool) -> Option<(usize, usize, usize, Kind)> {
    if rest.starts_with("//") {
        return Some((0, rest.find('\n').unwrap_or(rest.len()), 0, Kind::Comment));
    }
    if rest.starts_with("/*") {
        return Some((0, rest.find("*/").map_or(rest.len(), |end| end + 2), 0, Kind::Comment));
    }
    if let Some(text) = rest.strip_prefix('"') {
        return Some((1, until_quote(text, '"'), 1, Kind::Text));
    }
    let raw = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r')).filter(|_| !after_name);
    if let Some(raw) = raw {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let open = rest.len() - raw.len() + hashes + 1;
            let close = format!("\"{}", "#".repeat(hashes));
            let inside = rest[open..].find(&close).unwrap_or(rest.len() - open);
            return Some((open, inside, close.len(), Kind::Text));
        }
    }
    // A letter in quotes, not a lifetime: it may be a quote or a slash.
    let letter = rest
        .strip_prefix('\'')
        .filter(|letter| letter.starts_with('\\') || letter.chars().nth(1) == Some('\''))?;
    let inside =
        if letter.starts_with('\\') { until_quote(letter, '\'') } else { letter.chars().next()?.len_utf8() };
    Some((1, inside, 1, Kind::Comment))
}

fn until_quote(text: &str, quote: char) -> usize {
    let mut escaped = false;
    let end = text.char_indices().find(|&(_, letter)| {
        let found = letter == quote && !escaped;
        escaped = letter == '\\' && !escaped;
        found
    });
    end.map_or(text.len(), |(end, _)| end)
}

#[test]
fn comments_and_literals_are_told_from_code() {
    let text = "let a = \"x // \\\" y\"; // \"no\"\n/* b\n */ let c = '\"'; let d: &'static str = r#\"SELECT \"1\"\"#;\n";
    let source = Source::new("a.rs".into(), text);
    let code: Vec<&str> = source.code.iter().map(|line| line.trim_end()).collect();
    assert_eq!(code[0].replace(' ', ""), "leta=\"\";");
    assert_eq!(code[1], "");
    assert_eq!(code[2].replace(' ', ""), "letc='';letd:&'staticstr=r#\"\"#;");
    let literals: Vec<(usize, &str)> =
        source.literals.iter().map(|one| (one.line, one.text.as_str())).collect();
    assert_eq!(literals, [(1, "x // \\\" y"), (3, "SELECT \"1\"")]);
    assert_eq!(source.code_lines(), 2);
}
