//! The walls: which room may use which.

use super::modules::House;

/// Rows of rooms and what they may use. A room is `phone` or a file in it, `telnyx/client`; the longest row holds.
pub type Walls = [(&'static str, &'static [&'static str])];

/// In place of a list of rooms: all of them.
pub const ALL: &[&str] = &["*"];

/// Every use that goes through a wall, and every room that has no row. Tests may go anywhere.
pub fn trespasses(house: &House, walls: &Walls) -> Vec<String> {
    let mut found = Vec::new();
    for (module, file) in &house.files {
        let Some(room) = module.first() else { continue };
        let Some(allowed) = row(walls, module) else {
            found.push(format!("{}: the room `{room}` is not in the table of walls", file.path));
            continue;
        };
        for used in house.uses(module).iter().filter(|used| !used.test) {
            if used.to.first() != Some(room) && !admits(allowed, &used.to) {
                let to = used.to.join("/");
                found.push(format!("{}:{}: `{room}` may not use `{to}`", file.path, used.line));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

fn row(walls: &Walls, module: &[String]) -> Option<&'static [&'static str]> {
    let rows = walls.iter().filter(|(room, _)| within(module, room));
    rows.max_by_key(|(room, _)| room.len()).map(|(_, allowed)| *allowed)
}

fn admits(allowed: &[&str], module: &[String]) -> bool {
    allowed == ALL || allowed.iter().any(|room| within(module, room))
}

fn within(module: &[String], room: &str) -> bool {
    let words: Vec<&str> = room.split('/').collect();
    module.len() >= words.len() && module.iter().zip(words).all(|(a, b)| a == b)
}
