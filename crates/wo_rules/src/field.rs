//! The fields of a work order that people and agents fill in, and nothing else: status, version,
//! numbers and other bookkeeping are never written by hand.

/// What a field holds, as its column type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// `text`
    Text,
    /// `numeric`, hours
    Hours,
    /// `boolean`
    Flag,
    /// `date`
    Date,
    /// `timestamptz`
    Time,
    /// `text[]`
    List,
    /// `jsonb` object
    Object,
}

macro_rules! fields {
    ($($variant:ident $name:literal $kind:ident $meaning:literal;)*) => {
        /// One field of a work order; the name is the column's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Field { $(#[doc = $meaning] $variant,)* }

        impl Field {
            /// Every field, in the order of the table's columns.
            pub const ALL: &'static [Field] = &[$(Field::$variant,)*];

            /// The column's name.
            pub fn name(self) -> &'static str {
                match self { $(Field::$variant => $name,)* }
            }

            /// What it holds.
            pub fn kind(self) -> FieldKind {
                match self { $(Field::$variant => FieldKind::$kind,)* }
            }

            /// What it means, in words for the column's comment and the reference.
            pub fn meaning(self) -> &'static str {
                match self { $(Field::$variant => $meaning,)* }
            }

            /// The field of that name, if there is one.
            pub fn parse(name: &str) -> Option<Field> {
                match name { $($name => Some(Field::$variant),)* _ => None }
            }
        }
    };
}

fields! {
    Title "title" Text "what is to be done, in one line";
    Description "description" Text "what is to be done, and how it is known to be right";
    Priority "priority" Text "one of the lifecycle's ordered labels";
    Project "project" Text "the project that the work belongs to";
    Requester "requester" Text "who is said to have asked for it: a claim, unlike the originator";
    Assignee "assignee" Text "who is to do the work";
    Source "source" Text "where it came from, derived by the server: automation, external or manual";
    Regulatory "regulatory" Flag "whether a regulated system is changed";
    Asset "asset" Text "what is changed: the asset's identifier";
    TaskType "task_type" Text "the kind of task, one of wo.task_type";
    DueDate "due_date" Date "the day by which it is to be done";
    PlannedStart "planned_start" Time "when the work is planned to start";
    PlannedEnd "planned_end" Time "when the work is planned to end";
    ActualStart "actual_start" Time "when the work started";
    ActualEnd "actual_end" Time "when the work ended";
    EstimatedHours "estimated_hours" Hours "the work expected, in hours";
    ActualHours "actual_hours" Hours "the work done, in hours";
    Tags "tags" List "labels for finding it again";
    AcceptanceCriteria "acceptance_criteria" Text "what must hold for the work to be accepted";
    Deliverables "deliverables" Text "what the work must produce";
    Notes "notes" Text "the assignee's notes: what blocks it, how it was resolved";
    ReviewNotes "review_notes" Text "what the reviewer found";
    CompletionSummary "completion_summary" Text "what was done, and its result";
    Deficiencies "deficiencies" List "what the reviewer found and wants corrected";
    BlockCause "block_cause" Text "why it is blocked: vendor, predecessor, resource, approval, agent_failure, budget, compliance, tool or other";
    Metadata "metadata" Object "anything else, for programs";
}

/// A set of fields, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct FieldSet(u32);

impl FieldSet {
    /// No field.
    pub const EMPTY: FieldSet = FieldSet(0);

    /// Every field.
    pub fn all() -> Self {
        Field::ALL.iter().copied().collect()
    }

    /// Adds one.
    pub fn insert(&mut self, field: Field) {
        self.0 |= 1 << field as u8;
    }

    /// Takes one away.
    pub fn remove(&mut self, field: Field) {
        self.0 &= !(1 << field as u8);
    }

    /// Whether it is in the set.
    pub fn contains(self, field: Field) -> bool {
        self.0 & (1 << field as u8) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What either holds.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What this holds and the other does not.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The members, in the order of the columns.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL.iter().copied().filter(move |field| self.contains(*field))
    }
}

impl FromIterator<Field> for FieldSet {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        let mut set = Self::EMPTY;
        for field in fields {
            set.insert(field);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_own_name() {
        for field in Field::ALL {
            assert_eq!(Field::parse(field.name()), Some(*field));
        }
        assert_eq!(Field::parse("status"), None);
    }

    #[test]
    fn a_set_holds_what_was_put_in_and_no_more() {
        let set: FieldSet = [Field::Notes, Field::Title].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), vec![Field::Title, Field::Notes]);
        assert!(set.minus(set).is_empty());
        assert_eq!(FieldSet::all().iter().count(), Field::ALL.len());
    }
}
