//! Going on after a loss: sealing has stopped because the database has not what was sealed, and goes
//! on behind a statement, signed with the sealing key, that says what was lost, what was kept, and why.

use super::administrators_only;
use super::situation::{self, Halt, Situation};
use super::store::Tiles;
use crate::kernel::configuration::record_of_installation;
use crate::kernel::event;
use crate::kernel::identity;
use crate::pg::error::{OrRefuse, refuse};
use pgrx::prelude::*;
use wo_rules::ledger::recovery::{Statement, check_reason};
use wo_rules::ledger::seal_state::Stop;
use wo_rules::ledger::{hash_text, one_line_break};
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::time::utc;

/// What the statement is to be about: the statement without its reason.
fn about(reason: &str) -> Result<(Situation, Statement), Refusal> {
    let cannot = |halt: Halt| {
        Refusal::new(SqlState::WrongState, "nothing_to_recover", halt.to_string())
            .hint(halt.remedy())
    };
    let situation = Situation::look(event::horizon()).map_err(cannot)?;
    match situation.judge(&mut Tiles::default()) {
        Err(Halt::Stop(Stop::Lost { lost, kept })) => {
            let statement = Statement {
                origin: situation.key.verifier().name().to_owned(),
                lost_size: lost.0,
                lost_root: lost.1,
                kept_size: kept.0,
                kept_root: kept.1,
                at: utc(identity::now()),
                reason: reason.to_owned(),
            };
            Ok((situation, statement))
        }
        Err(halt) => Err(cannot(halt)),
        Ok(_) => Err(Refusal::new(
            SqlState::WrongState,
            "nothing_to_recover",
            "nothing was lost: the database has all that was sealed here",
        )
        .hint("select * from wo.health(); says how the ledger stands.")),
    }
}

/// The text that the keeper of the key is to sign.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn recovery_statement(reason: Option<&str>) -> String {
    crate::kernel::version::check_tables();
    administrators_only("recover the ledger");
    let reason = reason.unwrap_or_default();
    let (_, statement) = about(reason).or_refuse();
    if let Err(wrong) = check_reason(reason) {
        refuse(
            Refusal::new(SqlState::GateNotMet, "fields_missing", wrong)
                .with("missing_fields", vec!["reason"])
                .hint("Say in one line why the ledger has less than it had."),
        );
    }
    crate::kernel::secret::check_argument("wo.recovery_statement", "reason", Some(reason))
        .or_refuse();
    statement.body()
}

/// Records a signed statement, so that sealing goes on, and begins a new timeline.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn recover_ledger(signed_statement: Option<&str>) -> i32 {
    crate::kernel::version::check_tables();
    administrators_only("recover the ledger");
    // A shell takes the last line break from what it reads: psql -v signed="$(cat signed)".
    let note = one_line_break(signed_statement.unwrap_or_default());
    let (situation, now) = about("").or_refuse();
    let statement = Statement::open(&note, situation.key.verifier()).unwrap_or_else(|wrong| {
        refuse(
            Refusal::new(SqlState::NotPermitted, "recovery_not_signed", wrong)
                .hint("Have the keeper of the sealing key sign the text of wo.recovery_statement: wo ledger sign-recovery."),
        )
    });
    let is_about_this = (statement.lost_size, statement.lost_root, statement.kept_size)
        == (now.lost_size, now.lost_root, now.kept_size)
        && statement.kept_root == now.kept_root;
    if !is_about_this {
        refuse(
            Refusal::new(
                SqlState::WrongState,
                "recovery_of_another_loss",
                "the signed statement is not about what is lost and kept now",
            )
            .with("lost_size", now.lost_size)
            .with("lost_root", hash_text(&now.lost_root))
            .with("kept_size", now.kept_size)
            .with("kept_root", hash_text(&now.kept_root))
            .hint("select wo.recovery_statement('why'); and have that text signed."),
        );
    }
    let details = serde_json::json!({
        "statement": note,
        "lost": { "size": statement.lost_size, "root": hash_text(&statement.lost_root) },
        "kept": { "size": statement.kept_size, "root": hash_text(&statement.kept_root) },
    });
    record_of_installation(
        situation::SUBJECT,
        situation::CHAIN,
        situation::RECOVERED,
        Some(statement.reason.clone()),
        details.to_string(),
    );
    crate::kernel::timeline::begin_next(&statement.reason)
}
