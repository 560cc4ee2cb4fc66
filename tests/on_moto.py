"""Runs the end-to-end tests against moto, an AWS in Python that is none of ours: S3, DynamoDB, SQS, Secrets Manager.

    pip install 'moto[server]==5.2.5'
    python tests/on_moto.py                       # what .ci/run runs: some minutes
    python tests/on_moto.py --all                 # all that can run there: much longer
    python tests/on_moto.py -E 'test(redrive)'    # further arguments are nextest's

Every test has a bucket and tables of its own there. One server answers all of them, one request at a time, because moto
checks a condition and writes in two steps, which DynamoDB and S3 do in one.
"""

import io
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

# Tests that say nothing about AWS, or that moto answers otherwise than AWS documents: which, and why not there.
NOT_THERE = {
    "binary(processes) and not test(/^(every_function|lambda|redrive)::/)": "the command line opens stores of its own",
    "test(a_claim_that_was_applied_and_timed_out_is_not_waited_for)": "it counts seconds, and moto is slow",
}

# What fits into a few minutes: each of the four services, and what the drivers make of the stores' faults.
IN_CI = "test(/^(services|redrive|store_faults)::/)"


class OneAtATime:
    """A WSGI application whose requests take turns; bodies are read before, so that a slow sender holds up nobody."""

    def __init__(self, application):
        self.application, self.turn = application, threading.Lock()

    def __call__(self, environ, start_response):
        length = environ.get("CONTENT_LENGTH")
        if length:
            environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(length)))
        with self.turn:
            return [b"".join(self.application(environ, start_response))]


def main(arguments):
    everything = "--all" in arguments
    chosen = [argument for argument in arguments if argument != "--all"]
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, moto, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    there = f"http://127.0.0.1:{server.port}"
    which = "package(e2e) and (binary(e2e) or binary(processes))"
    which += "".join(f" and not ({tests})" for tests in NOT_THERE)
    if not everything and not chosen:
        which += f" and {IN_CI}"
    command = ["cargo", "nextest", "run", "--workspace", "--test", "e2e", "--test", "processes", "--profile", "ci"]
    command += chosen or ["-E", which]
    ended = subprocess.run(command, cwd=Path(__file__).parent, env=os.environ | {"TRIBUTARY_TEST_AWS": there})
    server.shutdown()
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
