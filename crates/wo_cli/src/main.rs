//! `wo`: keys and tokens from the command line.

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Parser, Subcommand};
use uuid::Uuid;
use wo_cli::{Error, TokenRequest};

#[derive(Parser)]
#[command(name = "wo", version, about = "The client side of wo_core: keys and tokens")]
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
    Public { file: PathBuf },
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

fn run(command: Command) -> Result<String, Error> {
    match command {
        Command::Key(Key::New { out }) => {
            let key = wo_cli::new_key()?;
            wo_cli::write_key(&out, &key)?;
            Ok(wo_cli::public_key(&key.verifying_key()))
        }
        Command::Key(Key::Public { file }) => {
            Ok(wo_cli::public_key(&wo_cli::read_key(&file)?.verifying_key()))
        }
        Command::Token(t) => {
            let mut request =
                TokenRequest::new(&t.key_id, &t.issuer, &t.subject, &t.audience, t.tenant);
            if let Some(moment) = t.not_before {
                request.not_before = moment;
            }
            request.expires_at = wo_cli::after(request.not_before, t.expires_in)?;
            wo_cli::token(&wo_cli::read_key(&t.key)?, &request)
        }
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(printed) => {
            println!("{printed}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("wo: {error}");
            ExitCode::FAILURE
        }
    }
}
