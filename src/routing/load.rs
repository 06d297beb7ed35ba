//! From texts to rules: read, laid out, checked.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::check::{check, waits};
use super::expand::expand;
use super::layout::{Table, lay_out, place};
use super::problem::{Findings, Problem, Problems};
use super::read::{Line, Reader, Said};
use super::rules::{Entry, Rules, StepId};
use super::sources::{Sources, wanted_by};
use crate::phone::Number;
use crate::yaml::{self, Spot};

/// A routing file that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says.
    pub rules: Rules,
    /// What its author should look at, in the order of the file.
    pub warnings: Vec<Problem>,
    /// Whose clock the file goes by: its `timezone`, else UTC.
    pub timezone: TimeZone,
}

/// Reads and checks a routing file.
///
/// # Errors
/// Everything that is wrong with it, at once; only where the text is not YAML at all, the first place of that.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    read(sources, |_| ())
}

/// Reads a version that was found good once, for calls that began with it: neither a release whose checks are stricter
/// nor newer data on numbers takes their rules away.
///
/// # Errors
/// What keeps it from being read.
pub fn recall(sources: &Sources) -> Result<Rules, Problems> {
    read(sources, Findings::only_unreadable).map(|loaded| loaded.rules)
}

fn read(sources: &Sources, lenient: impl Fn(&mut Findings)) -> Result<Loaded, Problems> {
    let mut tree = yaml::parse(&sources.text, 0).map_err(|flaw| {
        let (line, column) = (flaw.at.line, flaw.at.column);
        Problems(vec![Problem { file: sources.name.clone(), line, column, path: String::new(), message: flaw.message }])
    })?;
    let hash = sources.only(&wanted_by(&tree.root)).hash();
    let mut found = Findings::default();
    for flaw in tree.flaws {
        found.error(flaw.at, flaw.message);
    }
    expand(&mut tree.root, sources, &mut found);
    let mut reader = Reader::new(sources, found);
    let said = reader.read(&tree.root);
    let Reader { mut found, files, timezone, .. } = reader;
    let table = said.as_ref().map(|said| lay_out(&said.routes)).unwrap_or_default();
    let entries = said.as_ref().map(|said| entries(said, &table)).unwrap_or_default();
    if let Some(said) = &said {
        let begin = entries.lines.values().chain(&entries.rest).map(|entry| entry.first);
        check(&table, begin, &said.defaults, &sources.name, &mut found);
        waits(&table, &lines(said, &table), &said.defaults, &sources.name, &mut found);
    }
    lenient(&mut found);
    let (errors, warnings) = found.told(&tree.root, &files);
    let Some(Said { defaults, outbound, .. }) = said.filter(|_| errors.is_empty()) else {
        return Err(Problems(errors));
    };
    let Table { routes, steps, .. } = table;
    let Entries { lines: numbers, rest } = entries;
    let rules = Rules { hash, files, numbers, rest, routes, steps, defaults, outbound };
    Ok(Loaded { rules, warnings, timezone: timezone.unwrap_or(TimeZone::UTC) })
}

/// Where the lines are written, and the steps their calls begin at.
fn lines(said: &Said, table: &Table) -> Vec<(Spot, StepId)> {
    let lines = said.numbers.lines.values().chain(&said.numbers.rest);
    lines.filter_map(|line| Some((line.at, table.routes.get(line.route.as_ref()?)?.first))).collect()
}

#[derive(Default)]
struct Entries {
    lines: BTreeMap<Number, Entry>,
    rest: Option<Entry>,
}

/// The lines whose route has a place.
fn entries(said: &Said, table: &Table) -> Entries {
    let entry = |line: &Line| {
        let route = line.route.clone()?;
        let first = table.routes.get(&route)?.first;
        Some(Entry { route, first, at: place(line.at), on_missed: line.on_missed.clone() })
    };
    let lines = &said.numbers.lines;
    Entries {
        lines: lines.iter().filter_map(|(number, line)| Some((number.clone(), entry(line)?))).collect(),
        rest: said.numbers.rest.as_ref().and_then(entry),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::phone::Party;
    use crate::routing::{Action, CallerId, Condition, Order, RejectWith, RingAsked};

    fn loaded(text: &str) -> Loaded {
        let sources = Sources { name: "routes.yaml".into(), text: text.into(), ..Sources::default() };
        load(&sources).unwrap_or_else(|problems| panic!("{problems}"))
    }

    #[test]
    fn the_example_says_what_its_reader_thinks() {
        let Loaded { rules, warnings, .. } = loaded(include_str!("../../config/routes.yaml"));
        assert_eq!(warnings, []);
        let begins = |number| rules.entry(&Party::read(number)).map(|entry| entry.route.as_str());
        assert_eq!(begins("+12025550100"), Some("front-desk"));
        assert_eq!(begins("+12025550103"), Some("old-number"));
        assert_eq!(begins("+12025550199"), None);
        assert_eq!(rules.defaults.max_call, Duration::from_secs(7200));

        let desk = rules.entry(&Party::read("+12025550100")).unwrap();
        let blocked = rules.step(desk.first).unwrap();
        let rejects = |from| {
            blocked.when.as_ref().unwrap().holds(
                &Party::read(from),
                &Party::read("+12025550100"),
                Timestamp::UNIX_EPOCH,
            )
        };
        assert!(rejects("+12025550190") && rejects("+19005550123"));
        assert!(!rejects("+12025550191") && !rejects("anonymous"));
        assert!(matches!(blocked.action, Action::Reject(RejectWith::Busy)));

        let Action::Ring(ring) = &rules.step(blocked.next.unwrap()).unwrap().action else { panic!("a ring") };
        assert_eq!(ring.asked, RingAsked::Group("desk".into()));
        assert_eq!((ring.order, ring.timeout), (Order::Simultaneous, Some(Duration::from_secs(25))));
        let times: Vec<_> = ring.members.iter().map(|m| (m.name.as_str(), m.ring_for.as_secs())).collect();
        assert_eq!(times, [("anna", 25), ("ben", 15), ("cleo", 25)]);
        assert_eq!(rules.place(desk.at), "routes.yaml:22");
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        let rules = loaded("version: 1\nnumbers: {'*': main}\nroutes: {main: [say: Hello]}\n").rules;
        assert_eq!(rules.defaults.caller_id, CallerId::Caller);
        assert_eq!(rules.defaults.timeout, Duration::from_secs(20));
        assert_eq!(rules.defaults.max_call, Duration::from_secs(13_800));
        let first = rules.entry(&Party::Withheld).unwrap().first;
        let Action::Say(say) = &rules.step(first).unwrap().action else { panic!("a say") };
        assert_eq!((say.voice.as_str(), say.language.as_deref()), ("AWS.Polly.Joanna", None));
    }

    #[test]
    fn conditions_are_read_as_they_stand() {
        let text = "version: 1\nnumbers: {'+12025550100': main}\nroutes:\n  main:\n    - when: {CONDITION}\n      \
                    reject: decline\n    - hangup\n";
        let holds = |condition: &str, from: &str| {
            let rules = loaded(&text.replace("{CONDITION}", condition)).rules;
            let when: Condition = rules.steps[0].when.clone().unwrap();
            when.holds(&Party::read(from), &Party::read("+12025550100"), Timestamp::UNIX_EPOCH)
        };
        let (anna, max) = ("+12025550111", "+493023125010");
        assert!(holds("{from: anonymous}", "anonymous") && !holds("{from: anonymous}", anna));
        assert!(holds("{from: '+12025550111'}", anna) && !holds("{from: +12025550111}", max));
        assert!(holds("{from: [anonymous, {country: DE}]}", max) && !holds("{from: {country: DE}}", anna));
        assert!(holds("{from: {prefix: '+1202'}}", anna) && !holds("{from: {prefix: '+1202'}}", "1202"));
        assert!(holds("{from: {number: '+12025550111'}, to: '+12025550100'}", anna));
        assert!(!holds("{from: +12025550111, to: '+12025550101'}", anna));
        assert!(holds("{not: {from: anonymous}}", anna));
        assert!(holds("{all: [{from: '+1202*'}, {not: {from: anonymous}}]}", anna));
        assert!(holds("{any: [{from: anonymous}, {to: {prefix: '+1'}}]}", max));
    }

    #[test]
    fn what_is_only_objected_to_is_no_hindrance_for_calls_that_began_with_it() {
        let with = |steps: &str| {
            let text = format!("version: 1\nnumbers: {{'+12025550100': main}}\nroutes: {{main: [{steps}]}}\n");
            Sources { name: "routes.yaml".into(), text, ..Sources::default() }
        };
        // A country that is not ours; a silent end; a step that is never reached.
        for steps in ["dial: '+493023125010'", "answer, dial: '+12025550111'", "hangup, hangup"] {
            assert_eq!(load(&with(steps)).unwrap_err().0.len(), 1, "{steps}");
            assert!(!recall(&with(steps)).unwrap().steps.is_empty(), "{steps}");
        }
        assert_eq!(recall(&with("anwser")).unwrap_err().0.len(), 1);
    }

    #[test]
    fn all_that_is_wrong_is_told_in_the_order_of_the_file() {
        let text = "version: 2\nnumbers: {'+12025550100': main}\nroutes:\n  main:\n    - rign: x\n    - dial: nobody\n";
        let sources = Sources { name: "routes.yaml".into(), text: text.into(), ..Sources::default() };
        let told = load(&sources).unwrap_err().to_string();
        assert_eq!(
            told,
            "routes.yaml:1:10: version: version `2` of the language is not known: this program reads 1\n\
             routes.yaml:5:7: routes.main[0]: unknown key `rign`; did you mean `ring`?\n\
             routes.yaml:6:13: routes.main[1].dial: unknown person `nobody`"
        );
    }

    #[test]
    fn the_name_of_a_version_does_not_hang_on_what_it_does_not_use() {
        let text = "version: 1\nnumbers: {'${env:LINE}': main}\nroutes: {main: [hangup]}\n";
        let env = BTreeMap::from([("LINE".to_owned(), "+12025550100".to_owned())]);
        let mut sources = Sources { name: "routes.yaml".into(), text: text.into(), files: BTreeMap::new(), env };
        let first = load(&sources).unwrap().rules;
        sources.env.insert("HOME".into(), "/home/anna".into());
        sources.files.insert("notes.txt".into(), "unused".into());
        assert_eq!(load(&sources).unwrap().rules.hash, first.hash);
        sources.env.insert("LINE".into(), "+12025550101".into());
        assert_ne!(load(&sources).unwrap().rules.hash, first.hash);
        assert!(first.entry(&Party::read("+12025550100")).is_some());
    }
}
