//! The simulated company of a demo folder: the same one each time.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use simulator::{ConnectionKeys, Settings, Simulator};

use crate::arguments::Demo;
use crate::failure::Failure;

/// The past ends this long before now, so that the exports, which leave out the last minute, show all of it.
const SETTLED_SECONDS: i64 = 300;

/// What makes the company of this folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Origin {
    seed: u64,
    people: u32,
    /// When its past ends, in seconds after 1970.
    until: i64,
    /// Whether it has lived on since, and what it did has landed.
    #[serde(default)]
    lived: bool,
}

/// A running company and the folder of its data.
pub(super) struct Company {
    pub(super) folder: PathBuf,
    pub(super) simulator: Simulator,
    origin: Origin,
}

impl Company {
    /// Starts the folder's company, or a new one in an empty folder.
    pub(super) async fn start(folder: &Path, demo: &Demo) -> Result<Self, Failure> {
        make_folder(folder).map_err(|error| unwritable(folder, &error))?;
        let asked = Origin {
            seed: demo.seed,
            people: demo.people,
            until: now() - SETTLED_SECONDS,
            lived: false,
        };
        let origin = match read(folder) {
            None => asked,
            Some(origin) if (origin.seed, origin.people) == (asked.seed, asked.people) => origin,
            Some(Origin { seed, people, .. }) => {
                return Err(Failure::misuse(
                    format!(
                        "{} holds the company of --seed {seed} --people {people}",
                        folder.display()
                    ),
                    format!(
                        "run that one again, choose another folder with --data, or begin anew: rm -r {}",
                        folder.display()
                    ),
                ));
            }
        };
        let settings = Settings {
            seed: origin.seed,
            people: usize::try_from(origin.people).unwrap_or(usize::MAX),
            until: jiff::Timestamp::from_second(origin.until).ok(),
            ..Settings::default()
        };
        let simulator = Simulator::start(settings).await.map_err(|error| {
            Failure::failed(
                format!("the simulated company cannot open: {error}"),
                "close other programs and try again",
            )
        })?;
        let company = Self { folder: folder.to_owned(), simulator, origin };
        company.write().map_err(|error| unwritable(folder, &error))?;
        Ok(company)
    }

    /// The settings file that makes every command work on the demo's data.
    pub(super) fn settings(&self) -> PathBuf {
        self.folder.join("tributary.toml")
    }

    /// Whether an earlier demo has told the whole story here.
    pub(super) fn has_lived(&self) -> bool {
        self.origin.lived
    }

    /// Notes that what the company did since has landed.
    pub(super) fn lived(&self) -> Result<(), Failure> {
        let origin = Origin { lived: true, ..self.origin.clone() };
        write_origin(&self.folder, &origin).map_err(|error| unwritable(&self.folder, &error))
    }

    /// Lets something happen some seconds after the company's past: so it is the same in every demo.
    pub(super) fn at(&self, seconds: i64, happens: impl FnOnce(&Simulator)) -> Result<(), Failure> {
        let instant = jiff::Timestamp::from_second(self.origin.until + seconds);
        let instant = instant.map_err(|_| {
            Failure::misuse(
                "company.json holds no time of ours",
                format!("begin anew: rm -r {}", self.folder.display()),
            )
        })?;
        let clock = self.simulator.clock();
        clock.stop_at(instant);
        happens(&self.simulator);
        clock.run();
        Ok(())
    }

    fn write(&self) -> std::io::Result<()> {
        write_origin(&self.folder, &self.origin)?;
        let mut settings = String::from(
            "# The demo's settings, written anew by each `tributary demo`. The simulated company answered at these\n\
             # addresses while the demo ran; without it, everything works that asks no source.\n",
        );
        for vendor in self.simulator.vendors() {
            let ConnectionKeys { source, keys, secrets } = vendor.connection();
            for (name, secret) in secrets {
                write_private(&self.folder.join(name), &secret)?;
            }
            let table = ["\n[connections.", source, "]\nsource = \"", source, "\"\n", &keys];
            settings.extend(table);
        }
        fs::write(self.settings(), settings)
    }
}

fn now() -> i64 {
    shared::clock::now().as_micros().div_euclid(1_000_000)
}

fn origin_file(folder: &Path) -> PathBuf {
    folder.join("company.json")
}

fn read(folder: &Path) -> Option<Origin> {
    serde_json::from_slice(&fs::read(origin_file(folder)).ok()?).ok()
}

fn write_origin(folder: &Path, origin: &Origin) -> std::io::Result<()> {
    fs::write(origin_file(folder), serde_json::to_vec_pretty(origin)?)
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

fn unwritable(folder: &Path, error: &std::io::Error) -> Failure {
    Failure::misuse(
        format!("cannot write {} ({error})", folder.display()),
        "give this user write permission there, or choose another folder with --data",
    )
}
