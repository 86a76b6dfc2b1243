"""A signal ends the process in seconds, even where Python cannot run a handler."""

import signal
import subprocess
import sys
import time

import pytest

CODE = """
import hashlib, threading
from xelith.pipeline.stopping import Stopped, stop_on_signals
stop_on_signals()
try:
    threading.Timer(0.5, print, ["ready"], {{"flush": True}}).start()  # from within the work
    {work}
except Stopped:
    print("heard", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("work", "heard", "status"),
    [
        ("import time; time.sleep(60)", "heard\n", 0),
        ("hashlib.pbkdf2_hmac('sha256', b'a', b'b', 200_000_000)", "", 130),  # a minute of compiled code
    ],
)
def test_a_signal_is_heard_or_the_process_ends(number, work, heard, status):
    process = subprocess.Popen([sys.executable, "-c", CODE.format(work=work)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    clock = time.monotonic()
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert time.monotonic() - clock < 5  # the promise of the command
    assert (said, process.returncode) == (heard, status)
