//! Building the copy, once, and running what was built.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use super::killer::{Killer, LIVES, Verdict};
use super::weave::Woven;
use super::{PATIENCE, copy, give_up};

/// How many lives a mutant is looked for in: few find most of them.
const ROUNDS: [u32; 3] = [100, 1_000, 10_000];

/// How the variables begin that cargo sets for a test.
const OF_A_TEST: [&str; 6] =
    ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_", "OUT_DIR"];

/// The test programs with all mutants in them.
pub struct Built {
    tree: PathBuf,
    /// By the name of their target.
    programs: BTreeMap<String, PathBuf>,
}

/// Builds the copy. What it depends on is what this project was built with.
pub fn build(source: &Path, woven: &Woven, killers: &BTreeSet<&Killer>) -> Built {
    let since = Instant::now();
    // target/debug/deps/mutants-0123456789abcdef
    let own = env::current_exe().unwrap();
    let target = own.ancestors().nth(3).unwrap();
    let tree = target.join("mutants/tree");
    copy::update(source, &tree, woven);
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--no-run", "--locked", "--features", "kill_points"]);
    cargo.arg("--message-format=json-render-diagnostics").arg("--manifest-path").arg(tree.join("Cargo.toml"));
    for name in killers.iter().map(|killer| killer.run().0).collect::<BTreeSet<_>>() {
        if name == "lib" {
            cargo.arg("--lib")
        } else {
            cargo.arg("--test").arg(name)
        };
    }
    // What it compiles lies beside what is compiled already; what it is for lies apart from the program of this project.
    cargo.env("CARGO_BUILD_BUILD_DIR", target).env("CARGO_TARGET_DIR", target.join("mutants/out"));
    // Nobody reads where in the copy something broke; of what it depends on nothing is built otherwise for it.
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_PROFILE_TEST_DEBUG", "false");
    // What cargo tells of the test that asks is none of the builds' business: some are made again for it.
    for (name, _) in
        env::vars_os().filter(|(name, _)| OF_A_TEST.iter().any(|of| name.to_string_lossy().starts_with(of)))
    {
        cargo.env_remove(name);
    }
    // Flags are read from the folder that it runs in.
    let output = cargo.current_dir(source).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        give_up(&format!(
            "the mutants cannot be built. Each is woven in as `if crate::mutant::on(\"its_name\")`; correct those that \
             the errors show (paths are in {}):\n{}",
            tree.display(),
            errors(&said)
        ));
    }
    let programs: BTreeMap<String, PathBuf> =
        String::from_utf8_lossy(&output.stdout).lines().filter_map(program).collect();
    println!("built with all mutants, {:.1} s: {}", since.elapsed().as_secs_f64(), tree.display());
    Built { tree, programs }
}

/// What is said of errors, without the warnings.
fn errors(said: &str) -> String {
    let paragraphs = said.split("\n\n").filter(|paragraph| paragraph.starts_with("error"));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// A test program, as cargo tells of it.
fn program(line: &str) -> Option<(String, PathBuf)> {
    let told: serde_json::Value = serde_json::from_str(line).ok()?;
    let path = told["executable"].as_str().filter(|_| told["profile"]["test"] == true)?;
    let name = if told["target"]["kind"][0] == "lib" { "lib" } else { told["target"]["name"].as_str()? };
    Some((name.to_owned(), path.into()))
}

impl Built {
    /// Runs tests of a target, as a mutant or as none. Lives that are red by another law than they are to be are green.
    pub fn run(&self, target: &str, filters: &[&str], mutant: Option<&str>) -> Verdict {
        if target != LIVES {
            return self.once(target, filters, mutant, 0);
        }
        if mutant.is_none() {
            return self.once(target, &[], None, ROUNDS[ROUNDS.len() - 1]);
        }
        let mut rounds = ROUNDS.iter().map(|lives| self.once(target, &[], mutant, *lives));
        rounds.find(|verdict| verdict.is_red_by(filters)).unwrap_or(Verdict::Green)
    }

    fn once(&self, target: &str, filters: &[&str], mutant: Option<&str>, lives: u32) -> Verdict {
        let Some(program) = self.programs.get(target) else { panic!("there is no test target `{target}`") };
        let mut command = Command::new(program);
        command.args(filters).current_dir(&self.tree).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("SWITCHHOOK_LIVES", lives.to_string()).env_remove("SWITCHHOOK_SEED");
        command.env("INSTA_WORKSPACE_ROOT", &self.tree).env("INSTA_UPDATE", "no").env_remove("SWITCHHOOK_MUTANT");
        if let Some(mutant) = mutant {
            command.env("SWITCHHOOK_MUTANT", mutant);
        }
        let (green, said) = finish(command.spawn().unwrap(), target);
        if !green {
            return Verdict::Red(said);
        }
        for filter in filters {
            let ran = |line: &str| line.starts_with("test ") && line.contains(filter) && line.ends_with("... ok");
            assert!(said.lines().any(ran), "`{target}` has no test whose name contains `{filter}`");
        }
        Verdict::Green
    }
}

/// Waits for its end: whether it went well, and all that it said.
fn finish(mut child: Child, target: &str) -> (bool, String) {
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let errors = thread::spawn(move || read(&mut err));
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(read(&mut out)));
    let Ok(said) = told.recv_timeout(PATIENCE) else {
        child.kill().unwrap();
        panic!("`{target}` has not ended within {} s: that is no way to find a mutant", PATIENCE.as_secs());
    };
    let green = child.wait().unwrap().success();
    (green, said + &errors.join().unwrap())
}

fn read(from: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}
