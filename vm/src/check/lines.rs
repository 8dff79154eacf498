//! Lines that are no statement, and statements that look like comments.

use super::{Checker, Code};
use crate::script::Span;
use crate::script::source::strip;
use crate::script::tree::RemarkKind;

impl Checker<'_> {
    /// Rules about lines as a whole.
    pub(super) fn lines(&mut self) {
        for remark in self.script.remarks() {
            if remark.kind == RemarkKind::IgnoredLine {
                self.ignored_line(remark.span);
            }
        }
        let source = self.script.source();
        for index in 0..source.lines() {
            let line = strip(source.text(), source.line(index));
            if self.text(line).starts_with('#')
                && (self.text(line).contains('=') || self.text(line).contains('('))
            {
                self.report(
                    Code::HashComment,
                    line,
                    "`#` begins no comment: this line runs as a statement",
                    "begin comments with `//`",
                );
            }
        }
    }

    fn ignored_line(&mut self, line: Span) {
        let text = self.text(line);
        let happens = "this line is no statement and does nothing";
        match text {
            "else" | "end" | "endLoop" | "try" | "exception" => {
                let meant = format!("write `{text}()`");
                self.report(
                    Code::BareKeyword,
                    line,
                    format!("`{text}` without parentheses does nothing"),
                    meant,
                );
            }
            "return" => self.report(
                Code::BareKeyword,
                line,
                "`return` without a value does nothing: the function goes on",
                "write `return None`",
            ),
            "{" | "}" => {
                self.report(
                    Code::IgnoredLine,
                    line,
                    happens,
                    "a function's `{` ends the line of its header",
                );
            }
            _ if text.starts_with('#') => {
                self.report(Code::HashComment, line, happens, "begin comments with `//`");
            }
            _ if text.contains('(') => self.report(
                Code::CallOverLines,
                line,
                "a statement ends with its line: this call has no `)` and does nothing",
                "write the whole call on one line",
            ),
            _ => {
                let word = text.split([' ', '\t']).next().unwrap_or_default();
                let meant = match word {
                    "import" | "include" | "from" => {
                        "there are no imports: all commands of the catalogue are there".into()
                    }
                    _ if text.ends_with(')') => {
                        "this may be the end of a call over several lines: write it on one".into()
                    }
                    _ => "begin comments with `//`; write a call as `name(argument)`".to_string(),
                };
                self.report(Code::IgnoredLine, line, happens, meant);
            }
        }
    }
}
