//! The exit codes: part of the documented interface, the same for every `-o`.

use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: fine, or done.
    Fine,
    /// 1: findings at or above `--fail-on`, a port asked for that is not known to be open, a refusal, or changes
    /// pending under `--diff`.
    Findings,
    /// 2: the tool could not work, or something given to it could not be read (the rest is still answered).
    CannotWork,
    /// 3: written, but the effect was not confirmed within `--timeout`.
    Unconfirmed,
    /// 130: stopped by Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The codes as `--help` tells them.
    pub const HELP: &'static str = "\
Exit codes:
  0    fine, or done
  1    findings, a refusal, or changes pending under --diff
  2    could not work, or something given could not be read
  3    written, but the effect was not confirmed in time
  130  stopped by Ctrl-C
";

    /// The number the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Findings => 1,
            Self::CannotWork => 2,
            Self::Unconfirmed => 3,
            Self::Interrupted => 130,
        }
    }

    /// The code for two results of one run: the graver decides, so an answer from half the files is never a calm one.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        if other.code() > self.code() {
            other
        } else {
            self
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    const ALL: [Exit; 5] = [
        Exit::Fine,
        Exit::Findings,
        Exit::CannotWork,
        Exit::Unconfirmed,
        Exit::Interrupted,
    ];

    #[test]
    fn the_codes_are_public_and_stay() {
        assert_eq!(ALL.map(Exit::code), [0, 1, 2, 3, 130]);
    }

    #[test]
    fn help_tells_every_code() {
        for exit in ALL {
            let line = format!("\n  {:<3}  ", exit.code());
            assert!(Exit::HELP.contains(&line), "{exit:?}");
        }
    }

    #[test]
    fn the_graver_result_decides() {
        assert_eq!(Exit::Findings.and(Exit::CannotWork), Exit::CannotWork);
        assert_eq!(Exit::CannotWork.and(Exit::Findings), Exit::CannotWork);
        assert_eq!(Exit::Fine.and(Exit::Fine), Exit::Fine);
    }
}
