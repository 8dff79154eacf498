//! Every kind of diagnostic, once: its stable name, how bad it is, whether the strict dialect refuses it, and what it is about.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The request will fail when it comes there.
    Error,
    /// Text or work is lost without a word.
    Warning,
    /// It does what it says, which may not be what was meant.
    Note,
}

impl Severity {
    /// `error`, `warning` or `note`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A row of [`CODES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeInfo {
    /// The kind.
    pub code: Code,
    /// Its name, for people and programs. It never changes.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Is it an error of the strict dialect?
    pub strict: bool,
    /// What it is about, in a sentence.
    pub about: &'static str,
}

macro_rules! codes {
    ($($code:ident $name:literal $severity:ident $strict:literal $about:literal;)*) => {
        /// A kind of diagnostic.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $about] $code,)*
        }

        /// Every kind, in the order of [`Code`].
        pub const CODES: &[CodeInfo] = &[
            $(CodeInfo {
                code: Code::$code, name: $name, severity: Severity::$severity, strict: !$strict.is_empty(), about: $about,
            },)*
        ];
    };
}

codes! {
    // Lines.
    IgnoredLine "ignored-line" Warning "strict" "A line that is no statement does nothing.";
    BareKeyword "bare-keyword" Warning "strict" "`else`, `end` and their like do nothing without parentheses.";
    HashComment "hash-comment" Warning "strict" "`#` begins no comment; a line with `=` or `( )` behind it runs.";
    CallOverLines "call-over-lines" Warning "strict" "A statement ends with its line; a call over several lines is none.";
    TooLarge "too-large" Error "" "The script is over the size limit and is not read.";
    // Assignments.
    CallBecameAssignment "call-became-assignment" Warning "strict" "A call with a `=` anywhere in it is an assignment.";
    CompoundAssignment "compound-assignment" Warning "strict" "`x += 1` makes a variable called `x +`.";
    ComparisonLine "comparison-line" Warning "strict" "`x == 1` stores the text `= 1` in `x`.";
    ChainedAssignment "chained-assignment" Warning "strict" "`a = b = 2` stores the text `b = 2` in `a`.";
    PartAssignment "part-assignment" Warning "strict" "`xs[0] = 1` makes a variable called `xs[0]`.";
    OddName "odd-name" Note "" "A variable whose name no expression can say.";
    EmptyRightSide "empty-right-side" Warning "strict" "Nothing behind the `=`: an empty text is stored.";
    CommentAfterAssignment "comment-after-assignment" Warning "strict" "Behind an assignment `//` divides; the text is stored.";
    // Expressions.
    NotAnExpression "not-an-expression" Warning "strict" "An expression that cannot be read stores its own text.";
    AlwaysFails "always-fails" Warning "strict" "An operation that fails whatever the variables are, so that its text is stored.";
    WordIsText "word-is-text" Warning "strict" "`true`, `false`, `null` are plain words; write `True`, `False`, `None`.";
    NoSuchFunction "no-such-function" Warning "strict" "Expressions know `str`, `int`, `float`, `len`; any other call stores its text.";
    ScopeOfComprehension "scope-of-comprehension" Warning "strict" "Within a comprehension or lambda only its own names are visible.";
    CallWithOperator "call-with-operator" Warning "strict" "An assigned call with `+ - * /` in it is an expression and stores its text.";
    CallWithoutOperator "call-without-operator" Error "" "An assignment that ends in `)` without `+ - * /` calls a command.";
    FunctionInExpression "function-in-expression" Warning "strict" "A user function can only begin an expression.";
    DroppedAfterFunction "dropped-after-function" Warning "strict" "What follows a user function's call is dropped.";
    FunctionGetsOneArgument "function-gets-one-argument" Warning "strict" "With an operator in its call a user function gets one argument.";
    TemplateNotExpanded "template-not-expanded" Warning "strict" "`${name}` is only filled in by commands that do so, in backticks.";
    // Calls.
    UnknownCommand "unknown-command" Error "" "Neither a command of the catalogue nor a function of the script.";
    NoSuchConstruct "no-such-construct" Error "" "A statement of other languages: here a command that does not exist.";
    TooManyArguments "too-many-arguments" Warning "" "A command gets more arguments than it has names for.";
    TooFewArguments "too-few-arguments" Note "" "A command gets fewer arguments than it has names for.";
    MissingArguments "missing-arguments" Error "" "`if` and `startLoop` need three arguments.";
    TextAfterCall "text-after-call" Warning "strict" "Text behind the last `)` of a call does nothing.";
    Unclosed "unclosed-call" Warning "strict" "Without a `)` the last character of the line is lost.";
    TooDeep "too-deep" Error "" "Calls in calls, deeper than they may run.";
    LoopWithoutBody "loop-without-body" Warning "strict" "`startLoop (` with a space opens no block.";
    // Arguments.
    EmptyArgument "empty-argument" Warning "strict" "An empty argument is dropped and later ones move left.";
    UnclosedQuote "unclosed-quote" Warning "strict" "A quote without its partner swallows the commas behind it.";
    SplitInBrackets "split-in-brackets" Warning "strict" "`[ ]`, `{ }` and backticks do not protect commas.";
    QuotedCall "quoted-call" Warning "strict" "Text with `( )` and no operator is a call, quoted or not.";
    NestedCommand "nested-command" Warning "strict" "A command as an argument runs and gives null.";
    QuotedArithmetic "quoted-arithmetic" Warning "strict" "Quoted text that reads as arithmetic is computed.";
    QuotesAtBothEnds "quotes-at-both-ends" Warning "strict" "An argument with quotes at both ends is one text.";
    WordIsHashed "word-is-hashed" Warning "" "`encodeMD5` hashes its argument's text, never a variable's value.";
    WordArgument "word-argument" Note "" "`True`, `None`, `true` and their like are words where they are arguments.";
    NotEvaluated "not-evaluated" Warning "strict" "An argument without `+ - * / %` is not evaluated.";
    // Blocks.
    MissingEnd "missing-end" Warning "strict" "A block that nothing closes lasts to the end.";
    EndWithoutBlock "end-without-block" Warning "strict" "`end()` where nothing is open does nothing.";
    ElseWithoutBlock "else-without-block" Warning "strict" "`else()` where nothing is open does nothing.";
    SecondElse "second-else" Warning "strict" "A second `else()` goes on in the false branch.";
    ElseInLoop "else-in-loop" Error "" "`else()` directly in a loop: the script is refused.";
    OtherEnd "other-end" Note "" "`end()` closes a loop, `endLoop()` an if.";
    EndAfterException "end-after-exception" Warning "strict" "`end()` behind `exception` closes the block around the try.";
    TryInBlock "try-in-block" Warning "strict" "`try` and `exception` protect statements of the top level only.";
    TryWithoutException "try-without-exception" Warning "" "Without `exception` a try protects the rest of the script.";
    ExceptionWithoutTry "exception-without-try" Warning "" "`exception` without `try` takes the protection off the next try.";
    UnknownComparison "unknown-comparison" Warning "strict" "An `if` whose operator is none is always false.";
    ConditionFails "condition-fails" Warning "strict" "An `if` whose condition cannot be evaluated is always false.";
    // Functions.
    FunctionSwallowsRest "function-swallows-rest" Warning "strict" "A function whose braces do not match swallows the rest.";
    LostWithBrace "lost-with-brace" Warning "strict" "The line that closes a function is thrown away as a whole.";
    FunctionReplaced "function-replaced" Warning "strict" "The last function of a name is the only one.";
    FunctionNeverCalled "function-never-called" Warning "" "A function of this name is never called.";
    ReturnInBlock "return-in-block" Warning "strict" "`return` in an if or a loop is ignored.";
    ReturnOutside "return-outside" Warning "strict" "`return` outside a function is ignored.";
    ParameterInCommand "parameter-in-command" Warning "strict" "Commands and `if` do not see parameters.";
    ShadowedWrite "shadowed-write" Warning "" "Expressions keep the assigned value of a variable that a command writes later.";
}

impl Code {
    /// Its row.
    #[must_use]
    pub fn info(self) -> &'static CodeInfo {
        &CODES[self as usize]
    }
}
