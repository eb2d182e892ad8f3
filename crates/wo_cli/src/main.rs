//! `wo`: keys, tokens, signatures, evidence and the witness of the ledger from the command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Parser, Subcommand};
use uuid::Uuid;
use wo_cli::{
    Database, Error, Files, Known, Passphrase, Recovery, Request, Seen, Stop, TokenRequest, Witness,
};

#[derive(Parser)]
#[command(
    name = "wo",
    version,
    about = "The client side of wo_core: keys, tokens, signatures, evidence and the ledger's witness"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a private key, or show the public half of one
    #[command(subcommand)]
    Key(Key),
    /// Sign a token and print it
    Token(Token),
    /// Make an Ed25519 key to sign with, keep it encrypted in a file, print the public half
    Keygen {
        /// The file to make; an existing one is not replaced
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseFile,
    },
    /// Sign the payload of wo.request_signature, read from the standard input, and print the signature
    Sign {
        /// The private key's file
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseFile,
    },
    /// Verify an evidence package without the database: exits with 0 if it is intact, 1 if it is
    /// not, 2 if it cannot be read
    Verify(Verify),
    /// Make the key that seals the ledger, show its public half, sign a recovery statement
    #[command(subcommand)]
    Ledger(Ledger),
    /// Keep the ledger's checkpoints outside the database: exits with 0 if what is there goes on from
    /// what was kept, 1 if it is refused, 2 if it cannot be asked
    Witness(WitnessArguments),
}

#[derive(clap::Args)]
struct Verify {
    /// The package, or - for the standard input
    file: PathBuf,
    /// The ledger's public key, or @ and the file that holds it
    #[arg(long, value_name = "KEY|@FILE")]
    sealing_key: Option<String>,
    /// A checkpoint that you trust, such as the one that a witness keeps
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Newer proofs than the package's: what wo.ledger_proof gives
    #[arg(long, value_name = "FILE")]
    proofs: Option<PathBuf>,
    /// That the checkpoint of the proofs and the one that you trust are of one ledger: what
    /// wo.consistency_proof gives for their sizes
    #[arg(long, value_name = "FILE")]
    consistency: Option<PathBuf>,
    /// An entry that is not sealed, in the checkpoint that you trust if there is one, is a problem
    #[arg(long)]
    require_sealed: bool,
    /// Report as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Ledger {
    /// Make a sealing key, keep it in a file, print its public half
    Key {
        /// The name of the key and of its ledger, such as ledger.example.com/production
        #[arg(long)]
        name: String,
        /// The file to make; an existing one is not replaced
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Print the public half of the sealing key in a file
    Public { file: PathBuf },
    /// Sign the statement of wo.recovery_statement, read from the standard input, and print it signed
    SignRecovery {
        /// The sealing key's file
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
}

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("source").required(true).args(["database", "checkpoint"])))]
struct WitnessArguments {
    /// The directory of what the witness keeps; made where there is none
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The ledger's public key, or @ and the file that holds it
    #[arg(long, value_name = "KEY|@FILE")]
    sealing_key: String,
    /// The database to ask: a connection string, or @ and the file that holds it
    #[arg(long, value_name = "CONNINFO|@FILE")]
    database: Option<String>,
    /// Stay, and look whenever an event comes
    #[arg(long, requires = "database")]
    follow: bool,
    /// How long to wait for an event before looking anyway
    #[arg(long, value_name = "SPAN", default_value = "10s", requires = "follow",
        value_parser = wo_cli::parse_span)]
    every: TimeDelta,
    /// A checkpoint to look at, or - for the standard input
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// The consistency proof that the checkpoint needs
    #[arg(long, value_name = "FILE", requires = "checkpoint")]
    proof: Option<PathBuf>,
    /// A signed recovery statement, by which a smaller or another tree is accepted
    #[arg(long, value_name = "FILE")]
    recovery: Option<PathBuf>,
}

#[derive(clap::Args)]
struct PassphraseFile {
    /// The file whose first line is the passphrase; without it, the terminal is asked
    #[arg(long, value_name = "FILE", env = "WO_PASSPHRASE_FILE")]
    passphrase_file: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Key {
    /// Make an Ed25519 key, keep the private half in a file, print the public half
    New {
        /// The file to make; an existing one is not replaced
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Print the public half of the key in a file
    Public {
        file: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseFile,
    },
}

#[derive(clap::Args)]
struct Token {
    /// The private key's file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The name under which the database knows the public key
    #[arg(long, value_name = "K")]
    key_id: String,
    /// Who vouches (iss)
    #[arg(long, value_name = "I")]
    issuer: String,
    /// For whom (sub)
    #[arg(long, value_name = "S")]
    subject: String,
    /// To whom the token is addressed (aud)
    #[arg(long, value_name = "A")]
    audience: String,
    /// The tenant in which it holds
    #[arg(long, value_name = "UUID")]
    tenant: Uuid,
    /// How long it holds: 90s, 15m, 2h, 7d
    #[arg(long, value_name = "SPAN", default_value = "15m", value_parser = wo_cli::parse_span)]
    expires_in: TimeDelta,
    /// When it begins to hold, now by default: an RFC 3339 time, or a span from now
    #[arg(long, value_name = "MOMENT", value_parser = wo_cli::parse_moment)]
    not_before: Option<DateTime<Utc>>,
}

fn run(command: Command) -> Result<ExitCode, Error> {
    let printed = match command {
        Command::Key(Key::New { out }) => {
            let key = wo_cli::new_key()?;
            wo_cli::write_key(&out, &key)?;
            wo_cli::public_key(&key.verifying_key())
        }
        Command::Key(Key::Public { file, passphrase }) => {
            let key =
                wo_cli::read_signing_key(&file, &Passphrase::from(passphrase.passphrase_file))?;
            wo_cli::public_key(&key.verifying_key())
        }
        Command::Token(t) => {
            let mut request =
                TokenRequest::new(&t.key_id, &t.issuer, &t.subject, &t.audience, t.tenant);
            if let Some(moment) = t.not_before {
                request.not_before = moment;
            }
            request.expires_at = wo_cli::after(request.not_before, t.expires_in)?;
            wo_cli::token(&wo_cli::read_key(&t.key)?, &request)?
        }
        Command::Keygen { out, passphrase } => {
            let key =
                wo_cli::keep_signing_key(&out, &Passphrase::from(passphrase.passphrase_file))?;
            wo_cli::public_key(&key.verifying_key())
        }
        Command::Sign { key, passphrase } => {
            let request = Request::read(std::io::stdin().lock())?;
            // Before the passphrase is asked for: who gives it has read what it is given for.
            eprint!("To be signed:\n{request}");
            let key =
                wo_cli::read_signing_key(&key, &Passphrase::from(passphrase.passphrase_file))?;
            wo_cli::sign(&key, &request)?
        }
        Command::Ledger(Ledger::Key { name, out }) => {
            wo_cli::keep_sealing_key(&out, &name)?.to_string()
        }
        Command::Ledger(Ledger::Public { file }) => {
            wo_cli::read_sealing_key(&file)?.verifier().to_string()
        }
        Command::Ledger(Ledger::SignRecovery { key }) => {
            let recovery = Recovery::read(&wo_cli::read_text(Path::new("-"))?)?;
            // Before it is signed: who signs has read what is given up.
            eprint!("To be signed:\n{recovery}");
            let note = recovery.sign(&wo_cli::read_sealing_key(&key)?)?;
            note.trim_end().to_owned()
        }
        Command::Verify(arguments) => return Ok(verify(&arguments)),
        Command::Witness(arguments) => return Ok(witness(&arguments)),
    };
    println!("{printed}");
    Ok(ExitCode::SUCCESS)
}

/// 0 intact, 1 not intact, 2 cannot be read.
fn verify(arguments: &Verify) -> ExitCode {
    let known = Known {
        sealing_key: arguments.sealing_key.as_deref(),
        checkpoint: arguments.checkpoint.as_deref(),
        proofs: arguments.proofs.as_deref(),
        consistency: arguments.consistency.as_deref(),
        require_sealed: arguments.require_sealed,
    };
    let verified = wo_cli::verify(&arguments.file, &known).and_then(|verified| {
        let text = if arguments.json { verified.json()? } else { verified.to_string() };
        Ok((verified.0.intact, text))
    });
    match verified {
        Ok((intact, text)) => {
            println!("{text}");
            ExitCode::from(u8::from(!intact))
        }
        Err(error) => stopped(Stop::CannotAsk(error)),
    }
}

/// 0 accepted, 1 refused, 2 cannot be asked.
fn witness(arguments: &WitnessArguments) -> ExitCode {
    match look(arguments) {
        Ok(seen) => {
            println!("{seen}");
            ExitCode::SUCCESS
        }
        Err(stop) => stopped(stop),
    }
}

fn look(arguments: &WitnessArguments) -> Result<Seen, Stop> {
    let key = wo_cli::read_verifier_key(&arguments.sealing_key)?;
    let recovery = arguments.recovery.as_deref().map(wo_cli::read_text).transpose()?;
    let recovery = recovery.as_deref();
    let witness = Witness::open(&arguments.state, key)?;
    if let Some(checkpoint) = &arguments.checkpoint {
        let mut files = Files::read(checkpoint, arguments.proof.as_deref())?;
        return witness.look(&mut files, recovery);
    }
    let database = arguments.database.as_deref().unwrap_or_default();
    let database = match database.strip_prefix('@') {
        Some(file) => wo_cli::read_text(Path::new(file))?,
        None => database.to_owned(),
    };
    let database = database.trim();
    if !arguments.follow {
        return witness.look(&mut Database::connect(database)?, recovery);
    }
    let every = arguments.every.to_std().unwrap_or_default();
    let mut say = |seen: &Seen| println!("{seen}");
    let mut complain = |error: &Error| eprintln!("wo: {error}; trying again");
    match wo_cli::follow(&witness, database, recovery, every, &mut say, &mut complain) {
        Ok(never) => match never {},
        Err(line) => Err(Stop::Refused(line)),
    }
}

fn stopped(stop: Stop) -> ExitCode {
    match stop {
        Stop::Refused(line) => {
            eprintln!("wo: REFUSED: {line}");
            ExitCode::FAILURE
        }
        Stop::CannotAsk(error) => {
            eprintln!("wo: {error}");
            ExitCode::from(2)
        }
    }
}

fn main() -> ExitCode {
    run(Arguments::parse().command).unwrap_or_else(|error| {
        eprintln!("wo: {error}");
        ExitCode::FAILURE
    })
}
