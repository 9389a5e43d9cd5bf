//! The folder of the databases, which belongs to the gateway alone.

use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use anyhow::Context as _;
use mfa_pages::Language;
use rustix::process::geteuid;

use super::problem::Refusal;

/// Makes the folder of the databases, which its owner alone may use. Its parents are made as usual.
///
/// In a folder that others may write to, they could have put databases of their own, so it is refused. What others
/// may only read is narrowed: the databases, and the folder if it is the gateway's own.
///
/// # Errors
///
/// When the folder cannot be made, or when others may write to it.
pub(crate) fn prepare(folder: &Path) -> anyhow::Result<()> {
    let shown = folder.display();
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let made = parent.map_or(Ok(()), fs::create_dir_all).and_then(|()| {
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    });
    made.with_context(|| format!("cannot make the folder {shown}"))?;
    if let Err(refusal) = check(folder) {
        anyhow::bail!("the folder {shown} {}", refusal.in_language(Language::En));
    }
    narrow_folder(folder)
        .and_then(|()| narrow_databases(folder))
        .with_context(|| format!("cannot change the permissions of {shown}"))
}

/// Refuses a folder that others may write to. A folder that does not exist will be made.
pub(super) fn check(folder: &Path) -> Result<(), Refusal> {
    let Ok(metadata) = fs::metadata(folder) else { return Ok(()) };
    let shown = folder.display();
    let user = geteuid().as_raw();
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o777);
    if !metadata.is_dir() {
        return Err(Refusal::new(
            ("is not a folder", "フォルダーではありません"),
            (
                "name a folder, or remove the file",
                "フォルダーを指定するか、ファイルを削除してください",
            ),
        ));
    }
    // An administrator may work for the gateway's user.
    if user != 0 && owner != 0 && owner != user {
        return Err(Refusal::new(
            (
                format!("belongs to the user with the number {owner}"),
                format!("番号{owner}のユーザーの所有です"),
            ),
            (
                format!(
                    "name a folder inside of it, which the gateway makes itself: \"{shown}/mfa\""
                ),
                format!(
                    "そのなかのフォルダー（\"{shown}/mfa\"）を指定してください。ゲートウェイ\
                     が作ります"
                ),
            ),
        ));
    }
    if mode & 0o022 != 0 {
        return Err(Refusal::new(
            (
                format!("can be written by other users (mode {mode:04o})"),
                format!("ほかのユーザーも書き込めます（モード{mode:04o}）"),
            ),
            (
                format!(
                    "run: chmod 700 {shown}; or name a folder inside of it, which the gateway \
                     makes itself"
                ),
                format!(
                    "chmod 700 {shown}を実行するか、そのなかのフォルダーを指定してください。\
                     ゲートウェイが作ります"
                ),
            ),
        ));
    }
    Ok(())
}

/// Takes the permissions of others away from a folder that is the gateway's own.
fn narrow_folder(folder: &Path) -> io::Result<()> {
    let metadata = fs::metadata(folder)?;
    let is_readable = metadata.mode() & 0o007 != 0;
    if !is_readable {
        return Ok(());
    }
    if is_own(folder, metadata.uid(), geteuid().as_raw())? {
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        log_narrowed(folder);
    } else {
        tracing::warn!(
            event = "data.folder_readable",
            folder = %folder.display(),
            "others can list the folder of the databases; give the gateway a folder of its own"
        );
    }
    Ok(())
}

/// Whether nobody but `user` needs the folder of `owner`. All folders of the system belong to root, so root has to
/// find it empty, or with the databases in it.
fn is_own(folder: &Path, owner: u32, user: u32) -> io::Result<bool> {
    if user != 0 {
        return Ok(owner == user);
    }
    Ok(folder.join("auth.db").exists() || fs::read_dir(folder)?.next().is_none())
}

fn log_narrowed(path: &Path) {
    tracing::warn!(
        event = "data.permissions_narrowed",
        path = %path.display(),
        "other users could use this part of the databases; they no longer can"
    );
}

/// Takes the permissions of others away from the databases and the files that SQLite puts beside them.
fn narrow_databases(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_database = [".db", ".db-wal", ".db-shm", ".db-journal"]
            .iter()
            .any(|end| name.to_string_lossy().ends_with(end));
        let metadata = entry.metadata()?;
        if is_database && metadata.is_file() && metadata.mode() & 0o077 != 0 {
            fs::set_permissions(entry.path(), Permissions::from_mode(0o600))?;
            log_narrowed(&entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").mode() & 0o777
    }

    #[test]
    fn a_new_folder_is_for_its_owner_alone() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("a/b");
        prepare(&folder).expect("it can be made");
        assert_eq!(mode(&folder), 0o700);
        prepare(&folder).expect("it is there");
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused_and_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        for wide in [0o775, 0o770, 0o702, 0o777] {
            fs::set_permissions(folder.path(), Permissions::from_mode(wide)).expect("permissions");
            let said = prepare(folder.path()).expect_err("others may write to it").to_string();
            let named = format!("can be written by other users (mode {wide:04o}); run: chmod 700 ");
            assert!(said.contains(&named), "{said}");
            assert_eq!(mode(folder.path()), wide);
            check(folder.path()).expect_err("others may write to it").assert_well_written();
        }
    }

    #[test]
    fn a_folder_of_its_own_that_others_may_read_is_narrowed() {
        let folder = tempfile::tempdir().expect("a folder");
        for (before, after) in [(0o755, 0o700), (0o701, 0o700), (0o750, 0o750), (0o700, 0o700)] {
            fs::set_permissions(folder.path(), Permissions::from_mode(before))
                .expect("permissions");
            prepare(folder.path()).expect("nobody else may write to it");
            assert_eq!(mode(folder.path()), after, "{before:o}");
        }
    }

    #[test]
    fn root_narrows_no_folder_that_others_can_need() {
        let folder = tempfile::tempdir().expect("a folder");
        let is_own = |owner, user| is_own(folder.path(), owner, user).expect("a folder");
        assert!(is_own(0, 0) && is_own(1000, 1000) && !is_own(0, 1000));
        fs::write(folder.path().join("passwd"), "").expect("a file");
        assert!(!is_own(0, 0) && is_own(1000, 1000));
        fs::write(folder.path().join("auth.db"), "").expect("a file");
        assert!(is_own(0, 0));
    }

    #[test]
    fn databases_that_others_may_read_are_narrowed() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["auth.db", "auth.db-wal", "otp.db-shm", "notes.txt"] {
            let file = folder.path().join(name);
            fs::write(&file, "").expect("a file");
            fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("permissions");
        }
        prepare(folder.path()).expect("a folder of its own");
        for name in ["auth.db", "auth.db-wal", "otp.db-shm"] {
            assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
        }
        assert_eq!(mode(&folder.path().join("notes.txt")), 0o644, "it is no database");
    }

    #[test]
    fn a_file_is_no_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("data");
        fs::write(&file, "").expect("a file");
        let said = prepare(&file).expect_err("no folder").to_string();
        assert!(said.contains("is not a folder"), "{said}");
        check(&file).expect_err("no folder").assert_well_written();
    }
}
