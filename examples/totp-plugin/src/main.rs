//! Logs in with a code from an authenticator app, and checks the plugin against the contract.
//!
//! ```text
//! cargo run -p totp-plugin
//! ```

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use mfa_plugin_api::{
    MfaPlugin, Services, Step, Subject, Submission,
    test_kit::{Candidate, TestLogin, check_contract},
};
use otp_core::oath::{Algorithm, OathSecret, Totp};
use totp_plugin::TotpPlugin;

fn app() -> Result<Totp, Box<dyn Error>> {
    // A host shows it to its user as a QR code.
    let secret = OathSecret::random(Algorithm::Sha1);
    Ok(Totp::new(secret, Algorithm::Sha1, 6, Duration::from_secs(30))?)
}

#[derive(Debug)]
struct Enrolled {
    plugin: TotpPlugin,
    app: Totp,
}

impl Enrolled {
    fn new(app: &Totp) -> Self {
        let plugin = TotpPlugin::default();
        plugin.enrol("alice", app.clone());
        Self { plugin, app: app.clone() }
    }

    /// Returns the code that the app shows at `now`.
    fn code_at(&self, now: SystemTime) -> String {
        self.app.code(now).expose_secret().to_owned()
    }
}

impl Candidate for Enrolled {
    fn plugin(&self) -> &dyn MfaPlugin {
        &self.plugin
    }

    fn subject(&self) -> Subject {
        Subject::new("example", "alice")
    }

    fn right_answer(&self) -> Submission {
        let login = TestLogin::new(&self.plugin, self.subject(), Services::new());
        Submission::new().with("code", self.code_at(login.now()))
    }

    fn wrong_answer(&self) -> Submission {
        let login = TestLogin::new(&self.plugin, self.subject(), Services::new());
        let step = Duration::from_secs(30);
        let right = [login.now() - step, login.now(), login.now() + step];
        let right = right.map(|at| self.code_at(at));
        // Of four codes, at most three are right.
        let wrong = ["000000", "000001", "000002", "000003"].map(str::to_owned);
        let wrong = wrong.into_iter().find(|code| !right.contains(code));
        Submission::new().with("code", wrong.unwrap_or_default())
    }
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "an example prints what it does")]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = app()?;
    let enrolled = Enrolled::new(&app);
    let login = TestLogin::new(&enrolled.plugin, enrolled.subject(), Services::new());

    let Step::Prompt(prompt) = login.begin().await? else { return Err("no prompt".into()) };
    println!("asked:     {} ({})", prompt.title.key(), prompt.fields[0].name);
    let Step::Prompt(prompt) = login.submit(&enrolled.wrong_answer()).await? else {
        return Err("a wrong code was not rejected".into());
    };
    let rejection = prompt.rejection.ok_or("no rejection")?;
    println!("rejected:  {}", rejection.message.key());
    let Step::Done(evidence) = login.submit(&enrolled.right_answer()).await? else {
        return Err("the right code was not accepted".into());
    };
    println!("satisfied: amr {}", evidence.methods[0].as_str());

    check_contract(|| Enrolled::new(&app)).await;
    println!("the plugin passes the contract");
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn example_succeeds() {
        super::main().unwrap();
    }
}
