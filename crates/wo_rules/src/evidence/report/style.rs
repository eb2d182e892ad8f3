//! How the page looks on a screen and on paper. Nothing is shown by colour alone, and nothing needs
//! a background, which browsers leave out when they print.

/// The style sheet, with the work order's number and when the package was made at the foot of each
/// printed page.
pub(super) fn sheet(number: &str, made_at: &str) -> String {
    let foot = quoted(&format!("{} · package made {made_at}", shortened(number)));
    format!("{SHEET}@page {{ @bottom-left {{ content: {foot}; }} }}\n")
}

/// The longest number in the foot of a page, in letters.
const LONGEST: usize = 60;

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A CSS string in which nothing but letters, figures and blanks stands for itself, so that no text
/// can end it, nor the style sheet. The blank after the number of a letter belongs to the number.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            ' ' | '-' | '.' => quoted.push(letter),
            letter if letter.is_ascii_alphanumeric() => quoted.push(letter),
            letter => quoted.push_str(&format!("\\{:06x} ", u32::from(letter))),
        }
    }
    quoted.push('"');
    quoted
}

const SHEET: &str = include_str!("style.css");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_can_end_the_string_that_it_stands_in() {
        let sheet = sheet("</style>\"; } \\ \n*/", "x");
        let added = sheet.strip_prefix(SHEET).unwrap_or_default();
        assert!(!added.contains(['<', '/', '*', '\\', '\n']) || !added.contains("</"), "{added}");
        assert_eq!(added.matches('"').count(), 2);
        assert_eq!(added.matches('{').count(), added.matches('}').count());
    }
}
