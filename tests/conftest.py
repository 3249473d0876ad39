"""What every test runs under: one thread per process, and a Hypothesis profile.

`WIREWORK_PROFILE=thorough pytest` draws many more examples, new ones each time.
"""

import os
import sys

# pytest-xdist runs one process per core, so arithmetic inside each stays on one thread. The libraries
# read these when they are first imported, which this file leaves to the tests that need them.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
if "torch" in sys.modules:
    sys.modules["torch"].set_num_threads(1)

from hypothesis import HealthCheck, settings  # noqa: E402

settings.register_profile(
    "ci",
    max_examples=100,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],  # a first example may import a framework
)
settings.register_profile(
    "thorough",
    settings.get_profile("ci"),
    max_examples=2000,
    derandomize=False,
    print_blob=True,
)
settings.load_profile(os.environ.get("WIREWORK_PROFILE", "ci"))
