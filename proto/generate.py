"""Generate `appliance/pb` from the `.proto` files beside this script.

    python proto/generate.py            write the modules
    python proto/generate.py --check    exit 1 when they are not what would be written

A process has one descriptor pool, and a name can be in it once. `standard` and `lite` share their names, and
a program that uses our client may well hold stubs of its own for `avap` or the health service. So our Python
modules are generated under package names of their own; a message's package is not on the wire, and the
method paths, which are, are put back.
"""

from __future__ import annotations

import re
import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "appliance" / "pb"
WITH_SERVICE = {"admin", "avap", "health"}
PACKAGES = {  # file: (package on the wire, package in our descriptor pool)
    "avap": ("avap", "avap.standard"),
    "avap_lite": ("avap", "avap.lite"),
    "health": ("grpc.health.v1", "avap.health"),
}


def generate(out: Path) -> None:
    """Write every module into the folder `out`. Raises SystemExit when protoc refuses a file."""
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder)
        for proto in sorted(HERE.glob("*.proto")):
            text = proto.read_text()
            for wire, ours in [PACKAGES[proto.stem]] if proto.stem in PACKAGES else []:
                text = text.replace(f"package {wire};", f"package {ours};")
            (sources / proto.name).write_text(text)
        include = str(resources.files("grpc_tools") / "_proto")
        for proto in sorted(sources.glob("*.proto")):
            arguments = ["protoc", f"-I{sources}", f"-I{include}", f"--python_out={out}", f"--pyi_out={out}"]
            if proto.stem in WITH_SERVICE:
                arguments.append(f"--grpc_python_out={out}")
            if protoc.main([*arguments, proto.name]) != 0:
                raise SystemExit(f"protoc refused {proto.name}")
    for module in out.glob("*_grpc.py"):
        text = re.sub(r"^import (\w+_pb2) as", r"from appliance.pb import \1 as", module.read_text(), flags=re.M)
        wire, ours = PACKAGES.get(module.stem.removesuffix("_pb2_grpc"), ("", ""))
        module.write_text(text.replace(f"{ours}.", f"{wire}.") if ours else text)
    (out / "__init__.py").write_text('"""Generated from `proto/` by `make proto`."""\n')


def main() -> int:
    """Return the process's exit code."""
    if sys.argv[1:] != ["--check"]:
        TARGET.mkdir(exist_ok=True)
        generate(TARGET)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        wanted = {path.name: path.read_text() for path in Path(folder).iterdir()}
    present = {path.name: path.read_text() for path in TARGET.iterdir() if path.is_file()}
    differing = sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))
    if differing:
        print(f"appliance/pb is not what proto/ gives; run `make proto`: {', '.join(differing)}", file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
