//! What the pictures of hierarchies and lifecycles have in common: their formats, and texts that nothing
//! can break out of.

use crate::refusal::{Refusal, SqlState};

/// A language to draw in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Mermaid: a flowchart of a hierarchy, a state diagram of a lifecycle.
    Mermaid,
    /// A Graphviz digraph.
    Dot,
    /// A picture that needs nothing else.
    Svg,
}

impl Format {
    /// The format of that name: `mermaid` (the default), `dot` or `svg`.
    ///
    /// # Errors
    /// 22023 `format_unknown`.
    pub fn parse(name: Option<&str>) -> Result<Self, Refusal> {
        match name.unwrap_or("mermaid") {
            "mermaid" => Ok(Self::Mermaid),
            "dot" => Ok(Self::Dot),
            "svg" => Ok(Self::Svg),
            other => {
                let shown: String = other.chars().take(63).collect();
                Err(Refusal::new(
                    SqlState::BadValue,
                    "format_unknown",
                    format!("there is no diagram format \"{shown}\""),
                )
                .hint("The formats are mermaid, dot and svg."))
            }
        }
    }
}

/// One line of what a reader would see, at most `room` wide, with an ellipsis where it is cut.
pub(crate) fn shortened(text: &str, room: f64) -> String {
    let text = plain(text);
    if text.chars().map(width).sum::<f64>() <= room {
        return text;
    }
    let mut left = room - width('…');
    let fits = |letter: &char| {
        left -= width(*letter);
        left >= 0.0
    };
    let cut: String = text.chars().take_while(fits).collect();
    format!("{}…", cut.trim_end_matches([' ', ZERO_WIDTH_JOINER]))
}

const ZERO_WIDTH_JOINER: char = '\u{200D}';

/// The text in one line, without what is not seen but would change how the rest is: controls,
/// marks of the writing direction, and what XML does not admit.
pub(crate) fn plain(text: &str) -> String {
    let unseen = |letter: &char| {
        matches!(letter, '\u{61C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{FFFE}' | '\u{FFFF}' | '\u{E0000}'..='\u{E007F}')
    };
    let seen = text.chars().filter(|letter| !unseen(letter));
    let spaced: String =
        seen.map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// About how wide a letter is, in units of the size of its font, by a wide sans-serif font.
pub(crate) fn width(letter: char) -> f64 {
    match letter {
        '\u{300}'..='\u{36F}'
        | '\u{1AB0}'..='\u{1AFF}'
        | '\u{20D0}'..='\u{20FF}'
        | '\u{200C}'
        | ZERO_WIDTH_JOINER
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FE20}'..='\u{FE2F}'
        | '\u{E0100}'..='\u{E01EF}' => 0.0,
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '!' | '|' | ' ' => 0.34,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '-' | '/' | '\\' => 0.41,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 1.0,
        'a'..='z' | '0'..='9' => 0.63,
        '\0'..='\u{7F}' => 0.8,
        '\u{80}'..='\u{10FF}' => 0.9,
        '\u{1F000}'..='\u{1FBFF}' | '\u{2600}'..='\u{27BF}' => 1.4,
        _ => 1.1,
    }
}

/// Letters and figures as they are, everything else as the entity codes that Mermaid reads.
pub(crate) fn mermaid_text(text: &str) -> String {
    escaped(text, |letter| format!("#{};", u32::from(letter)))
}

/// For a double-quoted YAML scalar, in which Mermaid must not find a tag or a directive either.
pub(crate) fn yaml(text: &str) -> String {
    escaped(text, |letter| format!("\\U{:08X}", u32::from(letter)))
}

/// The text with every letter escaped that is neither a letter nor a figure nor one of a few plain signs.
pub(crate) fn escaped(text: &str, escape: impl Fn(char) -> String) -> String {
    let escape = |letter: char| match letter {
        ' ' | '-' | '_' | '.' | ',' => letter.to_string(),
        letter if letter.is_alphanumeric() => letter.to_string(),
        letter => escape(letter),
    };
    text.chars().map(escape).collect()
}

/// For a double-quoted DOT string, in which backslashes and HTML entities have a meaning.
pub(crate) fn dot_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('\\', "\\\\").replace('"', "\\\"")
}

/// For the text of an element or a quoted attribute of XML.
pub(crate) fn xml_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// The marker of an SVG at the end of a line, in pixels.
pub(crate) fn arrow(id: &str, colour: &str, size: f64) -> String {
    format!(
        "<marker id=\"{id}\" viewBox=\"0 0 10 10\" refX=\"9.5\" refY=\"5\" markerUnits=\"userSpaceOnUse\" \
         markerWidth=\"{size}\" markerHeight=\"{size}\" orient=\"auto\">\
         <path d=\"M0,0.5 L10,5 L0,9.5 z\" fill=\"{colour}\"/></marker>"
    )
}
