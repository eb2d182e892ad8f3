//! Where a witness asks: a database, or files that somebody brought.

use std::path::Path;
use std::time::Duration;

use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Config, NoTls};
use wo_rules::ledger::proof::Consistency;

use super::{Failure, Source};
use crate::{Error, failed, one_line_break, read_text, shown};

/// A database that seals its ledger.
pub struct Database(Client);

impl Database {
    /// Connects. The connection is not encrypted: what it brings is signed, and where others could
    /// listen it belongs into a tunnel or on the database's own machine.
    ///
    /// # Errors
    /// What is no connection string, or reaches no database.
    pub fn connect(connection: &str) -> Result<Self, Error> {
        let mut config: Config =
            connection.parse().map_err(failed("the connection string cannot be read"))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        if config.get_application_name().is_none() {
            config.application_name("wo witness");
        }
        let mut client = config.connect(NoTls).map_err(|error| asking(&error))?;
        let limit = "set statement_timeout = '60s'; set idle_session_timeout = 0";
        client.batch_execute(limit).map_err(|error| asking(&error))?;
        Ok(Self(client))
    }

    /// Lets events wake the witness.
    ///
    /// # Errors
    /// A connection that is gone.
    pub fn listen(&mut self) -> Result<(), Error> {
        self.0.batch_execute("listen wo_event").map_err(|error| asking(&error))
    }

    /// Waits until an event comes, at most so long.
    ///
    /// # Errors
    /// A connection that is gone.
    pub fn wait(&mut self, at_most: Duration) -> Result<(), Error> {
        let mut notifications = self.0.notifications();
        let come = notifications.timeout_iter(at_most).next().map_err(|error| asking(&error))?;
        drop(come);
        // All of them are one reason to look.
        while notifications.iter().next().map_err(|error| asking(&error))?.is_some() {}
        Ok(())
    }
}

impl Source for Database {
    fn checkpoint(&mut self) -> Result<Option<String>, Failure> {
        self.0
            .query_one("select wo.checkpoint()", &[])
            .and_then(|row| row.try_get(0))
            .map_err(|error| Failure::CannotAsk(asking(&error)))
    }

    fn consistency(&mut self, from: u64, to: u64) -> Result<Consistency, Failure> {
        let (Ok(small), Ok(large)) = (i64::try_from(from), i64::try_from(to)) else {
            return Err(Failure::NoProof("no database has a tree of that size".to_owned()));
        };
        let query = "select wo.consistency_proof($1::bigint, $2::bigint)::text";
        let row = self.0.query_one(query, &[&small, &large]);
        let text: Option<String> = row.and_then(|row| row.try_get(0)).map_err(|error| {
            if is_answer(&error) {
                Failure::NoProof(said(&error))
            } else {
                Failure::CannotAsk(asking(&error))
            }
        })?;
        let text = text.ok_or_else(|| Failure::NoProof("the database gives none".to_owned()))?;
        Consistency::read(&text).map_err(|why| Failure::NoProof(shown(&why)))
    }

    fn can_be_asked(&self) -> bool {
        true
    }
}

/// Whether an error is about what was asked, rather than about who asks or whether the server works.
/// The classes of the latter: connection, rights, serialization, resources, operator, system.
fn is_answer(error: &postgres::Error) -> bool {
    const NO_ANSWER: [&str; 9] = ["08", "25", "28", "40", "42", "53", "57", "58", "3D"];
    error.code().is_some_and(|state| !NO_ANSWER.contains(&state.code().get(..2).unwrap_or("")))
}

fn asking(error: &postgres::Error) -> Error {
    Error::new(format!("cannot ask the database: {}", said(error)))
}

/// What the server says, or why it says nothing.
fn said(error: &postgres::Error) -> String {
    let said = match error.as_db_error() {
        Some(said) => said.message().to_owned(),
        None => match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    };
    shown(&said)
}

/// A checkpoint in a file, and the proof that it may need in another.
pub struct Files {
    checkpoint: String,
    proof: Option<Consistency>,
}

impl Files {
    /// Reads the files; `-` is the standard input.
    ///
    /// # Errors
    /// A file that cannot be read, or a proof that is none.
    pub fn read(checkpoint: &Path, proof: Option<&Path>) -> Result<Self, Error> {
        let checkpoint = one_line_break(&read_text(checkpoint)?);
        let proof = proof.map(|file| {
            Consistency::read(&read_text(file)?)
                .map_err(|why| Error::new(format!("{}: {}", file.display(), shown(&why))))
        });
        Ok(Self { checkpoint, proof: proof.transpose()? })
    }
}

impl Source for Files {
    fn checkpoint(&mut self) -> Result<Option<String>, Failure> {
        Ok(Some(self.checkpoint.clone()))
    }

    fn consistency(&mut self, from: u64, to: u64) -> Result<Consistency, Failure> {
        let needed = format!("a consistency proof from size {from} to {to} is needed");
        let why = match &self.proof {
            Some(proof) if (proof.from, proof.to) == (from, to) => return Ok(proof.clone()),
            Some(proof) => {
                format!("{needed}, and --proof has one from {} to {}", proof.from, proof.to)
            }
            None => format!("{needed}: give it with --proof"),
        };
        Err(Failure::CannotAsk(Error::new(why)))
    }

    fn can_be_asked(&self) -> bool {
        false
    }
}
