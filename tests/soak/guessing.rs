//! Somebody who guesses, one wrong password after the other from an address of his own: each refusal comes later than the one
//! before, up to 15 seconds, and no reload lets him begin anew.

use super::daemon::MUX_TIMEOUT;
use super::disturbances::Cause;
use super::judge::{Asked, Reply};
use super::mux;
use super::random::Random;
use super::report::History;
use super::run::{Run, pause};
use super::site::MARK;
use super::truth::{Needs, Question, Truth, before};
use std::time::{Duration, Instant};

/// How long the first wrong password is held back, the second, the third, and all that follow.
const DELAYS: [Duration; 4] =
    [Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8), Duration::from_secs(15)];

/// How much less it may look like from here: the daemon takes the time once for all that comes at once.
const SLACK: Duration = Duration::from_millis(500);

/// A step is taken back after 15 seconds of quiet.
const QUIET: Duration = Duration::from_secs(10);

/// For what follows of something that is over: the daemon acts on it a moment later.
const A_LITTLE: Duration = Duration::from_secs(3);

const KIND: &str = "mux, one guess after the other";

/// Guesses until the end.
pub fn guesser(run: &Run, number: u64) {
    let mut random = Random::of(run.seed, 2000 + number);
    let now = Instant::now();
    let mut guesser = Guesser { run, number, moves: 0, steps: 0, last: (now, now) };
    while run.goes_on() {
        guesser.guess(&mut random);
        pause(random.milliseconds(500));
    }
}

struct Guesser<'a> {
    run: &'a Run,
    number: u64,
    /// How many addresses he has left behind.
    moves: u64,
    /// How many refusals his address has had: what comes next is held back for these.
    steps: usize,
    /// When the last guess was made, and answered.
    last: (Instant, Instant),
}

impl Guesser<'_> {
    fn guess(&mut self, random: &mut Random) {
        let question = question(random);
        let address = format!("203.0.{}.{}", self.number, 1 + self.moves % 250);
        let mut history = self.run.report.history(&format!("somebody guesses from {address}"));
        let sent = Instant::now();
        let reply = mux::ask_once_from(self.run, &question, Some(&address));
        let answered = Instant::now();
        history.note(format!("{} [{}]: {reply:?}; {} steps", question.login, question.password, self.steps));
        let is_refused = reply == Reply::Refused;
        let (complete, deadline, is_slow) = (sent, MUX_TIMEOUT, false);
        let asked = Asked { question, sent, complete, answered, deadline, is_slow, reply };
        self.run.report.judge(KIND, &asked, &self.run.disturbances, &history);
        if self.may_be_forgotten(sent, answered) {
            self.move_on();
        } else if is_refused {
            self.climb(sent, answered, &history);
        }
        self.last = (sent, answered);
    }

    /// Deaths forgive, and so does quiet. A frontend that stands still or has no descriptor hands nothing over.
    fn may_be_forgotten(&self, sent: Instant, answered: Instant) -> bool {
        let (_, heard) = self.last;
        let was = |cause| self.was(cause, heard, answered);
        sent.duration_since(heard) > QUIET
            || was(Cause::FrontendKilled)
            || was(Cause::Reload) && (was(Cause::FrontendStopped) || was(Cause::NoDescriptors))
    }

    /// To an address that has no penalty.
    fn move_on(&mut self) {
        self.moves += 1;
        self.steps = 0;
    }

    /// A guess that was decided while frontends changed counts for one of them, and it is not known which; there is no
    /// step after the last.
    fn climb(&mut self, sent: Instant, answered: Instant, history: &History) {
        let delay = DELAYS[self.steps.min(DELAYS.len() - 1)];
        // From then on it is only held back.
        let decided = before(answered, delay).max(sent);
        if self.was(Cause::Reload, sent, decided) {
            if self.steps < DELAYS.len() {
                self.move_on();
            }
            return;
        }
        let is_known_from_before = self.steps > 0 && self.was(Cause::Reload, self.last.0, sent);
        self.steps += 1;
        // The clock of one that stands still does so, too; and what is held back makes room.
        let is_early = |cause| self.was(cause, sent, answered);
        if [Cause::FrontendStopped, Cause::Crowd, Cause::NoDescriptors].into_iter().any(is_early) {
            return;
        }
        let took = answered.duration_since(sent);
        if took + SLACK < delay {
            let what = format!("a guess was refused after {took:?}, which should have taken {delay:?}");
            self.run.report.fail(&what, Some(history), &self.run.disturbances);
        }
        self.run.report.note("guesses were held back as long as they should be");
        if is_known_from_before {
            self.run.report.note("of them for what was guessed before a reload");
        }
    }

    /// Whether this was done between these two, or a little before.
    fn was(&self, cause: Cause, from: Instant, until: Instant) -> bool {
        let during = self.run.disturbances.during(before(from, A_LITTLE), until);
        during.iter().any(|(_, it)| it.cause == cause)
    }
}

/// Another login and another password each time.
fn question<'a>(random: &mut Random) -> Question<'a> {
    let login = format!("guessed{}", random.next());
    let needs = Needs { workers: true, ..Needs::default() };
    Question {
        login: login.clone(),
        checked: login,
        password: format!("{MARK}-{}", random.next()),
        realm: "file.test".to_owned(),
        truth: Truth::Wrong,
        needs,
        is_delayed: true,
    }
}
