"""One computing thread a process: imported before numpy, whose libraries read this once and then keep their threads.

A request is answered by one core; the workers use the others. Threads of OpenMP and BLAS would double the work to
schedule, and do not survive a fork.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
