//! Texts of others on a terminal.

/// A text with everything escaped that could move the cursor, or turn the reading direction and so
/// make a line say something else than it does.
pub fn shown(text: &str) -> String {
    let is_harmful = |letter: char| {
        letter.is_control()
            || matches!(
                letter,
                '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
            )
    };
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_harmful(letter) {
            safe.extend(letter.escape_unicode());
        } else {
            safe.push(letter);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_others_cannot_move_the_cursor_nor_turn_the_line() {
        assert_eq!(shown("Zoë 小 \"x\""), "Zoë 小 \"x\"");
        assert_eq!(shown("a\u{1b}[2Kb\r\n"), "a\\u{1b}[2Kb\\u{d}\\u{a}");
        assert_eq!(shown("x\u{202e}y\u{2066}\u{9b}"), "x\\u{202e}y\\u{2066}\\u{9b}");
    }
}
