//! The queue of lines in front of a reader that may have stopped reading.
#![forbid(unsafe_code)]

use std::collections::VecDeque;

/// The most lines that wait; the next one is dropped and counted.
const MOST_LINES: usize = 1024;

/// The most bytes that wait: lines are some 150 bytes, but a client can make its own 16 KiB long.
const MOST_BYTES: usize = 1 << 20;

/// What became of a line that was offered to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is gone.
    Whole,
    /// The reader took that many bytes and wants the rest later.
    Part(usize),
    /// The reader takes nothing now.
    Later,
    /// The reader will never take this line, but perhaps the next.
    Never,
    /// There is no reader any more.
    Gone,
}

/// How a [`Spool::flush`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Nothing waits any more.
    Empty,
    /// The reader is to be asked again later.
    Stalled,
    /// The reader is gone; the lines still wait.
    Broken,
}

/// Lines on their way to a reader, bounded in number and bytes, with a count of those that found no room.
#[derive(Default)]
pub(super) struct Spool {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    dropped: u64,
    /// Since somebody asked, whether or not a reader was told.
    lost: u64,
}

impl Spool {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.dropped == 0
    }

    /// Puts `line` behind the others, or drops it when there is no room.
    pub(super) fn push(&mut self, line: Vec<u8>) {
        if self.lines.len() >= MOST_LINES || self.bytes.saturating_add(line.len()) > MOST_BYTES {
            return self.count_dropped();
        }
        self.bytes += line.len();
        self.lines.push_back(line);
    }

    /// Forgets every line and the count of those that its reader would be told of.
    pub(super) fn clear(&mut self) {
        let lost = self.lost.saturating_add(self.lines.len() as u64);
        *self = Self { lost, ..Self::default() };
    }

    /// How many lines were dropped since this was asked last.
    pub(super) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    fn count_dropped(&mut self) {
        self.dropped = self.dropped.saturating_add(1);
        self.lost = self.lost.saturating_add(1);
    }

    /// Offers the waiting lines to `take` in their order and, once all are through, the line that `notice` makes of
    /// the number dropped.
    pub(super) fn flush(
        &mut self,
        notice: impl Fn(u64) -> Vec<u8>,
        mut take: impl FnMut(&[u8]) -> Taken,
    ) -> Flow {
        while let Some(line) = self.lines.front_mut() {
            match take(line) {
                Taken::Whole => self.forget_first(),
                Taken::Part(taken) => {
                    let taken = taken.min(line.len());
                    line.drain(..taken);
                    self.bytes -= taken;
                }
                Taken::Never => self.drop_first(),
                Taken::Later => return Flow::Stalled,
                Taken::Gone => return Flow::Broken,
            }
        }
        if self.dropped == 0 { Flow::Empty } else { self.confess(notice(self.dropped), take) }
    }

    /// Offers the line that tells how many were dropped.
    fn confess(&mut self, mut notice: Vec<u8>, mut take: impl FnMut(&[u8]) -> Taken) -> Flow {
        match take(&notice) {
            Taken::Later => return Flow::Stalled,
            Taken::Gone => return Flow::Broken,
            Taken::Whole | Taken::Never => notice.clear(),
            Taken::Part(taken) => drop(notice.drain(..taken.min(notice.len()))),
        }
        self.dropped = 0;
        if notice.is_empty() {
            return Flow::Empty;
        }
        self.push(notice);
        Flow::Stalled
    }

    /// Drops the line that comes next, and counts it.
    pub(super) fn drop_first(&mut self) {
        if !self.lines.is_empty() {
            self.count_dropped();
        }
        self.forget_first();
    }

    fn forget_first(&mut self) {
        if let Some(line) = self.lines.pop_front() {
            self.bytes -= line.len();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn notice(dropped: u64) -> Vec<u8> {
        format!("dropped {dropped}").into_bytes()
    }

    /// Flushes into a reader that takes everything.
    fn everything(spool: &mut Spool) -> Vec<String> {
        let mut read = Vec::new();
        let flow = spool.flush(notice, |line| {
            read.push(String::from_utf8(line.to_vec()).unwrap());
            Taken::Whole
        });
        assert_eq!(flow, Flow::Empty);
        read
    }

    #[test]
    fn lines_come_out_in_their_order() {
        let mut spool = Spool::default();
        spool.push(b"one".to_vec());
        spool.push(b"two".to_vec());
        assert_eq!(everything(&mut spool), ["one", "two"]);
        assert!(spool.is_empty());
    }

    #[test]
    fn a_full_spool_drops_the_newest_and_tells_how_many_after_the_rest() {
        let mut spool = Spool::default();
        for number in 0..MOST_LINES + 5 {
            spool.push(number.to_string().into_bytes());
        }
        let read = everything(&mut spool);
        assert_eq!(read.len(), MOST_LINES + 1);
        assert_eq!(read.get(MOST_LINES - 1).unwrap(), &(MOST_LINES - 1).to_string());
        assert_eq!(read.last().unwrap(), "dropped 5");
        assert_eq!(everything(&mut spool), Vec::<String>::new(), "the count is told once");
    }

    #[test]
    fn long_lines_are_bounded_in_bytes_and_room_comes_back_as_they_leave() {
        let mut spool = Spool::default();
        let line = vec![b'x'; MOST_BYTES / 2];
        (0..3).for_each(|_| spool.push(line.clone()));
        let mut offered = 0;
        spool.flush(notice, |_| {
            offered += 1;
            if offered == 1 { Taken::Part(MOST_BYTES / 4) } else { Taken::Later }
        });
        spool.push(vec![b'y'; MOST_BYTES / 4]);
        spool.push(b"z".to_vec());
        let read: Vec<usize> = everything(&mut spool).iter().map(String::len).collect();
        assert_eq!(read, [MOST_BYTES / 4, MOST_BYTES / 2, MOST_BYTES / 4, "dropped 2".len()]);
    }

    #[test]
    fn a_line_taken_in_part_goes_on_where_it_stopped() {
        let mut spool = Spool::default();
        spool.push(b"hello".to_vec());
        let mut answers = [Taken::Part(2), Taken::Later].into_iter();
        assert_eq!(spool.flush(notice, |_| answers.next().unwrap()), Flow::Stalled);
        assert_eq!(everything(&mut spool), ["llo"]);
    }

    #[test]
    fn a_line_nobody_takes_does_not_hold_up_the_next() {
        let mut spool = Spool::default();
        spool.push(b"huge".to_vec());
        spool.push(b"small".to_vec());
        let mut read = Vec::new();
        spool.flush(notice, |line| {
            read.push(line.to_vec());
            if line == b"huge" { Taken::Never } else { Taken::Whole }
        });
        assert_eq!(read, [b"huge".to_vec(), b"small".to_vec(), notice(1)]);
    }

    #[test]
    fn lines_outlive_a_reader_that_goes_away() {
        let mut spool = Spool::default();
        spool.push(b"kept".to_vec());
        assert_eq!(spool.flush(notice, |_| Taken::Gone), Flow::Broken);
        assert_eq!(everything(&mut spool), ["kept"]);
    }

    #[test]
    fn what_is_lost_is_counted_once_whether_or_not_a_reader_is_told() {
        let mut spool = Spool::default();
        (0..MOST_LINES + 5).for_each(|_| spool.push(b"x".to_vec()));
        assert_eq!(spool.take_lost(), 5);
        everything(&mut spool);
        assert_eq!(spool.take_lost(), 0);
        spool.push(b"huge".to_vec());
        spool.flush(notice, |line| if line == b"huge" { Taken::Never } else { Taken::Whole });
        assert_eq!(spool.take_lost(), 1);
        spool.push(b"nobody will read it".to_vec());
        spool.clear();
        assert_eq!(spool.take_lost(), 1);
    }

    #[test]
    fn a_notice_that_is_never_taken_does_not_go_round_for_ever() {
        let mut spool = Spool::default();
        spool.push(b"x".to_vec());
        let mut offers = 0;
        let flow = spool.flush(notice, |_| {
            offers += 1;
            if offers > 10 { Taken::Later } else { Taken::Never }
        });
        assert_eq!((offers, flow), (2, Flow::Empty));
    }
}
