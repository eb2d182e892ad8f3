//! Dropping a partition whose rows stand in files.

use super::archive::Archive;
use super::export::{same_as_file, still};
use super::{files, month};
use crate::pg::run_as::as_owner;
use crate::pg::statement::Statement;
use wo_rules::retention::name::source_of;

/// Drops the partition of an archived month, after making sure that its files hold every row of it. The
/// table of all months is locked for the moment that it takes to let go of one, and waited for a
/// tenth of a second at most.
///
/// # Errors
/// One plain sentence why it stays for now; nothing was changed then.
pub fn drop_partition(archive: &Archive, action: &str) -> Result<(), String> {
    let source = source_of(&archive.name).ok_or_else(|| "it has no archive's name".to_owned())?;
    let partition = || {
        month::partitions_of(source).into_iter().find(|partition| partition.name == archive.name)
    };
    let Some(attached) = partition() else { return Err("its partition is not there".to_owned()) };
    still(attached.partition)?;
    for (file, hash) in [
        (archive.data_file()?, &archive.data_sha256),
        (archive.proof_file()?, &archive.proof_sha256),
    ] {
        if files::hash_of(&file)?.as_slice() != hash.as_slice() {
            return Err("its files are not those that were written".to_owned());
        }
    }
    same_as_file(archive)?;
    // PL/pgSQL, because a lock that is not to be had undoes no more than this.
    let drop_it = Statement::new(
        format!(
            "do $drop$
             declare
                before_it pg_catalog.text := pg_catalog.current_setting('lock_timeout');
             begin
                perform pg_catalog.set_config('lock_timeout', '100ms', true);
                alter table wo.{source} detach partition wo.{name};
                drop table wo.{name};
                perform pg_catalog.set_config('lock_timeout', before_it, true);
             exception when lock_not_available then
                null;
             end
             $drop$",
            name = archive.name
        ),
        &[],
    );
    as_owner(|| drop_it.run_unkept());
    if partition().is_some() {
        return Err("somebody is using it".to_owned());
    }
    archive.mark(action, false);
    Ok(())
}
