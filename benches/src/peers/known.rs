//! Which peers there are, and what is fair to say about each.

use std::path::Path;
use std::process::Command;

use super::{Drive, Peer};

const NO_RULES: &str = "it checks no gate, role or signature, has no tenants and chains no hash";

const PGMQ_COUNTS: &str = "select (select count(*) from pgmq.a_work)";
const ABSURD_COUNTS: &str = "select (select count(*) from absurd.r_work where state = 'completed'),
    (select count(*) from absurd.e_work)";

pub const PEERS: [Peer; 7] = [
    Peer {
        name: "pgmq 0.33.5 (crate)",
        package: "pgmq",
        drive: Drive::Sql {
            packages: &["pgmq"],
            before: "",
            setup: include_str!("../../peers/pgmq/setup.sql"),
            backlog: 1_000,
            ahead: 0,
            counts: PGMQ_COUNTS,
        },
        does: "read, archive and send in one transaction and one call, at a backlog of 1,000",
        lacks: NO_RULES,
    },
    Peer {
        name: "pgflow 0.8.1",
        package: "pgflow",
        drive: Drive::Sql {
            packages: &["pgmq", "pgflow"],
            before: include_str!("../../peers/pgflow/before.sql"),
            setup: include_str!("../../peers/pgflow/setup.sql"),
            backlog: 1_000,
            ahead: 700,
            counts: "select (select count(*) from pgflow.step_tasks where status = 'completed'),
                (select count(*) from pgflow.runs where status = 'completed')",
        },
        does: "read, start_tasks and complete_task of a flow of one step in one transaction and one call, at a backlog that shrinks to 1,000, with a table in the place of Supabase's broadcasts",
        lacks: NO_RULES,
    },
    Peer {
        name: "absurd 0.5.1, backlog 1,000",
        package: "absurd",
        drive: Drive::Sql {
            packages: &["absurd"],
            before: "",
            setup: include_str!("../../peers/absurd/setup.sql"),
            backlog: 1_000,
            ahead: 700,
            counts: ABSURD_COUNTS,
        },
        does: "claim_task, complete_run and emit_event in one transaction and one call, at a backlog that shrinks to 1,000",
        lacks: NO_RULES,
    },
    Peer {
        name: "absurd 0.5.1, backlog 20,000",
        package: "absurd",
        drive: Drive::Sql {
            packages: &["absurd"],
            before: "",
            setup: include_str!("../../peers/absurd/setup.sql"),
            backlog: 20_000,
            ahead: 0,
            counts: ABSURD_COUNTS,
        },
        does: "the same at a backlog of 20,000 at first",
        lacks: NO_RULES,
    },
    Peer {
        name: "DBOS 3.4.0",
        package: "dbos",
        drive: Drive::Program {
            command: |installed| {
                let mut command = Command::new(installed.join("venv/bin/python3"));
                command.arg(ours("dbos_transition.py"));
                command
            },
            setup: "",
            counts: "select count(*) from dbos.workflow_status where status = 'SUCCESS'",
        },
        does: "a workflow of one empty step, from sixteen threads of one Python process, which is part of what is measured",
        lacks: "it changes no record and sends no event; it checks no gate, role or signature and chains no hash",
    },
    Peer {
        name: "graphile-worker 0.18.0",
        package: "graphile_worker",
        drive: Drive::Program {
            command: |_| node("graphile_worker_transition.mjs"),
            setup: "",
            counts: "select count(*) from graphile_worker.jobs where task_identifier = 'moved'",
        },
        does: "a job that adds a job for its event, sixteen at once in one Node process, which is part of what is measured",
        lacks: "it keeps no history: the row of a finished job is deleted; it checks no gate, role or signature and chains no hash",
    },
    Peer {
        name: "pg-boss 10.3.3",
        package: "pg_boss",
        drive: Drive::Program {
            command: |_| node("pg_boss_transition.mjs"),
            setup: "",
            counts: "select count(*) from pgboss.job where name = 'moved'",
        },
        does: "fetch, complete and send in three transactions, from sixteen loops of one Node process, which is part of what is measured; the newest version for Node 20",
        lacks: NO_RULES,
    },
];

fn ours(name: &str) -> String {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    peers.join(name).to_string_lossy().into_owned()
}

/// The packages are looked up from the directory that it runs in.
fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(ours(script));
    command
}
