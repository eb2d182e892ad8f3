//! The title convention of fleet tasks (spec/4 "Title convention").

/// Titles start with `[Project-Category]`, a space and what is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TitleConvention {
    hint: String,
}

impl TitleConvention {
    /// How a definition names the one convention there is.
    pub const PREFIX: &'static str = "[Project-Category]";

    pub(super) fn new(hint: String) -> Self {
        Self { hint }
    }

    /// The hint for somebody whose title does not follow it.
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// Whether the title follows it: a project of letters and digits, a category, and a rest.
    pub fn accepts(&self, title: &str) -> bool {
        let parts = title
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
            .and_then(|(prefix, rest)| Some((prefix.split_once('-')?, rest.strip_prefix(' ')?)));
        let Some(((project, category), rest)) = parts else { return false };
        !project.is_empty()
            && project.chars().all(char::is_alphanumeric)
            && !category.trim().is_empty()
            && !category.contains('[')
            && !rest.trim().is_empty()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_title_starts_with_project_and_category_in_brackets() {
        let convention = TitleConvention::new(String::new());
        for title in [
            "[SS1-Operations] Migrate dispatch worker to Cloud UB",
            "[Infrastructure-Critical] x",
            "[EGS-Code-Standards] two dashes belong to the category",
            "[船1-運営] 作業",
        ] {
            assert!(convention.accepts(title), "{title}");
        }
        for title in [
            "",
            "Migrate",
            "[SS1] Migrate",
            "[SS1-] Migrate",
            "[SS1- ] Migrate",
            "[-Operations] Migrate",
            "[S S1-Operations] Migrate",
            "[SS1-Operations]Migrate",
            "[SS1-Operations] ",
            "[SS1-Operations]",
            " [SS1-Operations] Migrate",
            "[SS1-Operations Migrate",
            "[SS1-[Operations]] Migrate",
        ] {
            assert!(!convention.accepts(title), "{title}");
        }
    }
}
