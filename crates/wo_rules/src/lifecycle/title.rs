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
        self.project_of(title).is_some()
    }

    /// The project that a title names; nothing where it does not follow the convention.
    pub fn project_of<'t>(&self, title: &'t str) -> Option<&'t str> {
        let (prefix, rest) = title.strip_prefix('[')?.split_once(']')?;
        let (project, category) = prefix.split_once('-')?;
        let follows = !project.is_empty()
            && project.chars().all(char::is_alphanumeric)
            && !category.trim().is_empty()
            && !category.contains('[')
            && rest.strip_prefix(' ').is_some_and(|rest| !rest.trim().is_empty());
        follows.then_some(project)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_title_names_its_project() {
        let convention = TitleConvention::new(String::new());
        assert_eq!(convention.project_of("[SS1-Operations] Migrate"), Some("SS1"));
        assert_eq!(convention.project_of("[EGS-Code-Standards] x"), Some("EGS"));
        assert_eq!(convention.project_of("Migrate"), None);
    }

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
