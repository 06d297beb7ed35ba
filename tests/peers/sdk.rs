//! Getting the SDKs, and talking with programs that use them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

/// The Node SDK's version; that of the Python SDK is in `requirements.txt`.
const NODE_SDK: &str = "telnyx@7.24.0";

/// A file of this folder.
pub fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name)
}

/// The Python that has the SDK. None: there is no way to get it here, which was said.
pub fn python() -> Option<PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = PYTHON.get_or_init(|| {
        let wanted = fs::read_to_string(here("requirements.txt")).unwrap();
        let python = |folder: &Path| folder.join("bin/python");
        let folder = fetched("python", &wanted, |folder| {
            done(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
            let mut pip = Command::new(python(folder));
            pip.args([
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "--retries",
                "1",
                "--timeout",
                "15",
                "-r",
            ]);
            done(pip.arg(here("requirements.txt")))
        })?;
        Some(python(&folder))
    });
    made.clone()
}

/// The folder that has the Node SDK. None: there is no way to get it here, which was said.
pub fn node() -> Option<PathBuf> {
    static NODE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = NODE.get_or_init(|| {
        fetched("node", NODE_SDK, |folder| {
            fs::create_dir_all(folder).unwrap();
            done(Command::new("node").arg("--version"))?;
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--fetch-retries", "1"]);
            done(npm.arg("--prefix").arg(folder).arg(NODE_SDK))
        })
    });
    made.clone()
}

/// Why something cannot be had.
enum Lack {
    /// No such program, or no registry within reach.
    Here(String),
    /// Anything else, which is a fault.
    Wrong(String),
}

/// A folder below `target/` made once for each version wanted.
fn fetched(name: &str, wanted: &str, make: impl FnOnce(&Path) -> Result<(), Lack>) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("peers-{name}"));
    let ready = folder.join("ready");
    if fs::read_to_string(&ready).is_ok_and(|had| had == wanted) {
        return Some(folder);
    }
    drop(fs::remove_dir_all(&folder));
    match make(&folder) {
        Ok(()) => {
            fs::write(ready, wanted).unwrap();
            Some(folder)
        }
        Err(Lack::Here(why)) => {
            assert!(std::env::var_os("CI").is_none(), "the {name} SDK cannot be had here: {why}");
            // Not by a macro: those of a test that passes are not shown.
            let said = format!("SKIPPED: the {name} SDK of Telnyx cannot be had here: {why}\n");
            std::io::stderr().write_all(said.as_bytes()).unwrap();
            None
        }
        Err(Lack::Wrong(why)) => panic!("the {name} SDK cannot be installed:\n{why}"),
    }
}

/// What the tools say where there is no network, or only half a Python.
const ABSENT: [&str; 9] = [
    "ensurepip is not available",
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
];

fn done(command: &mut Command) -> Result<(), Lack> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = match command.output() {
        Ok(output) => output,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
            return Err(Lack::Here(format!("there is no {program}")));
        }
        Err(why) => return Err(Lack::Wrong(format!("{program}: {why}"))),
    };
    if output.status.success() {
        return Ok(());
    }
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told).into_owned();
    let absent = told.lines().find(|line| ABSENT.iter().any(|sign| line.contains(sign)));
    Err(absent.map_or(Lack::Wrong(told.clone()), |line| Lack::Here(line.trim().chars().take(200).collect())))
}

/// A program that is talked with by lines.
pub struct Talk {
    child: Child,
    words: Option<ChildStdin>,
    told: BufReader<ChildStdout>,
}

impl Talk {
    pub fn begin(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (words, told) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, words, told }
    }

    /// The next line it says.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Says the last to it, and waits for all it has to say. It has to end well.
    pub fn finish(&mut self, text: &str) -> String {
        let mut words = self.words.take().unwrap();
        let text = text.to_owned() + "\n";
        // From a thread: it may answer before it has heard everything.
        let said = std::thread::spawn(move || words.write_all(text.as_bytes()));
        let mut told = String::new();
        self.told.read_to_string(&mut told).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "it ended with {status}; what is wrong stands above");
        said.join().unwrap().unwrap();
        told
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
