//! Who runs the command, for the audit trail.

use nix::unistd::{Uid, User};

/// Returns the operating system's user of this process, and who called `sudo` for it: `root`,
/// `mfa-gateway (sudo: alice)`, or `uid 1000` for a user without a name.
pub(crate) fn actor() -> String {
    #[expect(clippy::disallowed_methods, reason = "only the environment names who called sudo")]
    let sudo = std::env::var("SUDO_USER").ok();
    described(&name(Uid::current()), sudo.as_deref().and_then(known))
}

fn described(user: &str, sudo: Option<String>) -> String {
    match sudo {
        Some(caller) if caller != user => format!("{user} (sudo: {caller})"),
        _ => user.to_owned(),
    }
}

fn name(uid: Uid) -> String {
    match User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        // Containers often have users without a name.
        _ => format!("uid {uid}"),
    }
}

/// Returns the name as the system spells it, so that the trail takes no other text.
fn known(name: &str) -> Option<String> {
    User::from_name(name).ok().flatten().map(|user| user.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_actor_is_a_user_of_the_system() {
        assert_eq!(described("root", None), "root");
        assert_eq!(described("root", known("root")), "root");
        assert_eq!(described("gateway", known("root")), "gateway (sudo: root)");
        assert_eq!(described("gateway", known("nobody at all\n")), "gateway");
        assert_eq!(name(Uid::from_raw(0)), "root");
        assert_eq!(name(Uid::from_raw(4_000_000_000)), "uid 4000000000");
    }
}
