//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Parser, Subcommand};
use uuid::Uuid;
use wo_rules::secret::reference::{self, Reference};

/// The program's version, and what it understands.
const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\nunderstands the extension wo_core ",
    env!("CARGO_PKG_VERSION"),
    ", and evidence packages wo_core.evidence.v1"
);

const EXIT_CODES: &str = "\
Exit codes:
  0  done; the package is intact; the ledger goes on
  1  refused; the package is not intact; the ledger does not go on
  2  it could not be decided or read; the command line is wrong";

#[derive(Parser)]
#[command(
    name = "wo",
    version = VERSION,
    about = "The client side of wo_core: keys, tokens, signatures, evidence and the ledger's witness",
    after_help = EXIT_CODES
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Make a private key, or print the public half of one
    #[command(subcommand)]
    Key(Key),
    /// Sign a token and print it
    Token(Token),
    /// Sign the payload of wo.request_signature, read from the standard input, and print the signature
    Sign {
        /// The private key's file
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseFile,
    },
    /// Verify an evidence package without the database
    ///
    /// Exits with 0 if the package is intact, with 1 if it is not, and with 2 if that could not be decided: the file
    /// cannot be read or is no package, a program parsed the package and wrote it again, or a checkpoint of another
    /// tree size was given without --consistency.
    Verify(Verify),
    /// Sign a recovery statement of the ledger
    #[command(subcommand)]
    Ledger(Ledger),
    /// Keep the ledger's checkpoints outside the database
    ///
    /// Exits with 0 if what the ledger has continues what was kept, with 1 if it is refused, and with 2 if the
    /// database or a file cannot be read.
    Witness(WitnessArguments),
    /// Use what wo.request_credential grants, or print what the vault needs for that
    #[command(subcommand)]
    Credential(Credential),
    /// Print the completions for a shell, to be loaded by it
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(clap::Args)]
pub struct Verify {
    /// The package, or - for the standard input
    pub file: PathBuf,
    /// The ledger's public key, or @ and the file that holds it
    #[arg(long, value_name = "KEY|@FILE")]
    pub sealing_key: Option<String>,
    /// A checkpoint that you trust, such as the one that a witness keeps
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Newer proofs than the package's: what wo.ledger_proof gives
    #[arg(long, value_name = "FILE")]
    pub proofs: Option<PathBuf>,
    /// That the checkpoint of the proofs and the one that you trust are of one ledger: what
    /// wo.consistency_proof gives for their sizes
    #[arg(long, value_name = "FILE")]
    pub consistency: Option<PathBuf>,
    /// An entry that is not sealed, in the checkpoint that you trust if there is one, is a problem
    #[arg(long)]
    pub require_sealed: bool,
    /// Report as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand)]
pub enum Ledger {
    /// Sign the statement of wo.recovery_statement, read from the standard input, and print it signed
    SignRecovery {
        /// The sealing key's file
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
}

#[derive(Subcommand)]
pub enum Credential {
    /// Exchange a grant for the secret
    ///
    /// Prints the secret to the standard output, byte for byte, and to the standard error which version it is. With a
    /// command, runs that with the secret in its environment, and exits as it does. Else exits with 0 if it has the
    /// secret, with 1 if the vault refuses the grant or has the version no more, and with 2 if the vault cannot be
    /// asked.
    Get(Box<CredentialGet>),
    /// Print the role and the policy to install in the vault, so that it gives one secret for the grants of one tenant
    Policy(Box<CredentialPolicy>),
}

#[derive(clap::Args)]
pub struct CredentialGet {
    /// What wo.request_credential returned, or - for the standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub grant: PathBuf,
    /// The address of Vault or OpenBao; BAO_ADDR counts too
    #[arg(long, value_name = "URL", env = "VAULT_ADDR")]
    pub vault_addr: Option<String>,
    /// Where the vault's JWT login is mounted
    #[arg(long, value_name = "PATH", default_value = "jwt")]
    pub auth_mount: String,
    /// The role of the login, where it is not the one of wo credential policy
    #[arg(long, value_name = "ROLE")]
    pub role: Option<String>,
    /// The vault's namespace
    #[arg(long, value_name = "NAMESPACE", env = "VAULT_NAMESPACE")]
    pub namespace: Option<String>,
    /// The certificates to trust, in PEM, in place of the usual ones
    #[arg(long, value_name = "FILE", env = "VAULT_CACERT")]
    pub ca_cert: Option<PathBuf>,
    /// Google's provider: projects/N/locations/global/workloadIdentityPools/POOL/providers/PROVIDER
    #[arg(long, value_name = "PROVIDER", env = "WO_GOOGLE_PROVIDER")]
    pub google_provider: Option<String>,
    /// Google's Security Token Service
    #[arg(long, value_name = "URL", default_value = "https://sts.googleapis.com")]
    pub google_sts: String,
    /// Google's Secret Manager
    #[arg(long, value_name = "URL", default_value = "https://secretmanager.googleapis.com")]
    pub google_secret_manager: String,
    /// Say which version it is as JSON; its member credentials is what wo.record_step takes
    #[arg(long)]
    pub json: bool,
    /// The variable in the command's environment that holds the secret
    #[arg(long, value_name = "NAME", requires = "command")]
    pub env: Option<String>,
    /// The command, behind --
    #[arg(last = true, requires = "env", value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

#[derive(clap::Args)]
pub struct CredentialPolicy {
    /// Where the secret is, as job plans say it; the version does not matter
    #[arg(value_parser = parse_reference)]
    pub reference: Reference,
    /// The tenant whose work orders may have it
    #[arg(long, value_name = "UUID")]
    pub tenant: Uuid,
    /// The issuer of the grants: wo_core.credential_issuer
    #[arg(long, value_name = "I", default_value = "wo_core")]
    pub issuer: String,
    /// The audience of the grants: wo_core.credential_audience
    #[arg(long, value_name = "A", default_value = "vault")]
    pub audience: String,
    /// Where the vault's JWT login is mounted
    #[arg(long, value_name = "PATH", default_value = "jwt")]
    pub auth_mount: String,
    /// Give it for this step alone
    #[arg(long, value_name = "KEY", value_parser = parse_bound)]
    pub step: Option<String>,
    /// Give it for this work order alone
    #[arg(long, value_name = "NUMBER", value_parser = parse_bound)]
    pub work_order: Option<String>,
    /// The database's public key in PEM: print how the login is set up too
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
    /// Google's provider: projects/N/locations/global/workloadIdentityPools/POOL/providers/PROVIDER
    #[arg(long, value_name = "PROVIDER", env = "WO_GOOGLE_PROVIDER")]
    pub google_provider: Option<String>,
    /// Print JSON in place of commands
    #[arg(long)]
    pub json: bool,
}

fn parse_reference(text: &str) -> Result<Reference, &'static str> {
    reference::parse(text).ok_or(
        "a reference is vault://mount/path#field[?version=n] or gcp-sm://projects/p/secrets/s/versions/n|latest",
    )
}

/// What a claim is bound to stands in commands and patterns: a name or a number, nothing else.
fn parse_bound(text: &str) -> Result<String, &'static str> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => Ok(text.to_owned()),
        false => Err("letters, digits, '-', '_' and '.' only"),
    }
}

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("source").required(true).args(["database", "checkpoint"])))]
pub struct WitnessArguments {
    /// The directory of what the witness keeps; made where there is none
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,
    /// The ledger's public key, or @ and the file that holds it
    #[arg(long, value_name = "KEY|@FILE")]
    pub sealing_key: String,
    /// The database to ask: a connection string, or @ and the file that holds it
    #[arg(long, value_name = "CONNINFO|@FILE")]
    pub database: Option<String>,
    /// Stay, and look whenever an event comes
    #[arg(long, requires = "database")]
    pub follow: bool,
    /// How long to wait for an event before looking anyway
    #[arg(long, value_name = "SPAN", default_value = "10s", requires = "follow",
        value_parser = wo_cli::parse_span)]
    pub every: TimeDelta,
    /// A checkpoint to look at, or - for the standard input
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// The consistency proof that the checkpoint needs
    #[arg(long, value_name = "FILE", requires = "checkpoint")]
    pub proof: Option<PathBuf>,
    /// A signed recovery statement, by which a smaller or another tree is accepted
    #[arg(long, value_name = "FILE")]
    pub recovery: Option<PathBuf>,
}

#[derive(clap::Args)]
pub struct PassphraseFile {
    /// The file whose first line is the passphrase; without it, the terminal is asked
    #[arg(long, value_name = "FILE", env = "WO_PASSPHRASE_FILE")]
    pub passphrase_file: Option<PathBuf>,
}

#[derive(Subcommand)]
pub enum Key {
    /// Make an Ed25519 key, keep the private half in a file, print the public half
    New(New),
    /// Print the public half of the key in a file, whatever the key is for
    Public {
        /// The private key's file
        file: PathBuf,
        /// Print it in PEM, as vaults take it
        #[arg(long)]
        pem: bool,
        #[command(flatten)]
        passphrase: PassphraseFile,
    },
}

#[derive(clap::Args)]
pub struct Token {
    /// The private key's file
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The name under which the database knows the public key
    #[arg(long, value_name = "K")]
    pub key_id: String,
    /// The issuer (iss)
    #[arg(long, value_name = "I")]
    pub issuer: String,
    /// For whom (sub)
    #[arg(long, value_name = "S")]
    pub subject: String,
    /// To whom the token is addressed (aud)
    #[arg(long, value_name = "A")]
    pub audience: String,
    /// The tenant in which it holds
    #[arg(long, value_name = "UUID")]
    pub tenant: Uuid,
    /// How long it holds: 90s, 15m, 2h, 7d
    #[arg(long, value_name = "SPAN", default_value = "15m", value_parser = wo_cli::parse_span)]
    pub expires_in: TimeDelta,
    /// When it begins to hold, now by default: an RFC 3339 time, or a span from now
    #[arg(long, value_name = "MOMENT", value_parser = wo_cli::parse_moment)]
    pub not_before: Option<DateTime<Utc>>,
}

#[derive(clap::Args)]
pub struct New {
    /// What the key is for
    #[arg(long = "for", value_name = "PURPOSE")]
    pub purpose: Purpose,
    /// The file to make; an existing one is not replaced
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The name of the ledger's key, such as ledger.example.com/production
    #[arg(long, required_if_eq("purpose", "ledger"))]
    pub name: Option<String>,
    /// How the key of credentials signs
    #[arg(long, value_name = "ALGORITHM", value_enum, default_value_t)]
    pub algorithm: GrantAlgorithm,
    #[command(flatten)]
    pub passphrase: PassphraseFile,
}

/// What a key is for.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum Purpose {
    /// Signs tokens; the file is not encrypted, so that a service can read it
    Issuer,
    /// Signs approvals; the file is encrypted with the signer's passphrase
    Signer,
    /// Seals the ledger; the file is not encrypted, so that the server can read it
    Ledger,
    /// Signs grants of credentials; the file is not encrypted, so that the server can read it
    Credential,
}

/// How grants of credentials are signed.
#[derive(Clone, Copy, Default, clap::ValueEnum)]
pub enum GrantAlgorithm {
    /// Ed25519, for Vault and OpenBao
    #[default]
    #[value(name = "EdDSA")]
    EdDsa,
    /// P-256, for Google Cloud too
    #[value(name = "ES256")]
    Es256,
}
