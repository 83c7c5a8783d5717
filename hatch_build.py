"""Packaging: the native library is built from source wherever Tachylite is installed, an editable install included."""

import compileall
import runpy
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class NativeBuildHook(BuildHookInterface):
    """Puts the library into the package; plain C loaded with ctypes, so that one wheel per platform serves every Python."""

    def dependencies(self) -> list[str]:
        """What the build needs beside hatchling: a compiler, where the machine has none."""
        return [] if self._tool()["system_compiler"]() else ["ziglang>=0.13"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, and name the platform in the wheel's tag."""
        self._tool()["build"]()
        if version == "editable":  # pip compiles what it copies, and nothing of what it leaves in its place
            compileall.compile_dir(Path(self.root) / "src", quiet=1)
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"].append("src/tachylite/lib/*")

    def _tool(self) -> dict[str, Any]:
        return runpy.run_path(str(Path(self.root) / "tools" / "build_native.py"))
