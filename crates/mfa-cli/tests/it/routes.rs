//! The inventory of the gateway's own routes: what each method of each path needs (OWASP ASVS 6.3.4).

use std::collections::BTreeSet;

use mfa_demo::Browser;
use mfa_gateway::own_paths;
use reqwest::{Client, Method, header::LOCATION};

use crate::harness::{ALICE, BOB, Demo, log_in, plain_client, reach_code};

const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "TRACE"];

/// The response to a request from the right origin, without the token of a form.
type Response = &'static str;

const PAGE: Response = "200";
const NOT_FOUND: Response = "404";
const NO_LOGIN: Response = "401";
/// No `POST` does anything without the token of a form, whatever cookies come with it. The tests of logins show
/// what it does with one.
const NO_TOKEN: Response = "403";
const WRONG_METHOD: Response = "405";
const TO_LOGIN: Response = "303 /_mfa/login";
const TO_FACTOR: Response = "303 /_mfa/factor";
const TO_APPLICATION: Response = "303 /";
const SIGNED_OUT: Response = "303 /_mfa/login?why=signed-out";

/// Each row: path below the prefix, method, and the responses to a browser without cookies, to one with a login that
/// lacks its code, and to one with a session. `HEAD` is as `GET`; every other method is wrong.
const INVENTORY: [(&str, &str, [Response; 3]); 15] = [
    ("login", "GET", [PAGE, PAGE, TO_APPLICATION]),
    ("login", "POST", [NO_TOKEN; 3]),
    ("factor", "GET", [NO_LOGIN, PAGE, TO_APPLICATION]),
    ("factor", "POST", [NO_LOGIN, NO_TOKEN, TO_APPLICATION]),
    ("factor/action", "GET", [TO_FACTOR; 3]),
    ("factor/action", "POST", [NO_LOGIN, NO_TOKEN, TO_APPLICATION]),
    ("factor/cancel", "GET", [TO_FACTOR; 3]),
    ("factor/cancel", "POST", [NO_LOGIN, NO_TOKEN, TO_APPLICATION]),
    ("factor/events", "GET", [NO_LOGIN, PAGE, NO_LOGIN]),
    ("step-up", "GET", [TO_LOGIN, TO_LOGIN, TO_APPLICATION]),
    ("step-up", "POST", [NO_TOKEN; 3]),
    ("account", "GET", [TO_LOGIN, TO_LOGIN, PAGE]),
    ("logout", "GET", [TO_LOGIN, TO_LOGIN, PAGE]),
    ("logout", "POST", [SIGNED_OUT, SIGNED_OUT, NO_TOKEN]),
    // The pattern as a name: there is no such asset.
    ("assets/{*name}", "GET", [NOT_FOUND; 3]),
];

#[tokio::test]
async fn each_route_needs_what_its_row_says() {
    let listed: BTreeSet<&str> = INVENTORY.iter().map(|(path, ..)| *path).collect();
    assert_eq!(listed, own_paths().collect(), "a route has no row, or a row no route");

    let demo = Demo::start();
    let (mut pending, mut session) = (demo.browser(), demo.browser());
    reach_code(&mut pending, ALICE).await;
    log_in(&demo, &mut session, BOB).await;
    let callers = [String::new(), carried(&pending), carried(&session)];
    let client = plain_client();
    for path in listed {
        for method in METHODS {
            let expected = expected(path, method);
            for (cookies, expected) in callers.iter().zip(expected) {
                let seen = ask(&client, &demo.gateway, path, method, cookies).await;
                let who = if cookies.is_empty() { "no cookies" } else { cookies };
                assert_eq!(seen, expected, "{method} {path} with {who}");
            }
        }
    }
    // All of that has neither ended the session nor used up the pending login.
    let seen = ask(&client, &demo.gateway, "account", "GET", &callers[2]).await;
    assert_eq!(seen, PAGE);
    let seen = ask(&client, &demo.gateway, "factor", "GET", &callers[1]).await;
    assert_eq!(seen, PAGE);
}

/// Returns the responses that the inventory promises.
fn expected(path: &str, method: &str) -> [Response; 3] {
    let listed_as = if method == "HEAD" { "GET" } else { method };
    let row = INVENTORY.iter().find(|(p, m, _)| *p == path && *m == listed_as);
    row.map_or([WRONG_METHOD; 3], |(.., responses)| *responses)
}

/// Returns the status, and the target of a redirect. An event stream is not read to its end.
async fn ask(client: &Client, origin: &str, path: &str, method: &str, cookies: &str) -> String {
    let method: Method = method.parse().expect("a method");
    let mut request = client.request(method.clone(), format!("{origin}/_mfa/{path}"));
    request = request.header("origin", origin).header("cookie", cookies);
    if method == Method::POST {
        request = request.form(&[("factor", "sms-otp"), ("code", "123456")]);
    }
    let seen = request.send().await.expect("it answers");
    let status = seen.status().as_u16().to_string();
    match seen.headers().get(LOCATION) {
        Some(target) => format!("{status} {}", target.to_str().expect("text")),
        None => status,
    }
}

fn carried(browser: &Browser) -> String {
    let pairs = browser.cookies().iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join("; ")
}
