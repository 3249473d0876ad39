"""Where torch is missing, the layers say what to install."""

import subprocess
import sys

CODE = """
import sys
sys.modules["torch"] = None
try:
    import wirework.nn.torch
except ImportError as error:
    print(error)
"""


def test_the_message_says_what_to_install():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout == 'wirework.nn.torch needs torch: pip install "wirework[torch]"\n'
