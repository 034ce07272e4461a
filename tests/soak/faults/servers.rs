//! Servers that fail and come back.

use super::Faults;
use crate::disturbances::Cause;
use crate::policy::State;

impl Faults<'_> {
    pub(super) fn restart_the_directory(&mut self) {
        let during = self.run.disturbances.begin(Cause::DirectoryOut);
        self.run.site.slapd.lock().unwrap().stop();
        self.wait_a_moment();
        self.run.site.slapd.lock().unwrap().start_again();
        self.end_when_all_is_back(during);
    }

    pub(super) fn freeze_the_directory(&mut self) {
        let during = self.run.disturbances.begin(Cause::DirectoryOut);
        self.run.site.slapd.lock().unwrap().freeze();
        self.wait_a_moment();
        self.run.site.slapd.lock().unwrap().thaw();
        self.end_when_all_is_back(during);
    }

    pub(super) fn stop_the_policy_server(&mut self) {
        self.put_policy_server_out(State::Down);
    }

    pub(super) fn silence_the_policy_server(&mut self) {
        self.put_policy_server_out(State::Silent);
    }

    fn put_policy_server_out(&mut self, state: State) {
        let during = self.run.disturbances.begin(Cause::PolicyOut);
        self.run.site.doubt_bans();
        self.run.site.policy.become_(state);
        self.wait_a_moment();
        self.run.site.policy.become_(State::Up);
        self.wait_until_bans_are_back();
        self.run.disturbances.end(during);
    }

    pub(super) fn restart_the_imap_server(&mut self) {
        let during = self.run.disturbances.begin(Cause::ImapOut);
        self.run.site.dovecot.lock().unwrap().stop();
        self.wait_a_moment();
        self.run.site.dovecot.lock().unwrap().start_again();
        self.end_when_all_is_back(during);
    }

    pub(super) fn freeze_the_imap_server(&mut self) {
        let during = self.run.disturbances.begin(Cause::ImapOut);
        self.run.site.dovecot.lock().unwrap().freeze();
        self.wait_a_moment();
        self.run.site.dovecot.lock().unwrap().thaw();
        self.end_when_all_is_back(during);
    }
}
