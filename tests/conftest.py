"""How hypothesis runs: no deadline, because a busy machine is not a bug, and in CI always the same examples."""

import os

from hypothesis import settings

settings.register_profile("tachylite", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("tachylite")
