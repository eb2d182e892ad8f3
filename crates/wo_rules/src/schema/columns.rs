//! The columns of the tables and the types that they may have.

/// A domain of schema `wo`.
#[derive(Debug, PartialEq, Eq)]
pub struct Domain {
    /// Its name with the schema, as `format_type` shows it.
    pub name: &'static str,
    /// The type that its values have.
    pub base: Type,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `boolean`
    Boolean,
    /// `smallint`
    Smallint,
    /// `integer`
    Integer,
    /// `bigint`
    Bigint,
    /// `numeric`
    Numeric,
    /// `text`
    Text,
    /// `uuid`
    Uuid,
    /// `bytea`
    Bytea,
    /// `date`
    Date,
    /// `interval`
    Interval,
    /// `timestamp with time zone`
    TimestampTz,
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// `text[]`
    TextArray,
    /// `date[]`
    DateArray,
    /// A domain of ours.
    Domain(&'static Domain),
}

impl Type {
    /// Its name, as `format_type(atttypid, atttypmod)` shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Smallint => "smallint",
            Self::Integer => "integer",
            Self::Bigint => "bigint",
            Self::Numeric => "numeric",
            Self::Text => "text",
            Self::Uuid => "uuid",
            Self::Bytea => "bytea",
            Self::Date => "date",
            Self::Interval => "interval",
            Self::TimestampTz => "timestamp with time zone",
            Self::Json => "json",
            Self::Jsonb => "jsonb",
            Self::TextArray => "text[]",
            Self::DateArray => "date[]",
            Self::Domain(domain) => domain.name,
        }
    }

    /// The type that values of it have: that of a domain is its base type.
    #[must_use]
    pub const fn base(self) -> Self {
        match self {
            Self::Domain(domain) => domain.base,
            plain => plain,
        }
    }
}

/// The types by short names, for [`columns!`].
pub mod types {
    use super::{Domain, Type};

    /// `boolean`
    pub const BOOLEAN: Type = Type::Boolean;
    /// `smallint`
    pub const SMALLINT: Type = Type::Smallint;
    /// `integer`
    pub const INTEGER: Type = Type::Integer;
    /// `bigint`
    pub const BIGINT: Type = Type::Bigint;
    /// `numeric`
    pub const NUMERIC: Type = Type::Numeric;
    /// `text`
    pub const TEXT: Type = Type::Text;
    /// `uuid`
    pub const UUID: Type = Type::Uuid;
    /// `bytea`
    pub const BYTEA: Type = Type::Bytea;
    /// `date`
    pub const DATE: Type = Type::Date;
    /// `interval`
    pub const INTERVAL: Type = Type::Interval;
    /// `timestamp with time zone`
    pub const TIMESTAMPTZ: Type = Type::TimestampTz;
    /// `json`
    pub const JSON: Type = Type::Json;
    /// `jsonb`
    pub const JSONB: Type = Type::Jsonb;
    /// `text[]`
    pub const TEXT_ARRAY: Type = Type::TextArray;
    /// `date[]`
    pub const DATE_ARRAY: Type = Type::DateArray;
    /// A name or a label.
    pub const SHORT_TEXT: Type = domain(&Domain { name: "wo.short_text", base: TEXT });
    /// A reason or a description.
    pub const REMARK: Type = domain(&Domain { name: "wo.remark", base: TEXT });
    /// A long text.
    pub const DOCUMENT: Type = domain(&Domain { name: "wo.document", base: TEXT });
    /// A JSON value.
    pub const JSON_DOCUMENT: Type = domain(&Domain { name: "wo.json_document", base: JSONB });
    /// A list of texts.
    pub const TEXT_LIST: Type = domain(&Domain { name: "wo.text_list", base: TEXT_ARRAY });
    /// A list of days.
    pub const DATE_LIST: Type = domain(&Domain { name: "wo.date_list", base: DATE_ARRAY });
    /// The number of a work order.
    pub const ORDER_NUMBER: Type = domain(&Domain { name: "wo.order_number", base: TEXT });
    /// One line of text.
    pub const TITLE: Type = domain(&Domain { name: "wo.title", base: TEXT });
    /// Where work comes from.
    pub const WORK_SOURCE: Type = domain(&Domain { name: "wo.work_source", base: TEXT });
    /// Why work is blocked.
    pub const BLOCK_CAUSE: Type = domain(&Domain { name: "wo.block_cause", base: TEXT });
    /// Hours of work, with two decimals.
    pub const HOURS: Type = domain(&Domain { name: "wo.hours", base: NUMERIC });
    /// A JSON object.
    pub const JSON_MAP: Type = domain(&Domain { name: "wo.json_map", base: JSONB });
    /// A caller's own key for one creation.
    pub const IDEMPOTENCY_KEY: Type = domain(&Domain { name: "wo.idempotency_key", base: TEXT });
    /// A position in an order, counted from 1.
    pub const ORDINAL: Type = domain(&Domain { name: "wo.ordinal", base: BIGINT });
    /// A SHA-256 hash.
    pub const SHA256: Type = domain(&Domain { name: "wo.sha256", base: BYTEA });

    /// Where a finding comes from.
    pub const FINDING_SOURCE: Type = domain(&Domain { name: "wo.finding_source", base: TEXT });
    /// How severe a finding is.
    pub const FINDING_SEVERITY: Type = domain(&Domain { name: "wo.finding_severity", base: TEXT });
    /// What a finding is about.
    pub const FINDING_CATEGORY: Type = domain(&Domain { name: "wo.finding_category", base: TEXT });

    const fn domain(domain: &'static Domain) -> Type {
        Type::Domain(domain)
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub data_type: Type,
    /// Whether it may be NULL.
    pub is_nullable: bool,
}

/// A list of columns, written like a `CREATE TABLE`: `columns! { name TEXT, ended_at TIMESTAMPTZ NULL }`.
/// A column is NOT NULL unless it says NULL.
macro_rules! columns {
    ($($name:ident $data_type:ident $($null:ident)?),+ $(,)?) => {{
        #[allow(unused_imports)]
        use $crate::schema::{Column, types::*};
        &[$(Column {
            name: stringify!($name),
            data_type: $data_type,
            is_nullable: $crate::schema::columns!(@ $($null)?),
        }),+]
    }};
    (@ NULL) => { true };
    (@) => { false };
}
pub(crate) use columns;
