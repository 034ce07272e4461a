//! Whether the daemon's processes stay as many, as large and as open as they were.

use super::daemon::{Daemon, POOLS, WORKERS, usage};
use super::privileges::Status;
use super::run::Run;
use crate::support::within;
use std::fmt::Write;
use std::time::Duration;

const ROLES: [&str; 3] = ["supervisor", "frontend", "worker"];

/// Parts of a run that are compared.
const WINDOWS: usize = 4;

/// One look at the largest process of each role.
struct Sample {
    progress: f64,
    /// Of each role, in the order of [`ROLES`]; the numbers of one that is not there are 0.
    roles: [Figures; 3],
}

#[derive(Clone, Copy, Default)]
struct Figures {
    processes: u64,
    /// Processes with root's rights.
    with_rights: u64,
    threads: u64,
    descriptors: u64,
    /// RSS and PSS in KiB.
    resident: u64,
    proportional: u64,
}

/// What was seen of the processes.
pub struct Watched {
    samples: Vec<Sample>,
    /// What must not be.
    pub complaints: Vec<String>,
}

/// Looks once a second until the end.
pub fn watch(run: &Run) -> Watched {
    let mut watched = Watched { samples: Vec::new(), complaints: Vec::new() };
    let (mut too_many, mut zombies) = (0, 0);
    while run.goes_on() {
        let _ = within(Duration::from_secs(1), || (!run.goes_on()).then_some(()));
        let roles = look(&run.daemon);
        too_many = if has_too_many(&roles) { too_many + 1 } else { 0 };
        zombies = if run.daemon.process.zombies() > 0 { zombies + 1 } else { 0 };
        // One look may see a frontend that has just gone, or a child that is about to be collected.
        if too_many == 3 {
            let [_, frontends, workers] = roles.map(|role| role.processes);
            let threads = roles[0].threads;
            let what =
                format!("{workers} workers of {frontends} frontends, {threads} threads of the supervisor");
            watched.complaints.push(what);
        }
        if let Some(what) = has_too_many_rights(&roles) {
            watched.complaints.push(what);
            run.give_up();
        }
        if zombies == 15 {
            watched.complaints.push("children that have ended are not collected".to_owned());
        }
        watched.samples.push(Sample { progress: run.progress(), roles });
        if !run.daemon.is_running() {
            watched.complaints.push("the daemon has ended".to_owned());
            run.give_up();
        }
        if run.report.has_enough_failures() {
            run.give_up();
        }
    }
    watched.complaints.extend(growth(&watched.samples));
    watched
}

/// A frontend has all its workers once, and once more while those that are killed give way. The supervisor has a thread
/// for each worker of passwdfile.
fn has_too_many([supervisor, frontends, workers]: &[Figures; 3]) -> bool {
    let pools = frontends.processes + 1;
    let [all, of_a_pool] = [WORKERS * POOLS, WORKERS].map(|bound| pools * bound as u64);
    workers.processes > all || supervisor.threads > OWN_THREADS + of_a_pool
}

/// Of the supervisor, whatever it opens.
const OWN_THREADS: u64 = 2;

/// A frontend never has root's rights, and of the workers those of shadow only.
fn has_too_many_rights([_, frontends, workers]: &[Figures; 3]) -> Option<String> {
    if frontends.with_rights > 0 {
        return Some("a frontend has root's rights".to_owned());
    }
    let bound = (frontends.processes + 1) * WORKERS as u64;
    (workers.with_rights > bound).then(|| format!("{} workers have root's rights", workers.with_rights))
}

fn look(daemon: &Daemon) -> [Figures; 3] {
    ROLES.map(|role| {
        let processes =
            if role == "supervisor" { vec![daemon.process.clone()] } else { daemon.children(role) };
        let mut figures = Figures { processes: processes.len() as u64, ..Figures::default() };
        for status in processes.iter().filter_map(Status::of) {
            figures.threads = figures.threads.max(status.threads());
            figures.with_rights += u64::from(!status.is_bare());
        }
        for (descriptors, resident, proportional) in processes.iter().filter_map(usage) {
            figures.descriptors = figures.descriptors.max(descriptors);
            figures.resident = figures.resident.max(resident);
            figures.proportional = figures.proportional.max(proportional);
        }
        figures
    })
}

/// Compares the first part of a run with the last: the least that the supervisor had open in each, since what comes and
/// goes only adds to it, and the median of everything else.
fn growth(samples: &[Sample]) -> Vec<String> {
    let mut complaints = Vec::new();
    let [first, last] = [0, WINDOWS - 1].map(|part| window(samples, part));
    if first.is_empty() || last.is_empty() {
        return complaints;
    }
    for (place, role) in ROLES.iter().enumerate() {
        let is_supervisor = *role == "supervisor";
        let mut compare = |what: &str, value: fn(&Figures) -> u64, more: u64| {
            let figure = |part: &[&Sample]| {
                let of_role = |it: &Sample| value(&it.roles[place]);
                if is_supervisor { least(part, of_role) } else { median(part, of_role) }
            };
            let [before, after] = [&first, &last].map(|part| figure(part));
            if after > before + more {
                complaints.push(format!("{what} of the {role} has grown from {before} to {after}"));
            }
        };
        compare("the number of descriptors", |it| it.descriptors, if is_supervisor { 3 } else { 30 });
        compare("resident memory (KiB)", |it| it.resident, 6 * 1024);
        compare("the number of threads", |it| it.threads, if is_supervisor { 2 } else { 1 });
    }
    complaints
}

fn window(samples: &[Sample], part: usize) -> Vec<&Sample> {
    let is_in = |sample: &&Sample| (sample.progress * WINDOWS as f64).floor().max(0.0) as usize == part;
    samples.iter().filter(is_in).collect()
}

fn least(samples: &[&Sample], value: impl Fn(&Sample) -> u64) -> u64 {
    samples.iter().map(|sample| value(sample)).min().unwrap_or(0)
}

fn median(samples: &[&Sample], value: impl Fn(&Sample) -> u64) -> u64 {
    let mut values: Vec<_> = samples.iter().map(|sample| value(sample)).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

impl Watched {
    /// A table of the parts of the run, as in docs/RELIABILITY.md.
    pub fn table(&self) -> String {
        let mut table = "| largest process (median) | most of them | descriptors, first to last quarter | threads | RSS, KiB | PSS, KiB |\n\
                         | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
        for (place, role) in ROLES.iter().enumerate() {
            let most = self.samples.iter().map(|sample| sample.roles[place].processes).max().unwrap_or(0);
            let course = |value: fn(&Figures) -> u64| {
                let parts = (0..WINDOWS).map(|part| {
                    median(&window(&self.samples, part), |it| value(&it.roles[place])).to_string()
                });
                parts.collect::<Vec<_>>().join(", ")
            };
            let _ = writeln!(
                table,
                "| {role} | {most} | {} | {} | {} | {} |",
                course(|it| it.descriptors),
                course(|it| it.threads),
                course(|it| it.resident),
                course(|it| it.proportional)
            );
        }
        table
    }
}

/// What a daemon has open that nobody uses: descriptors and resident memory in KiB of supervisor and frontend, as soon as
/// that is the same for two seconds.
pub fn at_rest(daemon: &Daemon) -> Option<[(u64, u64); 2]> {
    let mut seen: Vec<_> = Vec::new();
    // A frontend that drains may take as long as its clients may.
    within(2 * super::run::MARGIN, || {
        let [frontend] = &daemon.children("frontend")[..] else { return None };
        let look = [usage(&daemon.process)?, usage(frontend)?];
        seen.push(look.map(|(descriptors, ..)| descriptors));
        super::run::pause(Duration::from_millis(200));
        let is_steady =
            seen.len() > 10 && seen[seen.len() - 10..].iter().all(|it| it == &seen[seen.len() - 1]);
        is_steady.then_some(look.map(|(descriptors, resident, _)| (descriptors, resident)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_with(supervisor: impl Fn(f64) -> Figures) -> Vec<Sample> {
        let moments = (0..180).map(|second| f64::from(second) / 180.0);
        let other =
            Figures { processes: 1, threads: 1, descriptors: 40, resident: 9000, ..Figures::default() };
        moments.map(|progress| Sample { progress, roles: [supervisor(progress), other, other] }).collect()
    }

    #[test]
    fn a_descriptor_that_is_lost_with_each_reload_is_growth_and_one_that_comes_and_goes_is_none() {
        let steady =
            Figures { processes: 1, threads: 4, descriptors: 17, resident: 6000, ..Figures::default() };
        assert_eq!(growth(&run_with(|_| steady)), Vec::<String>::new());
        let busy = |progress: f64| Figures { descriptors: 17 + (progress * 180.0) as u64 % 3, ..steady };
        assert_eq!(growth(&run_with(busy)), Vec::<String>::new());
        let leaking = |progress: f64| Figures { descriptors: 17 + (progress * 9.0) as u64, ..steady };
        assert_eq!(
            growth(&run_with(leaking)),
            ["the number of descriptors of the supervisor has grown from 17 to 23"]
        );
        let fat = |progress: f64| Figures { resident: 6000 + (progress * 9000.0) as u64, ..steady };
        assert_eq!(growth(&run_with(fat)).len(), 1);
        let threads = |progress: f64| Figures { threads: 4 + (progress * 9.0) as u64, ..steady };
        assert_eq!(
            growth(&run_with(threads)),
            ["the number of threads of the supervisor has grown from 4 to 10"]
        );
    }

    #[test]
    fn a_frontend_with_root_s_rights_is_seen_and_so_are_too_many_workers_or_threads() {
        let one = Figures { processes: 1, ..Figures::default() };
        let workers = Figures { processes: 9, with_rights: 3, ..Figures::default() };
        let supervisor = Figures { threads: 8, ..one };
        let fine = [supervisor, one, workers];
        assert!(has_too_many_rights(&fine).is_none() && !has_too_many(&fine));
        assert!(has_too_many_rights(&[supervisor, Figures { with_rights: 1, ..one }, workers]).is_some());
        assert!(has_too_many_rights(&[supervisor, one, Figures { with_rights: 7, ..workers }]).is_some());
        assert!(has_too_many(&[Figures { threads: 9, ..one }, one, workers]));
        assert!(has_too_many(&[supervisor, one, Figures { processes: 19, ..workers }]));
    }
}
