//! A PostgreSQL of the test's own, to be stopped and started.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::stage::free_address;

/// A PostgreSQL of the test's own. It ends with this.
pub struct Cluster {
    programs: PathBuf,
    /// Who owns it, where we are root: the server refuses root.
    owner: Option<&'static str>,
    folder: TempDir,
    port: u16,
}

impl Cluster {
    /// Starts one. None: there is no PostgreSQL on this machine, and what needs one is left out.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(std::env::var_os("CI").is_none(), "there is no initdb here: run ./test");
            println!("SKIPPED: there is no initdb here");
            return None;
        };
        // Not TMPDIR: it may lie where only root may go, and the path of a socket must be short.
        let folder = tempfile::Builder::new().prefix("switchhook-kills.").tempdir_in("/tmp").unwrap();
        let owner = (said(Command::new("id").arg("-u")) == "0").then(|| {
            if Command::new("id").arg("postgres").output().unwrap().status.success() { "postgres" } else { "nobody" }
        });
        if let Some(owner) = owner {
            assert!(Command::new("chown").arg(owner).arg(folder.path()).status().unwrap().success());
        }
        let cluster = Self { programs, owner, folder, port: free_address().port() };
        cluster.run("initdb", &["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        cluster.begin();
        Some(cluster)
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it again, and returns when it takes connections. The machine lives on: nothing need reach the disk.
    pub fn begin(&self) {
        let (folder, port) = (self.folder.path().display(), self.port);
        let settings = format!("-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off");
        let log = format!("{folder}/log");
        self.run("pg_ctl", &["-w", "-l", &log, "-o", &settings, "start"]);
    }

    /// Stops it: `fast` says good-bye to everybody, `immediate` is as a crash.
    pub fn stop(&self, mode: &str) {
        self.run("pg_ctl", &["-w", "-m", mode, "stop"]);
    }

    fn run(&self, program: &str, args: &[&str]) {
        let status = self.command(program, args).status().unwrap();
        assert!(status.success(), "{program} {args:?}: {status}");
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let program = self.programs.join(program);
        let mut command = match self.owner {
            Some(owner) => {
                let mut command = Command::new("runuser");
                command.args(["-u", owner, "--"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.arg("-D").arg(self.folder.path().join("data")).args(args);
        command.current_dir(self.folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.command("pg_ctl", &["-w", "-m", "immediate", "stop"]).status();
    }
}

/// The folder of PostgreSQL's programs, the newest where there are several.
fn programs() -> Option<PathBuf> {
    let mut folders = vec![PathBuf::from(said(Command::new("pg_config").arg("--bindir")))];
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|version| version.path()).collect();
    versions.sort_by_key(|version| std::cmp::Reverse(number(version)));
    folders.extend(versions.into_iter().map(|version| version.join("bin")));
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders.into_iter().find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
}

fn number(version: &Path) -> Option<u32> {
    version.file_name()?.to_str()?.parse().ok()
}

/// What a program says, if it is there.
fn said(command: &mut Command) -> String {
    command.output().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
