# ruff: noqa: E501 (a case stands on one line)
"""Definitions that hold what writers of commands reach for. Each leaves what it found out in `out`."""

from __future__ import annotations

# One snippet an entry, by what it is about. `out` is a list that both sides read afterwards.
SNIPPETS: dict[str, str] = {
    "arithmetic": """
for a in (0, 1, -7, 13, 2.5, True, 10**20, -(10**20)):
    for b in (1, -3, 4, 0.5, 7, False, 3**50):
        for f in (lambda: a + b, lambda: a - b, lambda: a * b, lambda: a / b, lambda: a // b, lambda: a % b,
                  lambda: a < b, lambda: a == b, lambda: a >= b, lambda: a and b, lambda: a or b, lambda: -a):
            try:
                out.append(repr(f()))
            except Exception as error:
                out.append(type(error).__name__ + ": " + str(error))
""",
    "integers": """
x = 9223372036854775807
out.append(x + 1)
out.append(-x - 2)
out.append(x * x - x)
out.append((x + 1) - 1 == x)
out.append(1 << 100 >> 99)
out.append([7 & 3, 7 | 8, 7 ^ 2, ~7, -1 >> 3, 5 << 2])
out.append(2 ** 10 + 2 ** -1)
out.append(int("  -12_3 ") + int(3.9) + int(True))
out.append([10 // 3, -10 // 3, 10 % -3, -10 % 3, 7.5 // 2, -7.5 % 2])
out.append(1 < 2 < 3)
out.append(1 < 3 < 2)
out.append(1 == 1.0 == True)
""",
    "closures": """
def counter(start):
    count = start
    def step(by=1, *, twice=False):
        nonlocal count
        count += by * (2 if twice else 1)
        return count
    return step
one, two = counter(0), counter(100)
out.append([one(), one(5), two(twice=True), one(by=2), two(1, twice=True)])
functions = [lambda n=n: n * n for n in range(4)]
out.append([f() for f in functions])
late = [lambda: n for n in range(3)]
out.append([f() for f in late])
def outer():
    x = 'outer'
    def middle():
        def inner():
            return x + '!'
        return inner
    return middle()()
out.append(outer())
total = 0
def add(n):
    global total
    total += n
add(3)
add(4)
out.append(total)
def fact(n):
    return 1 if n <= 1 else n * fact(n - 1)
out.append(fact(25))
""",
    "arguments": """
def f(a, b=2, *rest, c, d=4, **more):
    return [a, b, list(rest), c, d, more]
out.append(f(1, c=3))
out.append(f(1, 5, 6, 7, c=3, e=9))
out.append(f(*[1, 2, 3], **{"c": 4, "z": 5}))
out.append(f(1, *(2, 3), c=1, *[4], **{}))
def g(a, /, b, *, c=1):
    return (a, b, c)
out.append(g(1, 2))
out.append(g(1, b=2, c=3))
def h(a, b): return a
for bad in (lambda: f(), lambda: f(1), lambda: g(a=1, b=2), lambda: g(1, 2, 3), lambda: h(1), lambda: h(), lambda: h(1, 2, 3),
            lambda: h(1, a=2), lambda: h(1, 2, x=3), lambda: f(1, c=1, **{"c": 2}), lambda: len(), lambda: len(1, 2),
            lambda: (1)(), lambda: h(**{1: 2})):
    try:
        out.append(bad())
    except TypeError as error:
        out.append(str(error).replace("<lambda>.<locals>.", ""))
""",
    "exceptions": """
def f(kind):
    try:
        out.append("try")
        if kind == 0:
            return "returned"
        if kind == 1:
            raise ValueError("one", 1)
        if kind == 2:
            {}["missing"]
        if kind == 3:
            [][5]
        if kind == 4:
            raise KeyError
        if kind == 5:
            int("x")
        if kind == 6:
            None.thing
        if kind == 7:
            nowhere
        if kind == 8:
            1 + "a"
        if kind == 9:
            1 / 0
    except ValueError as error:
        out.append(["value", str(error), list(error.args)])
        return "handled"
    except (KeyError, IndexError) as error:
        out.append(["lookup", str(error), type(error).__name__])
    except ZeroDivisionError:
        raise
    except Exception as error:
        out.append([type(error).__name__, str(error)])
    else:
        out.append("else")
    finally:
        out.append("finally")
    return "end"
for kind in range(11):
    try:
        out.append(f(kind))
    except Exception as error:
        out.append(["escaped", str(error)])
def g():
    for n in range(5):
        try:
            if n == 1:
                continue
            if n == 3:
                break
            out.append(n)
        finally:
            out.append(-n)
    else:
        out.append("no break")
    while True:
        try:
            return 1
        finally:
            break
    return 2
out.append(g())
try:
    try:
        raise ValueError("inner")
    except ValueError as error:
        raise TypeError("outer") from error
except TypeError as error:
    out.append(str(error))
try:
    raise ValueError
except ValueError as error:
    out.append([str(error), repr(error), isinstance(error, Exception)])
try:
    out.append(error)
except NameError as problem:
    out.append(str(problem))
def local():
    if out is None:
        x = 1
    return x
try:
    local()
except UnboundLocalError as problem:
    out.append(str(problem))
try:
    assert 1 == 2, "message"
except AssertionError as error:
    out.append(str(error))
try:
    raise 5
except TypeError as error:
    out.append(str(error))
""",
    "own and unknown names": """
def late():
    return nobody
for unknown in (late, lambda: no_function(1), lambda: [no_item for n in range(1)]):
    try:
        out.append(unknown())
    except NameError as error:
        out.append(str(error))
def enter():
    global vars
    vars = ["global"]
enter()
out.append(vars)
from json import loads as compile
out.append((lambda: compile("[1]"))())
def input(prompt):
    dir = prompt + "?"
    return [help for help in (lambda: dir, lambda open=dir: open)]
out.append([one() for one in input("who")])
out.append(any((exit := n) > 1 for n in range(4)))
out.append(exit)
super = 5
super += 1
out.append(super)
""",
    "loops": """
for n in range(3):
    for m in range(3):
        if m == 2:
            break
        if n == 1:
            continue
        out.append((n, m))
    else:
        out.append("never")
else:
    out.append("else")
n = 0
while n < 5:
    n += 1
    if n == 3:
        continue
    out.append(n)
else:
    out.append("while else")
for i, (a, [b, *c]) in enumerate([(1, [2, 3, 4]), (5, [6])]):
    out.append([i, a, b, c])
for key in {"x": 1, "y": 2}:
    out.append(key)
for character in "añ😀":
    out.append(character)
it = iter([1, 2, 3])
for x in it:
    out.append([x, next(it, "end")])
try:
    d = {1: 1}
    for k in d:
        d[k + 1] = 1
except RuntimeError as error:
    out.append(str(error))
xs = [1, 2, 3, 4]
for x in xs:
    if x < 3:
        xs.remove(x)
out.append(xs)
""",
    "comprehensions": """
out.append([x * y for x in range(4) if x % 2 for y in range(x) if y])
out.append({x: x * x for x in range(4)})
out.append(sorted({x % 3 for x in range(10)}))
out.append([[a, b] for a, b in zip("ab", [1, 2])])
out.append(sum(x for x in range(10) if x % 2))
out.append(any(x > 3 for x in range(5)))
out.append(all(x > 3 for x in range(5)))
out.append(list(x + 1 for x in [1, 2]))
g = (x * 2 for x in [1, 2, 3])
out.append([next(g), next(g), next(g), next(g, None)])
out.append(", ".join(str(x) for x in range(4)))
out.append(max((len(w), w) for w in ["a", "bbb", "cc"]))
out.append([x for x in [y for y in range(3)]])
x = "kept"
[x for x in range(3)]
out.append(x)
out.append([(lambda v: v + n)(1) for n in range(3)])
out.append(2 in (n for n in range(5)))
a, b, *c = (n * n for n in range(5))
out.append([a, b, c])
out.append(dict((k, v) for k, v in [("a", 1)]))
out.append(list(zip((n for n in range(3)), (m for m in "abc"))))
out.append([y := 5, y ** 2])
out.append(any([t := n for n in range(3) if n == 2]) and t)
""",
    "unpacking": """
a, b = 1, 2
a, b = b, a
out.append([a, b])
(a, b), c = [3, 4], 5
out.append([a, b, c])
*a, b = "xyz"
out.append([a, b])
a = b = [1]
a.append(2)
out.append(b)
d = {"k": [1, 2]}
d["k"][0], d["n"] = 9, 8
out.append(d)
for bad in ("a, b = 1", "a, b = [1]", "a, b = [1, 2, 3]", "a, *b, c = [1]", "a, b = None"):
    try:
        if bad == "a, b = 1": a, b = 1
        if bad == "a, b = [1]": a, b = [1]
        if bad == "a, b = [1, 2, 3]": a, b = [1, 2, 3]
        if bad == "a, *b, c = [1]": a, *b, c = [1]
        if bad == "a, b = None": a, b = None
    except (TypeError, ValueError) as error:
        out.append(str(error))
x = [1, 2, 3, 4]
del x[0]
out.append(x)
out.append([*x, *"ab", {**{"a": 1}, "b": 2}, (*x, 1), len({*x, 2})])
x += [5]
out.append(x)
n = 5
n -= 2; n *= 4; n //= 5; n **= 3; n %= 5
out.append(n)
s = "a"
s += "b"; s *= 2
out.append(s)
""",
    "texts": """
name, n, f = "Ünï", 42, 3.14159
out.append(f"{name}: {n} {f} {n + 1} {name!r} {'nested ' + f'{n}'}")
out.append(f"{n:05d}|{f:.2f}|{name:>6}|{n:x}|{n:,}|{f:10.3f}|{name:*^9}|{n:+}|{n:e}")
out.append("%s is %d years and %.1f%% %r %5s|%-5s|%05d" % (name, n, f, name, "ab", "cd", 7))
out.append("a,b,,c".split(",") + "  x y ".split() + ["".join(["p", "q"])])
out.append([name.upper(), name.lower(), "abc"[1], "abc"[-1], "abcdef"[1:4], "abcdef"[::-1], "abcdef"[::2]])
out.append(["abc".replace("b", "xx"), "abc".find("c"), "abc".startswith("ab"), "a-b".partition("-"), "x".zfill(3)])
out.append(["5".isdigit(), "a".isalpha(), " ".isspace(), "Ab".istitle(), "abc".count("b"), "abc".index("b")])
out.append(repr(["it's", 'say "hi"', "tab\\t", "\\x00", "é", "\\u200b", "\\n"]))
out.append("{} {}".format(1, "a") + "{0}{x}".format(1, x=2))
out.append(str([1, "a", None, True, 1.0, {"k": (1,)}, {1}, b"x"]))
out.append(f"{n=} {name!s:>5}")
out.append(["a" < "b", "a" in "cat", "" in "", "abc" == "abc", "a" * 3, ord("a"), chr(8364), len("😀")])
""",
    "bytes": """
import re
spaces = re.compile(rb"(?P<head>\\w+)[\\x80-\\xff]*(\\s)?")
text = "naïve café, señor".encode("latin-1") * 3
found = spaces.search(text)
for turn in range(40):
    # What was found goes on over many slices, and is moved with what it was found in.
    out.append([repr(found), repr(found.group("head")), found.span(2), repr(found.string[:9]), repr(found.re)])
    out.append(repr(b"%05d|%-6s|%a|%.2f" % (turn, found.group(1), found.group(), turn / 3)))
    found = spaces.search(text, found.end()) or spaces.search(text)
out.append(repr(spaces.sub(lambda found: found.group(1).upper() + b"-", text)))
out.append([repr(part) for part in re.split(b"[ ,]+", text)])
out.append([repr(part) for part in re.findall(b"(?i)[A-\\xf1]+", text)])
for attempt in (
    lambda: spaces.search("text"),
    lambda: re.search("text", text),
    lambda: b"%s" % "text",
    lambda: b"%d" % b"5",
    lambda: b"%c" % 256,
    lambda: b"%s %s" % (b"a",),
    lambda: re.compile(b"a", re.UNICODE),
    lambda: re.compile(b"(?P<n>a"),
    lambda: text.index(b"none"),
    lambda: text.split("a"),
    lambda: text.startswith(["a"]),
    lambda: text.center(3, "x"),
):
    try:
        out.append(repr(attempt()))
    except Exception as error:
        out.append(type(error).__name__ + ": " + str(error))
out.append(repr(text.rstrip(b"r").rpartition(b"se")))
out.append([repr(line) for line in b"a\\r\\nb\\x1cc\\n".splitlines(True)])
""",
    "containers": """
d = {"b": 1, "a": 2}
d["c"] = 3
d.pop("b")
d["b"] = 4
out.append([list(d), list(d.items()), d.get("x"), d.get("x", 0), "a" in d, len(d)])
d.update({"z": 1}, y=2)
d.setdefault("list", []).append(1)
out.append(d)
out.append(sorted(d, key=lambda k: (len(k), k), reverse=True))
out.append(sorted([3, 1, 2], key=lambda n: -n))
out.append([min([3, 1]), max(1, 5, 2), max([], default=0), min("b", "a"), max(["aa", "b"], key=len)])
out.append(list(map(lambda a, b: a + b, [1, 2], [10, 20])) + list(filter(None, [0, 1, "", "x"])))
out.append([sum([1, 2.5]), sum([[1], [2]], []), abs(-3), round(2.5), round(3.14159, 2), divmod(7, 2), pow(2, 5)])
xs = [3, 1, 2]
xs.sort(key=lambda n: n % 3)
out.append([xs, xs.index(1), xs.count(2), xs[::-1], xs[1:], list(reversed(xs)), xs * 2, xs + [0]])
xs[1:2] = [7, 8, 9]
xs.insert(0, "first"); xs.extend((1,)); xs.pop(); xs.pop(0)
out.append(xs)
out.append([list(enumerate("ab", 1)), list(zip([1, 2], "ab")), list(range(5, 0, -2)), (1, 2) + (3,), (1, 2) < (1, 3)])
out.append(sorted({1, 2} | {3}) + sorted({1, 2} & {2}) + sorted({1, 2} - {1}) + [len({1, 1.0, True})])
out.append([isinstance(1, int), isinstance(True, int), isinstance("a", (int, str)), isinstance({}, dict), type(1).__name__])
out.append({1: "int", 1.0: "float", True: "bool"})
out.append([[] == [], [1] == [1.0], {"a": 1} == {"a": 1.0}, (1,) == [1], None is None, not [], bool("0")])
a = [1]
a.append(a)
out.append(str(a))
out.append([any([]), all([]), bool(0.0), str(1e16), str(1e-5), str(123456789.123), repr(0.1), str(1e22), str(-0.0)])
""",
    "conditions": """
def side(value, mark):
    out.append(mark)
    return value
x = side(0, "a") or side("", "b") or side([], "c")
out.append(x)
y = side(1, "d") and side(0, "e") and side(2, "f")
out.append(y)
if not (side(1, 1) and not side(0, 2)) or side(3, 3) < 2 <= side(9, 9):
    out.append("yes")
elif x is None or y == 0 and not x:
    out.append("elif")
else:
    out.append("no")
z = 1 if x else 2 if y else 3
out.append(z)
x = x and x or [x] and "x"
out.append(x)
n = None
n = n if n is not None else {}
out.append(n)
""",
    "imports": """
import json, re as regex
from json import loads as read
import datetime
out.append(json.loads('{"a": [1, 2.5, null, true, "x"]}'))
out.append(read("[1]"))
out.append(regex.sub("b+", "-", "abbc"))
try:
    import nothing_like_this
except ImportError as error:
    out.append(str(error))
try:
    json.loads("{")
except ValueError as error:
    out.append(type(error).__name__)
out.append(str(datetime.timedelta(seconds=90)))
""",
    "evaluation": """
for text, names in (("a + 1", {"a": 2}), ("a", {}), ("1 +", {}), ("len([1])", {}), ("[n for n in a]", {"a": [1, 2]}), ("a > 1 and b", {"a": 2, "b": "x"})):
    try:
        out.append(eval(text, {"__builtins__": {}}, names))
    except Exception as error:
        out.append(type(error).__name__)
""",
    "words of errors": """
def f(*, q): return q
def g(p, q=1, *, r=2): return p
def outer():
    def inner(a): return a
    return [inner, lambda a: a]
inner, unnamed = outer()
for bad in (lambda: f(1, q=2), lambda: f(1, 2, q=3), lambda: g(1, 2, 3, r=4), lambda: g(), lambda: inner(), lambda: unnamed(1, 2),
            lambda: inner(b=1), lambda: chr(2 ** 31), lambda: chr(-1), lambda: chr(0x110000), lambda: "a".replace(None, ""),
            lambda: [*5], lambda: f(1, *None), lambda: {*5}):
    try:
        out.append(bad())
    except (TypeError, ValueError, OverflowError, NameError) as error:
        out.append(type(error).__name__ + ": " + str(error))
out.append([inner.__name__, unnamed.__name__, f.__name__])
import datetime
try:
    a, b = datetime.timedelta(1)
except TypeError as error:
    out.append(str(error))
for left in ({1}, {"a": 1}, range(2), "a", (1,), 5):
    for right in ([1], "b", (2,), {3}):
        try:
            value = left
            value *= right
            out.append(str(value))
        except TypeError as error:
            out.append(str(error))
s = {1}
try:
    s.update([2, [], 3])
except TypeError as error:
    out.append([str(error), sorted(s)])
try:
    s.update([4], {5: 1}, "x", 6)
except TypeError as error:
    out.append([str(error), len(s)])
""",
    "exception_classes": """
classes = [
    BaseException, SystemExit, KeyboardInterrupt, GeneratorExit, Exception, StopIteration, StopAsyncIteration,
    ArithmeticError, FloatingPointError, OverflowError, ZeroDivisionError, AssertionError, AttributeError, BufferError,
    EOFError, ImportError, ModuleNotFoundError, LookupError, IndexError, KeyError, MemoryError, NameError,
    UnboundLocalError, OSError, BlockingIOError, ChildProcessError, ConnectionError, BrokenPipeError,
    ConnectionAbortedError, ConnectionRefusedError, ConnectionResetError, FileExistsError, FileNotFoundError,
    InterruptedError, IsADirectoryError, NotADirectoryError, PermissionError, ProcessLookupError, TimeoutError,
    ReferenceError, RuntimeError, NotImplementedError, RecursionError, SyntaxError, IndentationError, TabError,
    SystemError, TypeError, ValueError, UnicodeError, Warning, DeprecationWarning, PendingDeprecationWarning,
    RuntimeWarning, SyntaxWarning, UserWarning, FutureWarning, ImportWarning, UnicodeWarning, BytesWarning,
    EncodingWarning, ResourceWarning, EnvironmentError, IOError, UnicodeDecodeError, UnicodeEncodeError,
]
parents = [
    Exception, ArithmeticError, ImportError, LookupError, NameError, OSError, ConnectionError, RuntimeError, SyntaxError,
    IndentationError, ValueError, UnicodeError, Warning,
]
out.append([EnvironmentError is OSError, IOError is OSError, len(classes)])
for made in classes:
    out.append(f"{made.__name__} {made} {[parent.__name__ for parent in parents if issubclass(made, parent)]}")
for made in classes[:-2]:
    note = ""
    for arguments in ((), (5,), (KeyError("k"),), ("a", "b", "c", "d", "e", "f")):
        error = made(*arguments)
        note += f"{error}|{error!r}|{error.args}|"
    try:
        raise made("text")
    except made as error:
        note += type(error).__name__ + str(error) + repr(error)
        note += str([parent.__name__ for parent in parents if isinstance(error, parent)])
    try:
        raise made
    except BaseException as error:
        note += f"{type(error) is made}{error}{error!r}"
    out.append(note)
    try:
        try:
            raise made("text")
        except (OSError, SyntaxError, Warning) as error:
            out.append("first")
    except (ArithmeticError, LookupError, ValueError):
        out.append("second")
    except Exception:
        out.append("third")
    except BaseException:
        out.append("fourth")
    try:
        made(name=1, nobody=2)
    except TypeError as error:
        out.append(str(error) if not issubclass(made, (ImportError, NameError, AttributeError)) else "other names")
""",
    "operating_system_errors": """
def shown(error):
    return [type(error).__name__, str(error), repr(error), repr(error.args),
            repr([error.errno, error.strerror, error.filename, error.filename2])]
for number in list(range(-1, 140)) + [True, False, 2.0, "2", None, 10**30]:
    out.append(shown(OSError(number, "text")))
for arguments in ((), (2,), (2, "x", None), (2, "x", "f"), (2, "x", "f", None), (2, "x", "f", None, "g"),
                  (2, "x", None, None, "g"), (2, "x", b"f", 3, ["g"]), (1, 2, 3, 4, 5, 6), (None, None), ("a", "b"),
                  (11, "x", 5), (11, "x", True), (11, "x", "f"), ([], {}), (2, KeyError("a"), ValueError(1)),
                  (OSError(1, "a", "b"), OSError(OSError(3, 4), OSError(5, "c")))):
    for made in (OSError, IOError, FileNotFoundError, BlockingIOError, ConnectionError, ConnectionResetError, TimeoutError):
        out.append(shown(made(*arguments)))
        try:
            raise made(*arguments) from ValueError("cause")
        except FileNotFoundError as error:
            out.append(["no file", str(error)])
        except ConnectionError as error:
            out.append(["no connection", str(error)])
        except OSError as error:
            out.append(["other", str(error)])
deep = "end"
for i in range(40):
    deep = ValueError(OSError(i, deep, i))
out.append(str(deep))
for i in range(1000):
    deep = OSError(deep, i, i, None, i)
try:
    str(deep)
except RecursionError as error:
    out.append(type(error).__name__)
for wrong in (lambda: OSError(errno=1), lambda: FileNotFoundError(x=1), lambda: OSError().nothing, lambda: ValueError(1, "a").errno,
              lambda: str(KeyError(OSError(1, "a"))), lambda: str(ValueError(KeyError("k")))):
    try:
        out.append(wrong())
    except (TypeError, AttributeError) as error:
        out.append(str(error))
""",
}
