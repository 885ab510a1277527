//! Where PATH has no Terraform that fits, the pinned one is downloaded: only the true archive is ever installed.

use crate::common::{Checkout, Ran, link_all_but, path_without, run};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Answers every request with the same bytes and keeps the paths that were asked for.
pub(crate) struct Releases {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Releases {
    pub(crate) fn serve(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut head =
                    BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
                let first = head.next().unwrap_or_default();
                // All of it is read, as closing with unread bytes would reset the connection.
                head.for_each(drop);
                kept.lock().expect("no panic").push(first);
                let _ = (&stream).write_all(&answer);
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

pub(crate) fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A checkout with the local AWS installed and running, a `target/tools` of its own without Terraform, and a PATH that
/// has all but Terraform.
struct Machine {
    checkout: Checkout,
    path: OsString,
    /// Comes first in PATH.
    own: TempDir,
}

impl Machine {
    fn new() -> Self {
        let checkout = Checkout::new();
        // Installs it into the tools that all share, where that was not done yet.
        assert_eq!(checkout.json(&["local", "up"])["running"], true);
        let tools = checkout.path("target/tools");
        let shared = fs::read_link(&tools).expect("the tools are shared");
        fs::remove_file(&tools).expect("the link can be removed");
        fs::create_dir(&tools).expect("a folder");
        link_all_but("terraform", &shared, &tools);

        let own = tempfile::tempdir().expect("a temporary folder");
        let first = own.path().join("bin");
        fs::create_dir(&first).expect("a folder");
        let folders = [first].into_iter().chain(path_without("terraform", own.path()));
        let path = std::env::join_paths(folders).expect("a PATH");
        Self { checkout, path, own }
    }

    /// `output` needs Terraform, and no package.
    fn run(&self, releases: &str) -> Ran {
        run(self.checkout.command(&["output"]).env("PATH", &self.path).env("TERRAFORM_RELEASES_URL", releases))
    }

    /// What `doctor` says of the download.
    fn doctor(&self, releases: &str) -> Ran {
        run(self.checkout.command(&["doctor"]).env("PATH", &self.path).env("TERRAFORM_RELEASES_URL", releases))
    }

    fn assert_nothing_installed(&self) {
        let tools = fs::read_dir(self.checkout.path("target/tools")).expect("the tools");
        let found: Vec<_> = tools
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            // An empty lock file and the note of PATH's version are no Terraform.
            .filter(|name| name.contains("terraform") && !name.ends_with(".lock") && name != "terraform-version")
            .collect();
        assert_eq!(found, Vec::<String>::new());
        assert!(!self.checkout.path("terraform/output.json").exists());
    }
}

#[test]
fn only_the_true_archive_is_installed() {
    let machine = Machine::new();

    let body = b"PK, but not what HashiCorp released";
    let wrong = Releases::serve(answer("200 OK", body));
    let ran = machine.run(&wrong.url);
    let sum: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    ran.fails_with(&[&sum, &wrong.url]);
    let sums = ran.stderr.split(|c: char| !c.is_ascii_hexdigit()).filter(|word| word.len() == 64).count();
    assert_eq!(sums, 2, "the sum it has and the one it should have: {ran}");
    machine.assert_nothing_installed();
    let asked = wrong.asked();
    assert_eq!(asked.len(), 1, "one archive was asked for: {asked:?}");
    assert!(asked[0].starts_with("GET /terraform/") && asked[0].contains(".zip "), "{asked:?}");

    // What did not come whole is not taken for whole.
    let mut cut = answer("200 OK", &[0; 1000]);
    cut.truncate(cut.len() - 500);
    machine.run(&Releases::serve(cut).url).fails_with(&[]);
    machine.assert_nothing_installed();

    let missing = Releases::serve(answer("404 Not Found", b"no"));
    machine.run(&missing.url).fails_with(&["404", &missing.url, "TERRAFORM_RELEASES_URL"]);
    machine.assert_nothing_installed();

    // Bound for a moment, so that nobody listens there.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let nobody = format!("http://{free}");
    machine.run(&nobody).fails_with(&[&nobody, "TERRAFORM_RELEASES_URL"]);
    for (releases, said) in [(&nobody, "cannot reach"), (&missing.url, "status 404")] {
        let ran = machine.doctor(releases);
        let lines: Vec<_> = ran.stdout.lines().filter(|line| line.contains(releases)).collect();
        assert!(ran.code == Some(1) && lines.len() == 1, "{ran}");
        assert!(lines[0].starts_with("WRONG    download") && lines[0].contains(said), "{ran}");
        assert!(ran.stdout.contains("TERRAFORM_RELEASES_URL"), "{ran}");
    }
    machine.assert_nothing_installed();

    // A Terraform that is too old is as good as none.
    let old = machine.own.path().join("bin/terraform");
    fs::write(&old, "#!/bin/sh\necho '{\"terraform_version\": \"1.10.5\"}'\n").expect("a program");
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).expect("a mode");
    let asked = Releases::serve(answer("404 Not Found", b"no"));
    machine.run(&asked.url).fails_with(&["404"]);
    assert_eq!(asked.asked().len(), 1);
    machine.assert_nothing_installed();
}
