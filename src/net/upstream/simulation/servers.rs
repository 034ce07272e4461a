//! What servers do on the connections to them.

use super::*;

impl World {
    pub(super) fn advance_a_wire(&mut self) {
        let all: Vec<_> = self.wires.keys().copied().collect();
        if let Some(id) = self.random.pick(&all) {
            self.advance(id);
        }
    }

    /// Something happens on a connection, as its server's mood has it.
    pub(super) fn advance(&mut self, id: ConnectionId) {
        let wire = &self.wires[&id];
        let mood = self.moods[&self.server(wire).name];
        match (wire.stage, mood) {
            _ if wire.is_dead => {}
            (_, Mood::Swallows) | (Stage::Opening, Mood::Hangs) => {}
            (Stage::Connecting, Mood::Refuses) => self.break_wire(id),
            (Stage::Connecting, _) => self.connect(id),
            (Stage::Securing, _) => self.enter(id, Stage::Opening),
            (Stage::Opening, Mood::Good) => self.be_ready(id, true),
            (Stage::Opening, Mood::Refuses | Mood::Breaks) => self.break_wire(id),
            (Stage::Ready, mood) => self.serve(id, mood),
        }
    }

    fn connect(&mut self, id: ConnectionId) {
        if self.random.one_in(3) {
            return self.enter(id, Stage::Securing);
        }
        self.enter(id, Stage::Opening);
        // A session that waits for no greeting.
        if self.wires.contains_key(&id) && self.random.one_in(2) {
            self.be_ready(id, false);
        }
    }

    fn be_ready(&mut self, id: ConnectionId, has_greeted: bool) {
        self.wires.get_mut(&id).unwrap().stage = Stage::Ready;
        self.manager.handle_ready(id, has_greeted, self.now);
    }

    fn enter(&mut self, id: ConnectionId, stage: Stage) {
        self.wires.get_mut(&id).unwrap().stage = stage;
        self.manager.handle_stage(id, stage, self.now);
    }

    fn serve(&mut self, id: ConnectionId, mood: Mood) {
        let wire = self.wires.get_mut(&id).unwrap();
        let is_well = self.well.as_ref() == Some(&self.pools[wire.pool.0].servers[wire.server]);
        if wire.asked.is_empty() {
            // Servers close idle connections when they like.
            if mood == Mood::Breaks || self.random.one_in(6) {
                self.break_wire(id);
            }
            return;
        }
        if wire.has_answered && self.random.one_in(8) {
            return self.break_wire(id);
        }
        match mood {
            Mood::Hangs => {}
            Mood::Breaks | Mood::Refuses => self.break_or_begin(id),
            _ if !is_well && self.random.one_in(20) => self.break_or_begin(id),
            _ => self.answer(id),
        }
    }

    /// The connection breaks, perhaps in the middle of an answer.
    fn break_or_begin(&mut self, id: ConnectionId) {
        if self.random.one_in(2) {
            let asked = &self.wires[&id].asked;
            let question = asked[self.random.below(asked.len() as u64) as usize];
            self.manager.handle_begun(id, question, self.now);
            self.carry_out();
        }
        if self.wires.contains_key(&id) {
            self.break_wire(id);
        }
    }

    pub(super) fn break_wire(&mut self, id: ConnectionId) {
        self.disturbed = true;
        let wire = self.wires.remove(&id).unwrap();
        // Those whose order to be asked has not been taken yet count as asked.
        for question in &self.manager.connections[&id].in_flight {
            self.asked.get_mut(question).unwrap().tries.entry(wire.server).or_default();
        }
        for question in wire.asked.iter().filter(|_| !wire.is_dead) {
            self.asked.get_mut(question).into_iter().for_each(|asked| asked.lose(wire.has_answered));
        }
        self.manager.handle_broken(id, failure("broken"), self.now);
    }

    fn answer(&mut self, id: ConnectionId) {
        let cannot = self.random.one_in(10);
        let finishes = self.random.one_in(10);
        let answerable: Vec<_> = self.wires[&id]
            .asked
            .iter()
            .copied()
            .filter(|question| self.can_be_answered(*question))
            .collect();
        let Some(question) = self.random.pick(&answerable) else { return };
        let wire = self.wires.get_mut(&id).unwrap();
        wire.asked.retain(|asked| *asked != question);
        wire.finished |= finishes;
        wire.has_answered = true;
        let expected = self.manager.asked_at(id, question).is_some();
        assert!(!expected || self.asked[&question].on == Some(id), "it is known who is asked what");
        let answered = if cannot { Err(failure("cannot")) } else { Ok(()) };
        let server = self
            .manager
            .connections
            .get(&id)
            .map(|known| self.pools[known.pool.0].servers[known.index].name.clone());
        let counts = self.manager.handle_answer(id, question, answered, self.now);
        server
            .filter(|_| counts)
            .into_iter()
            .for_each(|server| *self.answered.entry(server).or_default() += 1);
        assert_eq!(counts, expected && !cannot, "an answer counts if and only if somebody waits for it");
        if counts {
            self.asked.remove(&question);
        } else if let Some(asked) = self.asked.get_mut(&question).filter(|_| expected) {
            asked.on = None;
            asked.is_excused = true;
        }
        if finishes {
            self.manager.handle_finished(id, self.now);
        }
    }
}
