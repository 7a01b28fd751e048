//! Programs that read lines from people, as data: which of their functions wait for a line or have
//! one, and which of their variables say more.

use abi::LineVar;

/// What a run looks for, by the command's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// bash, with readline inside or beside it.
    Bash,
    /// zsh, with its line editor inside or as a module.
    Zsh,
    /// Whatever reads lines through GNU Readline.
    Readline,
}

/// Functions and variables, by their symbols.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) rows: &'static [Row],
    pub(super) vars: &'static [(LineVar, &'static str)],
}

/// One function.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) symbol: &'static str,
    pub(super) op: Op,
}

/// What a call of it means. Arguments are numbered from 0.
#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    /// Waits for a line and returns it.
    Reads {
        /// The argument with the prompt.
        prompt: u8,
        /// Only in programs that are known to be shells.
        shells: bool,
    },
    /// Returns a line, perhaps to a function that does so, too.
    Returns,
    /// Waits for a line, or for something else as this argument says.
    Waits {
        /// 0: a command begins, 1: it goes on, else: no command.
        context: u8,
    },
    /// May replace the line in its argument; returns that line, another one, or none.
    Replaces(u8),
    /// Is called when a whole command stands between two pointers; as zsh keeps texts.
    Holds,
    /// Is called by shells before anything else here.
    Shows,
}

impl Lines {
    pub(super) fn target(self) -> &'static Target {
        match self {
            Self::Bash => &BASH,
            Self::Zsh => &ZSH,
            Self::Readline => &READLINE,
        }
    }
}

/// Exported by bash of every release, for its loadable builtins.
const BASH_VARS: &[(LineVar, &str)] = &[
    (LineVar::Status, "last_command_exit_value"),
    (LineVar::Continues, "current_command_line_count"),
    (LineVar::Interactive, "interactive"),
    (LineVar::Prompt, "current_readline_prompt"),
];

const BASH: Target = Target {
    rows: &[
        // The same function if it is in libreadline.so.
        row("readline", Op::Reads { prompt: 0, shells: true }),
        row("pre_process_line", Op::Replaces(0)),
        row("decode_prompt_string", Op::Shows),
    ],
    vars: BASH_VARS,
};

const READLINE: Target = Target {
    rows: &[
        row("readline", Op::Reads { prompt: 0, shells: false }),
        // Programs that are called back (gdb, python) get their lines from here.
        row("readline_internal_teardown", Op::Returns),
        row("pre_process_line", Op::Replaces(0)),
        row("decode_prompt_string", Op::Shows),
    ],
    vars: BASH_VARS,
};

/// Exported by zsh for its modules, of which the line editor is one.
const ZSH: Target = Target {
    rows: &[
        // The end of a command in the history's buffer: before it is run, and with expansions.
        row("hend", Op::Holds),
        // (lp, rp, flags, context, …): ZLCON_LINE_START, ZLCON_LINE_CONT, `select`, `vared`.
        row("zleread", Op::Waits { context: 3 }),
    ],
    vars: &[(LineVar::Status, "lastval"), (LineVar::Begin, "chline"), (LineVar::End, "hptr")],
};

const fn row(symbol: &'static str, op: Op) -> Row {
    Row { symbol, op }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_named_once_in_a_target() {
        for target in [&BASH, &ZSH, &READLINE] {
            let rows = target.rows.iter().map(|row| row.symbol);
            let mut names: Vec<_> = rows.chain(target.vars.iter().map(|(_, name)| *name)).collect();
            names.sort_unstable();
            assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        }
    }
}
