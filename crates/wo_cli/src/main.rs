//! `wo`: keys, tokens, signatures, evidence and the witness of the ledger from the command line.

mod arguments;

use std::path::Path;
use std::process::ExitCode;

use arguments::{
    Arguments, Command, Credential, CredentialGet, CredentialPolicy, GrantAlgorithm, Key, Ledger,
    New, Purpose, Verify, WitnessArguments,
};
use clap::{CommandFactory, Parser};
use wo_cli::{
    Database, Error, Files, Grant, Known, Passphrase, Policy, Recovery, Request, Seen, Stop,
    TokenRequest, Vaults, Verdict, Witness,
};

fn run(command: Command) -> Result<ExitCode, Error> {
    let printed = match command {
        Command::Key(Key::New(new)) => new_key(new)?,
        Command::Key(Key::Public { file, pem: true, .. }) => wo_cli::public_pem(&file)?,
        Command::Key(Key::Public { file, passphrase, .. }) => {
            wo_cli::public_half(&file, &Passphrase::from(passphrase.passphrase_file))?
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
        Command::Sign { key, passphrase } => {
            let request = Request::read(std::io::stdin().lock())?;
            // Before the passphrase is asked for: who gives it has read what it is given for.
            eprint!("To be signed:\n{request}");
            let key =
                wo_cli::read_signing_key(&key, &Passphrase::from(passphrase.passphrase_file))?;
            wo_cli::sign(&key, &request)?
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
        Command::Credential(Credential::Get(arguments)) => return Ok(credential_get(&arguments)),
        Command::Credential(Credential::Policy(arguments)) => credential_policy(*arguments)?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "wo", &mut script);
            String::from_utf8_lossy(&script).trim_end().to_owned()
        }
    };
    println!("{printed}");
    Ok(ExitCode::SUCCESS)
}

/// Makes a key and returns its public half.
fn new_key(new: New) -> Result<String, Error> {
    let New { purpose, out, name, algorithm, passphrase } = new;
    match purpose {
        Purpose::Issuer => {
            let key = wo_cli::new_key()?;
            wo_cli::write_key(&out, &key)?;
            Ok(wo_cli::public_key(&key.verifying_key()))
        }
        Purpose::Signer => {
            let passphrase = Passphrase::from(passphrase.passphrase_file);
            let key = wo_cli::keep_signing_key(&out, &passphrase)?;
            Ok(wo_cli::public_key(&key.verifying_key()))
        }
        Purpose::Ledger => {
            // The command line is not accepted without a name.
            let name = name.unwrap_or_default();
            Ok(wo_cli::keep_sealing_key(&out, &name)?.to_string())
        }
        Purpose::Credential => {
            let is_es256 = matches!(algorithm, GrantAlgorithm::Es256);
            wo_cli::keep_grant_key(&out, is_es256)?;
            wo_cli::public_pem(&out)
        }
    }
}

/// 0 intact, 1 not intact, 2 could not be decided, or cannot be read.
fn verify(arguments: &Verify) -> ExitCode {
    let known = Known {
        sealing_key: arguments.sealing_key.as_deref(),
        checkpoint: arguments.checkpoint.as_deref(),
        proofs: arguments.proofs.as_deref(),
        consistency: arguments.consistency.as_deref(),
        require_sealed: arguments.require_sealed,
    };
    let verified = wo_cli::verify(&arguments.file, &known).and_then(|verified| {
        let verdict = verified.report.verdict;
        match (arguments.json, verdict) {
            (true, _) => Ok((verdict, verified.json()?)),
            (false, Verdict::NoPackage) => Err(verified.no_package()),
            (false, _) => Ok((verdict, verified.to_string())),
        }
    });
    match verified {
        Ok((verdict, text)) => {
            println!("{text}");
            ExitCode::from(match verdict {
                Verdict::Intact => 0,
                Verdict::NotIntact => 1,
                Verdict::Undecided | Verdict::Reformatted | Verdict::NoPackage => 2,
            })
        }
        Err(error) => stopped(Stop::CannotAsk(error)),
    }
}

/// 0 had, 1 refused, 2 cannot be asked; or as the command exits.
fn credential_get(arguments: &CredentialGet) -> ExitCode {
    use_credential(arguments).unwrap_or_else(stopped)
}

fn use_credential(arguments: &CredentialGet) -> Result<ExitCode, Stop> {
    let grant = Grant::read(&wo_cli::read_text(&arguments.grant)?)?;
    let address = std::env::var("BAO_ADDR").ok().filter(|address| !address.is_empty());
    let vaults = Vaults {
        address: arguments.vault_addr.clone().or(address),
        auth_mount: arguments.auth_mount.clone(),
        role: arguments.role.clone(),
        namespace: arguments.namespace.clone(),
        ca_certificate: arguments.ca_cert.clone(),
        google_provider: arguments.google_provider.clone(),
        google_sts: arguments.google_sts.clone(),
        google_secret_manager: arguments.google_secret_manager.clone(),
    };
    let got = wo_cli::exchange(&grant, &vaults)?;
    match arguments.json {
        true => eprintln!("{}", got.json()),
        false => eprintln!("wo: {got}"),
    }
    let Some((program, rest)) = arguments.command.split_first() else {
        got.print()?;
        return Ok(ExitCode::SUCCESS);
    };
    let name = arguments.env.as_deref().unwrap_or_default();
    Ok(ExitCode::from(wo_cli::run_with_secret(program, rest, name, &got.secret)?))
}

fn credential_policy(arguments: CredentialPolicy) -> Result<String, Error> {
    let key = arguments.public_key.as_deref().map(wo_cli::read_public_pem).transpose()?;
    let policy = Policy {
        reference: arguments.reference,
        tenant: arguments.tenant,
        issuer: arguments.issuer,
        audience: arguments.audience,
        auth_mount: arguments.auth_mount,
        step: arguments.step,
        work_order: arguments.work_order,
        key,
        google_provider: arguments.google_provider,
    };
    Ok(if arguments.json { policy.json() } else { policy.commands() })
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
