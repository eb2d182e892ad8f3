//! The database roles that tables are granted to.

/// A database role of wo_core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May use the API and its tables.
    User,
    /// May administer tenants, issuers, principals and lifecycles.
    Admin,
    /// May read everything of a tenant and write nothing.
    Auditor,
    /// May read the metrics and nothing else.
    Monitor,
    /// May read the outbox of all tenants.
    Bridge,
    /// Finds out who is acting.
    Identity,
    /// Checks rules and writes the audit trail and the outbox.
    Trail,
    /// Runs the guard functions that an administrator registered.
    Guard,
    /// Seals the audit trail of all tenants.
    Ledger,
    /// The background worker.
    Worker,
}

impl Role {
    /// Every role, in the order in which the generated SQL lists them.
    pub const ALL: [Self; 10] = [
        Self::User,
        Self::Admin,
        Self::Auditor,
        Self::Monitor,
        Self::Bridge,
        Self::Identity,
        Self::Trail,
        Self::Guard,
        Self::Ledger,
        Self::Worker,
    ];

    /// Its name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "wo_user",
            Self::Admin => "wo_admin",
            Self::Auditor => "wo_auditor",
            Self::Monitor => "wo_monitor",
            Self::Bridge => "wo_bridge",
            Self::Identity => "wo_identity",
            Self::Trail => "wo_trail",
            Self::Guard => "wo_guard",
            Self::Ledger => "wo_ledger",
            Self::Worker => "wo_worker",
        }
    }

    /// Whether it acts for one tenant at a time. The others work across tenants, each for one purpose.
    #[must_use]
    pub const fn is_of_one_tenant(self) -> bool {
        matches!(self, Self::User | Self::Admin | Self::Auditor | Self::Trail | Self::Guard)
    }
}

/// Sets of roles that many tables are granted to.
pub mod groups {
    use super::Role::{self, Admin, Auditor, Guard, Trail, User};

    /// Nobody.
    pub const NOBODY: &[Role] = &[];
    /// Members of a tenant, and the role that checks rules.
    pub const READERS: &[Role] = &[User, Admin, Auditor, Trail];
    /// The same, and the role that runs guard functions.
    pub const READERS_AND_GUARDS: &[Role] = &[User, Admin, Auditor, Trail, Guard];
    /// Administrators.
    pub const ADMINISTRATORS: &[Role] = &[Admin];
    /// Users of the API.
    pub const USERS: &[Role] = &[User];
    /// The enforcement layer.
    pub const ENFORCEMENT: &[Role] = &[Trail];
}
