//! Servers that fail and come back.

use super::Faults;
use crate::disturbances::Cause;

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
