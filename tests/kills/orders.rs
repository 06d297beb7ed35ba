//! What the run is to do, as the command line and the environment say.

/// What the run is to do.
#[derive(Debug)]
pub struct Orders {
    /// How many kills at random moments, on each database.
    pub kills: u32,
    /// All chance of the driver and of the simulator comes from it.
    pub seed: u64,
    /// The only run, if there is to be but one.
    pub only: Option<String>,
}

impl Orders {
    /// Reads the arguments. None: they ask for tests of other names. What is meant for the usual harness is let pass.
    pub fn read(mut args: impl Iterator<Item = String>) -> Option<Self> {
        let kills = std::env::var("SWITCHHOOK_KILLS").map_or(20, |kills| kills.parse().unwrap());
        let mut orders = Self { kills, seed: fastrand::u64(..1_000_000), only: None };
        while let Some(arg) = args.next() {
            let mut value = || args.next().unwrap_or_else(|| panic!("{arg} needs a value"));
            match arg.as_str() {
                "--kills" => orders.kills = value().parse().unwrap(),
                "--seed" => orders.seed = value().parse().unwrap(),
                "--only" => orders.only = Some(value()),
                "--list" => return None,
                word if !word.starts_with('-') && !"kills".contains(word) => return None,
                _ => {}
            }
        }
        Some(orders)
    }

    pub fn wants(&self, run: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == run)
    }
}
