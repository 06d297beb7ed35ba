//! What is not known of Telnyx is written down where people look for it: `docs/telnyx-unknowns.md` has a line for each
//! switch of the simulator, with its values, and no line without a switch.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use switchhook::sim::Switches;

/// A line of the tables: a switch, its values, what is unknown, and what is done about it.
#[derive(Debug, PartialEq, Eq)]
struct Line<'a> {
    switch: &'a str,
    values: Vec<&'a str>,
    unknown: &'a str,
    done: &'a str,
}

/// The lines of every table whose first cell is in backquotes.
fn lines(page: &str) -> Vec<Line<'_>> {
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [switch, values, unknown, done] = cells[..] else { panic!("not four cells: {row}") };
        Line {
            switch: switch.trim_matches('`'),
            values: values.split(", ").map(|value| value.trim_matches('`')).collect(),
            unknown,
            done,
        }
    })
    .collect()
}

/// In what page and switches differ.
fn differences(page: &str, switches: &[(&str, &[&str])]) -> Vec<String> {
    let lines = lines(page);
    let mut differ = Vec::new();
    for (switch, values) in switches {
        match lines.iter().filter(|line| line.switch == *switch).collect::<Vec<_>>()[..] {
            [] => differ.push(format!("`{switch}` has no line; its values are {}", values.join(", "))),
            [line] if line.values != *values => {
                differ.push(format!(
                    "`{switch}` has the values {}; its line says {}",
                    values.join(", "),
                    line.values.join(", ")
                ));
            }
            [_] => {}
            _ => differ.push(format!("`{switch}` has several lines")),
        }
    }
    for line in &lines {
        if !switches.iter().any(|(switch, _)| line.switch == *switch) {
            differ.push(format!("there is no switch `{}`", line.switch));
        }
        if line.unknown.len() < 20 || line.done.len() < 9 {
            differ.push(format!("the line of `{}` says nothing", line.switch));
        }
    }
    differ
}

#[test]
fn every_switch_has_its_line_and_every_line_its_switch() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/telnyx-unknowns.md")).unwrap();
    let differ = differences(&page, Switches::ALL);
    assert!(differ.is_empty(), "docs/telnyx-unknowns.md:\n  {}", differ.join("\n  "));
    assert!(Switches::ALL.len() >= 40);
}

#[test]
fn a_line_or_a_switch_too_many_is_found() {
    let page = "| switch | values |\n| --- | --- |\n\
                | `rebridge` | `ok`, `refused` | What a second bridge of a leg does. | We never ask for one. |\n";
    let differ = |switches: &[(&str, &[&str])]| differences(page, switches).join("; ");
    assert_eq!(differ(&[("rebridge", &["ok", "refused"])]), "");
    assert_eq!(
        differ(&[("rebridge", &["refused", "ok"])]),
        "`rebridge` has the values refused, ok; its line says ok, refused"
    );
    assert_eq!(differ(&[]), "there is no switch `rebridge`");
    let both: [(&str, &[&str]); 2] = [("rebridge", &["ok", "refused"]), ("parked", &["no", "yes"])];
    assert_eq!(differ(&both), "`parked` has no line; its values are no, yes");
    let empty = differences("| `rebridge` | `ok` | ? | . |\n", &[("rebridge", &["ok"])]);
    assert_eq!(empty, ["the line of `rebridge` says nothing"]);
}
