//! What is on this side: settings, rules, database. Pure.

use std::time::Duration;

use super::finding::Finding;
use crate::store::Examined;

/// What is known of the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    /// How many of our numbers have a route, and whether any other number has.
    pub numbers: usize,
    /// Whether a `"*"` line takes all others.
    pub rest: bool,
    /// Whether anybody is rung.
    pub dials: bool,
    /// The longest that phones ring while a caller is not answered.
    pub unanswered: Duration,
    /// What their author should look at.
    pub warnings: Vec<String>,
}

/// Why there are no rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRoutes {
    /// The file cannot be read; why.
    Unreadable(String),
    /// All that is wrong with it.
    Wrong(Vec<String>),
}

/// What is known of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// The settings do not say which.
    Unknown,
    /// An SQLite file that is not there yet; and why none can be made, if so.
    NotYet {
        /// The file.
        path: String,
        /// Why none can be made.
        why_not: Option<String>,
    },
    /// It cannot be used; why.
    Unusable(String),
    /// It is there.
    There(Examined),
}

/// The settings, with all that is wrong with them.
pub fn of_settings(bad: &[String], stopped: bool) -> Vec<Finding> {
    if !bad.is_empty() {
        let wrong = |why: &String| {
            Finding::misconfigured("settings", why, "set it in the environment or in the settings file, see --config")
        };
        return bad.iter().map(wrong).collect();
    }
    let mut found = vec![Finding::good(
        "settings",
        "all that a server needs is set; the public key has the right form (whether it is your account's shows with \
         the first webhook: 401 if it is not)",
    )];
    if stopped {
        let says = "limits.stopped is true: nobody is dialled";
        found.push(Finding::warning("stopped", says, "set it to false once calls are to go out"));
    }
    found
}

/// The rules.
pub fn of_routes(file: &str, routes: &Result<Routes, NoRoutes>) -> Vec<Finding> {
    match routes {
        Err(NoRoutes::Unreadable(why)) => {
            vec![Finding::misconfigured("rules", why, "name your routing file: routes.file, or --routes FILE")]
        }
        Err(NoRoutes::Wrong(problems)) => {
            let wrong =
                |why: &String| Finding::misconfigured("rules", why, format!("mend it: switchhook check {file}"));
            problems.iter().map(wrong).collect()
        }
        Ok(routes) => {
            let many = if routes.numbers == 1 { "number" } else { "numbers" };
            let rest = if routes.rest { " and all others" } else { "" };
            let says = format!("{file} can be used: {} {many}{rest}", routes.numbers);
            let warning = |why: &String| Finding::warning("rules", why, "look whether that is meant");
            std::iter::once(Finding::good("rules", says)).chain(routes.warnings.iter().map(warning)).collect()
        }
    }
}

/// The database.
pub fn of_database(base: &Base) -> Vec<Finding> {
    const CHECK: &str = "database";
    let seen = match base {
        Base::Unknown => return vec![Finding::skipped(CHECK, "the settings do not say where it is")],
        Base::NotYet { path, why_not: None } => {
            let says = format!("there is no file {path} yet; the first `switchhook serve` makes it");
            return vec![Finding::good(CHECK, says)];
        }
        Base::NotYet { path, why_not: Some(why) } => {
            let says = format!("there is no file {path} yet, and none can be made: {why}");
            return vec![Finding::unavailable(CHECK, says, "make the folder, and let the server write in it")];
        }
        Base::Unusable(why) => {
            let remedy = "see that it runs, that DATABASE_URL names it, and that it lets this user in";
            return vec![Finding::unavailable(CHECK, why, remedy)];
        }
        Base::There(seen) => seen,
    };
    if let Some(why) = &seen.unwritable {
        let says = format!("it can be read, but not written: {why}");
        let remedy = "no webhook is taken like that: let this user write, free space on its disk, or name the primary";
        return vec![Finding::unavailable(CHECK, says, remedy)];
    }
    let mut found = vec![match seen.tables {
        None => {
            Finding::good(CHECK, "it can be written, and has no tables yet; the first `switchhook serve` makes them")
        }
        Some(tables) if tables < seen.wanted => Finding::warning(
            CHECK,
            format!("it can be written; its tables have version {tables}, and this program's are {}", seen.wanted),
            "the next start of `switchhook serve` brings them up, or `switchhook migrate`",
        ),
        Some(tables) if tables > seen.wanted => Finding::wrong(
            CHECK,
            format!("its tables have version {tables}, and this program knows {} only: it cannot start", seen.wanted),
            "run the release that made them, or a newer one",
        ),
        Some(_) => Finding::good(CHECK, "it can be written, and its tables are up to date"),
    }];
    if !seen.durable {
        let says = "synchronous_commit is off: what was acknowledged can be lost with the power";
        let remedy = "set it to on for this database: ALTER DATABASE ... SET synchronous_commit = on";
        found.push(Finding::warning("durability", says, remedy));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::finding::{State, exit_code};
    use super::*;

    fn routes() -> Routes {
        Routes { numbers: 1, rest: false, dials: true, unanswered: Duration::from_secs(20), warnings: Vec::new() }
    }

    fn told(found: &[Finding]) -> Vec<(&'static str, State)> {
        found.iter().map(|one| (one.check, one.state)).collect()
    }

    #[test]
    fn every_setting_that_is_missing_is_told() {
        let bad = ["TELNYX_API_KEY is not set".to_owned(), "database.url: no".to_owned()];
        let found = of_settings(&bad, false);
        assert_eq!(told(&found), [("settings", State::Wrong); 2]);
        assert_eq!((exit_code(&found), &found[1].says), (78, &bad[1]));
        assert_eq!(told(&of_settings(&[], false)), [("settings", State::Good)]);
        assert_eq!(told(&of_settings(&[], true)), [("settings", State::Good), ("stopped", State::Warning)]);
    }

    #[test]
    fn rules_are_told_as_check_tells_them() {
        let found = of_routes("r.yaml", &Ok(routes()));
        assert_eq!(found, [Finding::good("rules", "r.yaml can be used: 1 number")]);
        let with = Routes { numbers: 2, rest: true, warnings: vec!["r.yaml:3:1: unused".into()], ..routes() };
        let found = of_routes("r.yaml", &Ok(with));
        assert_eq!(told(&found), [("rules", State::Good), ("rules", State::Warning)]);
        assert!(found[0].says.ends_with("2 numbers and all others"), "{found:?}");
        let found = of_routes("r.yaml", &Err(NoRoutes::Wrong(vec!["a".into(), "b".into()])));
        assert_eq!((told(&found), exit_code(&found)), (vec![("rules", State::Wrong); 2], 78));
        assert_eq!(exit_code(&of_routes("r.yaml", &Err(NoRoutes::Unreadable("no".into())))), 78);
    }

    #[test]
    fn a_database_is_good_if_a_server_can_start_on_it() {
        let seen = |tables, unwritable: Option<&str>, durable| {
            let unwritable = unwritable.map(str::to_owned);
            Base::There(Examined { tables, wanted: 2, unwritable, durable })
        };
        let not_yet = |why: Option<&str>| Base::NotYet { path: "a.db".into(), why_not: why.map(str::to_owned) };
        for (base, states, code) in [
            (Base::Unknown, vec![State::Skipped], 0),
            (not_yet(None), vec![State::Good], 0),
            (not_yet(Some("no folder")), vec![State::Wrong], 69),
            (Base::Unusable("nothing answers".into()), vec![State::Wrong], 69),
            (seen(Some(2), None, true), vec![State::Good], 0),
            (seen(None, None, true), vec![State::Good], 0),
            (seen(Some(1), None, true), vec![State::Warning], 0),
            (seen(Some(3), None, true), vec![State::Wrong], 1),
            (seen(Some(2), Some("read-only"), true), vec![State::Wrong], 69),
            (seen(Some(2), None, false), vec![State::Good, State::Warning], 0),
        ] {
            let found = of_database(&base);
            assert_eq!((found.iter().map(|one| one.state).collect::<Vec<_>>(), exit_code(&found)), (states, code));
        }
    }
}
