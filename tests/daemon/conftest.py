"""Where the tests of this folder find what they share."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # importlib mode puts no folder on the path
