"""The part of Python that a definition may use, as a check of its syntax tree.

The lists are what the reference catalogue's thirty definitions were counted to use; an executor promises to run these
and nothing more. The one addition is `import exrex`: the reference calls `exrex.getone` without importing it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


NODES = words("""
    Load Name Attribute Call Constant Store Assign Subscript Compare If BoolOp Or In ExceptHandler Try IfExp Module Expr
    Gt Return alias Eq Import Dict BinOp keyword UnaryOp And Mod FunctionDef Not arg arguments For NotEq Add
    FormattedValue JoinedStr List Pass Tuple AugAssign NotIn USub IsNot Break ImportFrom Is LtE Div GtE ListComp Lt
    Slice Sub While comprehension
""")
BUILTINS = words("""
    str len list isinstance print iter next float int locals getattr globals bool dict eval range type
""")
TYPES = words("str Exception dict list ValueError bytearray bytes float int")
GIVEN = words("task self")
IMPORTS = frozenset({"json", "os", "re", "datetime", "ast", "requests", "hashlib", "pytz", "sqlalchemy as sa", "exrex"})
IMPORTED_NAMES = words("hashlib.sha256 sqlalchemy.text")
MODULE_CALLS = {
    "json.loads": (1, ()),
    "os.getenv": (1, ()),
    "re.findall": (2, ()),
    "re.sub": (3, ()),
    "ast.literal_eval": (1, ()),
    "datetime.timedelta": (0, ("seconds",)),
    "datetime.datetime.fromtimestamp": (1, ()),
    "datetime.datetime.now": (1, ()),
    "datetime.datetime.strptime": (2, ()),
    "exrex.getone": (1, ()),
    "hashlib.md5": (0, ()),
    "pytz.timezone": (1, ()),
    "requests.get": (1, ("params", "headers", "timeout")),
    "requests.post": (1, ("params", "data|json", "headers", "timeout")),
    "sa.inspect": (1, ()),
}
METHODS = words("""
    get strip values replace hexdigest isdigit strftime timestamp update append decode encode json process_step all
    commit endswith execute has_table info is_alive items join keys mappings raise_for_status startswith
""")
CONNECTOR_MEMBERS = words("""
    variables results req logger try_level local_vars function_local_vars asynced_functions conexion engine sandbox
""")
ATTRIBUTES = words("""
    completado conector_variables result_value text returns_rows rowcount
    conector request query_arguments body body_arguments datetime error
""")


def violations(code: str) -> list[str]:
    """What a definition uses beyond the subset, each with its line. Raises SyntaxError for what is not Python."""
    tree = ast.parse(code)
    return [f"line {getattr(node, 'lineno', 0)}: {problem}" for node, problem in Check(tree).problems()]


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a chain of attributes that starts with a name, else the empty text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (head := dotted(node.value)):
        return f"{head}.{node.attr}"
    return ""


class Check:
    """One definition. `problems` yields pairs of a node and what is wrong with it."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.modules: set[str] = set()
        self.functions: set[str] = set()
        self.names: set[str] = set(GIVEN)
        for node in ast.walk(tree):
            match node:
                case ast.Import():
                    self.modules |= {alias.asname or alias.name for alias in node.names}
                case ast.ImportFrom():
                    self.names |= {alias.asname or alias.name for alias in node.names}
                    self.functions |= {alias.asname or alias.name for alias in node.names}
                case ast.FunctionDef():
                    self.functions.add(node.name)
                    self.names |= {argument.arg for argument in node.args.args}
                case ast.Name(ctx=ast.Store()):
                    self.names.add(node.id)
                case ast.ExceptHandler(name=str(name)):
                    self.names.add(name)
        self.names |= self.modules | self.functions

    def problems(self) -> Iterator[tuple[ast.AST, str]]:
        """Everything beyond the subset."""
        called = {id(node.func) for node in ast.walk(self.tree) if isinstance(node, ast.Call)}
        for node in ast.walk(self.tree):
            kind = type(node).__name__
            if kind not in NODES:
                yield node, f"{kind} is no part of the subset"
            elif (problem := self._shape(node)) is not None:
                yield node, problem
            elif isinstance(node, ast.Attribute) and id(node) not in called:
                yield from ((node, problem) for problem in self._attribute(node))

    def _shape(self, node: ast.AST) -> str | None:
        match node:
            case ast.Constant(value=value) if not isinstance(value, (str, int, float, bool, type(None))):
                return f"constant of type {type(value).__name__}"
            case ast.Compare(ops=[_, _, *_]):
                return "chained comparison"
            case ast.Try(handlers=handlers, orelse=orelse, finalbody=final) if len(handlers) != 1 or orelse or final:
                return "a try has one handler, no else and no finally"
            case ast.ExceptHandler(type=caught) if caught and dotted(caught) not in (
                "Exception",
                "ValueError",
                "re.error",
            ):
                return f"handler for {dotted(caught)}"
            case ast.For(orelse=[_, *_]) | ast.While(orelse=[_, *_]):
                return "a loop has no else"
            case ast.For(target=target) | ast.comprehension(target=target) if not self._loop_target(target):
                return "a loop's target is a name or two names"
            case ast.comprehension(ifs=[_, *_]):
                return "a comprehension has no condition"
            case ast.Assign(targets=targets):
                return self._assigned(targets)
            case ast.AugAssign(op=ast.Add() | ast.Sub(), target=ast.Attribute(attr=name)) if name != "try_level":
                return f"augmented assignment to the attribute {name}"
            case ast.AugAssign(op=operator) if not isinstance(operator, (ast.Add, ast.Sub)):
                return "augmented assignment is += or -="
            case ast.BinOp(op=ast.Mod(), left=left) if not self._percent_format(left):
                return "% formats a text with %s"
            case ast.FormattedValue(conversion=conversion, format_spec=spec) if conversion != -1 or spec is not None:
                return "an f-string part is a plain expression"
            case ast.UnaryOp(op=ast.USub(), operand=operand) if not isinstance(operand, ast.Constant):
                return "minus stands before a constant"
            case ast.Subscript(slice=ast.Slice()) if ast.unparse(node.slice) != "1:-1":
                return "the only slice is [1:-1]"
            case ast.Import(names=names):
                texts = [f"{name.name} as {name.asname}" if name.asname else name.name for name in names]
                return next((f"import of {text}" for text in texts if text not in IMPORTS), None)
            case ast.ImportFrom(names=names):
                texts = [f"{node.module}.{name.name}" for name in names]
                return next((f"import of {text}" for text in texts if text not in IMPORTED_NAMES), None)
            case ast.FunctionDef():
                return self._function(node)
            case ast.Name(ctx=ast.Load(), id=name) if name not in self.names | BUILTINS | TYPES:
                return f"name {name}"
            case ast.Call():
                return self._call(node)
        return None

    @staticmethod
    def _loop_target(target: ast.expr) -> bool:
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        return len(names) <= 2 and all(isinstance(name, ast.Name) for name in names)

    @staticmethod
    def _assigned(targets: list[ast.expr]) -> str | None:
        if len(targets) != 1 or not isinstance(targets[0], (ast.Name, ast.Subscript)):
            return "an assignment has one target, a name or an item"
        return None

    @staticmethod
    def _percent_format(left: ast.expr) -> bool:
        if not isinstance(left, ast.Constant) or not isinstance(left.value, str):
            return False
        return left.value.count("%") == left.value.count("%s") in (1, 2)

    def _function(self, node: ast.FunctionDef) -> str | None:
        arguments = node.args
        extra = arguments.posonlyargs + arguments.kwonlyargs
        if len(arguments.args) != 1 or extra or arguments.vararg or arguments.kwarg or arguments.defaults:
            return "a function takes one positional argument without a default"
        if node.decorator_list or node.returns or node not in self.tree.body:
            return "a function is plain and stands at the top level"
        inside = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
        if any(part.id == node.name for part in inside):
            return "a function does not call itself"
        return None

    def _call(self, node: ast.Call) -> str | None:
        keywords = [keyword.arg or "**" for keyword in node.keywords]
        name = dotted(node.func)
        if isinstance(node.func, ast.Name):
            if name == "getattr":
                default = ast.unparse(node.args[2]) if len(node.args) == 3 else "none"
                member = node.args[1].value if isinstance(node.args[1], ast.Constant) else None
                fits = default in ("{}", "False") and member in CONNECTOR_MEMBERS
                return None if fits else "getattr reads a connector member with default {} or False"
            known = name in self.functions | BUILTINS
            return None if known and not keywords else f"call of {name}"
        if name.partition(".")[0] in self.modules:
            return self._module_call(name, len(node.args), keywords)
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in METHODS:
            return f"method {ast.unparse(node.func)}"
        if keywords and (node.func.attr, keywords) != ("join", ["timeout"]):
            return f"keywords of {node.func.attr}"
        return None

    @staticmethod
    def _module_call(name: str, positional: int, keywords: list[str]) -> str | None:
        count, allowed = MODULE_CALLS.get(name, (-1, ()))
        fits = len(keywords) == len(allowed) and all(
            keyword in choices.split("|") for keyword, choices in zip(keywords, allowed, strict=False)
        )
        return None if count == positional and fits else f"call of {name} with {positional} arguments and {keywords}"

    @staticmethod
    def _attribute(node: ast.Attribute) -> Iterator[str]:
        name = dotted(node)
        member = name.removeprefix("self.conector.").partition(".")[0] if name.startswith("self.conector.") else ""
        if member and member not in CONNECTOR_MEMBERS:
            yield f"connector member {member}"
        elif node.attr not in ATTRIBUTES | CONNECTOR_MEMBERS:
            yield f"attribute {node.attr}"
