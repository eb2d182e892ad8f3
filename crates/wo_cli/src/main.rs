//! `wo`: keys, tokens, signatures and evidence from the command line.

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Parser, Subcommand};
use uuid::Uuid;
use wo_cli::{Error, Passphrase, Request, TokenRequest};

#[derive(Parser)]
#[command(
    name = "wo",
    version,
    about = "The client side of wo_core: keys, tokens, signatures and evidence"
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
    Verify {
        /// The package, or - for the standard input
        file: PathBuf,
        /// Report as JSON
        #[arg(long)]
        json: bool,
    },
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
        Command::Verify { file, json } => return Ok(verify(&file, json)),
    };
    println!("{printed}");
    Ok(ExitCode::SUCCESS)
}

/// 0 intact, 1 not intact, 2 cannot be read.
fn verify(file: &std::path::Path, json: bool) -> ExitCode {
    let verified = wo_cli::verify(file).and_then(|verified| {
        let text = if json { verified.json()? } else { verified.to_string() };
        Ok((verified.0.intact, text))
    });
    match verified {
        Ok((intact, text)) => {
            println!("{text}");
            ExitCode::from(u8::from(!intact))
        }
        Err(error) => {
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
