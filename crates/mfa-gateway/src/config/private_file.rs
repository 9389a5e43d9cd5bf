//! Files that hold a secret: who may read and write them.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use rustix::{
    fs::{Gid, OFlags, StatVfsMountFlags, fstatvfs},
    process::{getegid, geteuid, getgroups},
};
use zeroize::Zeroizing;

use super::problem::Refusal;

/// No secret is longer than this.
const MAX_BYTES: u64 = 64 * 1024;

/// Whether everybody on the machine may be able to read secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WorldReadable {
    /// The operator allows it.
    Allowed,
    /// Only on a file system that is mounted read-only, as containers get their secrets.
    OnReadOnlyMount,
}

/// Who runs the gateway, and how the file system is mounted.
#[derive(Debug, Clone)]
struct Reader {
    user: u32,
    groups: Vec<u32>,
    is_read_only_mount: bool,
}

/// Reads a file that holds a secret.
pub(super) fn read(path: &Path, rule: WorldReadable) -> Result<Zeroizing<String>, Refusal> {
    let unreadable = |error: io::Error| unreadable(path, &error);
    let file = open(path).map_err(unreadable)?;
    // Of the open file, so that it cannot be exchanged in between.
    let metadata = file.metadata().map_err(unreadable)?;
    ensure_private(path, &file, &metadata, rule)?;
    let mut text = Zeroizing::new(String::new());
    match file.take(MAX_BYTES).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(not_text(path)),
        Err(error) => Err(unreadable(error)),
    }
}

/// Checks a file that holds a secret in addition to other things. A file that does not exist holds none.
pub(super) fn check(path: &Path, rule: WorldReadable) -> Result<(), Refusal> {
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(path, &error)),
    };
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    ensure_private(path, &file, &metadata, rule)
}

fn open(path: &Path) -> io::Result<File> {
    // Opening a pipe would wait for its other end.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

fn ensure_private(
    path: &Path,
    file: &File,
    metadata: &Metadata,
    rule: WorldReadable,
) -> Result<(), Refusal> {
    if !metadata.is_file() {
        return Err(refused(
            path,
            ("which is not a file", "ファイルではありません"),
            ("name a file", "ファイルを指定してください"),
        ));
    }
    let mount = fstatvfs(file).map_err(|error| unreadable(path, &error.into()))?;
    let groups = getgroups().unwrap_or_default();
    let reader = Reader {
        user: geteuid().as_raw(),
        groups: groups.into_iter().chain([getegid()]).map(Gid::as_raw).collect(),
        is_read_only_mount: mount.f_flag.contains(StatVfsMountFlags::RDONLY),
    };
    judge(path, (metadata.uid(), metadata.gid()), metadata.mode(), &reader, rule)
}

/// Decides by owner, group and mode.
fn judge(
    path: &Path,
    (owner, group): (u32, u32),
    mode: u32,
    reader: &Reader,
    rule: WorldReadable,
) -> Result<(), Refusal> {
    let shown = path.display();
    let chmod = (format!("run: chmod 640 {shown}"), format!("chmod 640 {shown}を実行してください"));
    if mode & 0o022 != 0 {
        let what = ("which others may write", "ほかのユーザーも書き込めます");
        return Err(refused(path, what, chmod));
    }
    // Nothing can be changed on such a mount, and the container that has it sees no other users.
    if reader.is_read_only_mount {
        return Ok(());
    }
    if owner != 0 && owner != reader.user {
        let what = (
            format!("which belongs to the user with the number {owner}"),
            format!("番号{owner}のユーザーの所有です"),
        );
        let remedy = (
            format!("give it to root or to the gateway's user: chown root {shown}"),
            format!("rootかゲートウェイのユーザーの所有にしてください（chown root {shown}）"),
        );
        return Err(refused(path, what, remedy));
    }
    if mode & 0o007 != 0 && rule != WorldReadable::Allowed {
        let what = ("which everyone may read", "だれでも読めます");
        return Err(refused(path, what, chmod));
    }
    if mode & 0o040 != 0 && group != 0 && !reader.groups.contains(&group) {
        let what = (
            format!(
                "which the group with the number {group} may read, and the gateway is not in it"
            ),
            format!(
                "番号{group}のグループも読めますが、ゲートウェイはそのグループに属していません"
            ),
        );
        let remedy =
            (format!("run: chmod 600 {shown}"), format!("chmod 600 {shown}を実行してください"));
        return Err(refused(path, what, remedy));
    }
    Ok(())
}

fn refused(
    path: &Path,
    (what, what_ja): (impl Into<String>, impl Into<String>),
    remedy: (impl Into<String>, impl Into<String>),
) -> Refusal {
    let shown = path.display();
    let what =
        (format!("is kept in {shown}, {}", what.into()), format!("{shown}は{}", what_ja.into()));
    Refusal::new(what, (remedy.0.into(), remedy.1.into()))
}

fn unreadable(path: &Path, error: &io::Error) -> Refusal {
    let kind = error.kind();
    refused(
        path,
        (format!("which cannot be read ({kind})"), format!("読めません（{kind}）")),
        (
            "create the file and let the gateway's user read it",
            "ファイルを作り、ゲートウェイのユーザーが読めるようにしてください",
        ),
    )
}

fn not_text(path: &Path) -> Refusal {
    refused(
        path,
        ("which is not text", "テキストではありません"),
        ("make one with: openssl rand -base64 48", "openssl rand -base64 48で作ってください"),
    )
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    use mfa_pages::Language;

    use super::*;

    const OWN: Reader = Reader { user: 1000, groups: Vec::new(), is_read_only_mount: false };

    fn judged(owner: (u32, u32), mode: u32, reader: &Reader, rule: WorldReadable) -> String {
        let judged = judge(Path::new("k"), owner, mode, reader, rule);
        judged.err().map_or_else(String::new, |refusal| {
            refusal.assert_well_written();
            refusal.what(Language::En).to_owned()
        })
    }

    #[test]
    fn owner_group_and_mode_decide() {
        let strict = WorldReadable::OnReadOnlyMount;
        let member = Reader { groups: vec![50], ..OWN };
        let mounted = Reader { is_read_only_mount: true, ..OWN };
        for (owner, mode, reader, said) in [
            ((1000, 50), 0o600, &OWN, ""),
            ((1000, 50), 0o400, &OWN, ""),
            ((0, 50), 0o640, &member, ""),
            ((0, 0), 0o640, &OWN, ""),
            (
                (1000, 50),
                0o640,
                &OWN,
                "is kept in k, which the group with the number 50 may read, and the \
                 gateway is not in it",
            ),
            (
                (1001, 50),
                0o640,
                &member,
                "is kept in k, which belongs to the user with the number 1001",
            ),
            ((1000, 50), 0o604, &OWN, "is kept in k, which everyone may read"),
            ((1000, 50), 0o601, &OWN, "is kept in k, which everyone may read"),
            ((1000, 50), 0o620, &member, "is kept in k, which others may write"),
            ((0, 0), 0o602, &OWN, "is kept in k, which others may write"),
            ((0, 0), 0o444, &mounted, ""),
            ((65_534, 65_534), 0o444, &mounted, ""),
            ((0, 0), 0o666, &mounted, "is kept in k, which others may write"),
        ] {
            assert_eq!(judged(owner, mode, reader, strict), said, "{owner:?} {mode:o}");
        }
        assert_eq!(judged((0, 0), 0o444, &OWN, WorldReadable::Allowed), "");
        let foreign = judged((1001, 0), 0o444, &OWN, WorldReadable::Allowed);
        assert!(
            foreign.contains("belongs to the user"),
            "the switch allows reading only: {foreign}"
        );
        let written = judged((0, 0), 0o664, &OWN, WorldReadable::Allowed);
        assert!(written.contains("others may write"), "the switch allows reading only: {written}");
    }

    /// As the kubelet mounts a secret: the name leads to a folder that is exchanged as a whole.
    #[test]
    fn links_are_followed_to_the_file_that_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let dated = folder.path().join("..2026_11_30");
        fs::create_dir(&dated).expect("a folder");
        let file = dated.join("token");
        fs::write(&file, "a-token\n").expect("a file");
        symlink("..2026_11_30", folder.path().join("..data")).expect("a link");
        symlink("..data/token", folder.path().join("token")).expect("a link");
        let read_with = |mode| {
            fs::set_permissions(&file, Permissions::from_mode(mode)).expect("permissions");
            read(&folder.path().join("token"), WorldReadable::OnReadOnlyMount)
        };
        assert_eq!(read_with(0o600).expect("a secret").as_str(), "a-token\n");
        let refused = read_with(0o644).expect_err("everyone may read it");
        assert!(refused.what(Language::En).ends_with("which everyone may read"), "{refused:?}");
    }

    #[test]
    fn what_is_no_text_file_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let said = |path: &Path| {
            let refusal = read(path, WorldReadable::OnReadOnlyMount).expect_err("no secret");
            refusal.assert_well_written();
            refusal.what(Language::En).to_owned()
        };
        assert!(said(folder.path()).ends_with("which is not a file"));
        assert!(
            said(&folder.path().join("none")).contains("which cannot be read (entity not found)")
        );
        let file = folder.path().join("key");
        fs::write(&file, [0xff, 0xfe]).expect("a file");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("permissions");
        assert!(said(&file).ends_with("which is not text"));
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
        assert!(made.success());
        assert!(said(&pipe).ends_with("which is not a file"));
    }
}
