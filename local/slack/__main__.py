"""Runs the local Slack alone: `python -m local.slack --port 4580`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading

from local.slack.server import SlackServer, SlackServerError


def main() -> int:
    """Serve until Ctrl-C. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.slack", description="A Slack look-alike on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=4580, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--channel", action="append", metavar="NAME", help="may be repeated (default: security-alerts)")
    parser.add_argument("--request-url", default="", metavar="URL", help="where clicks and commands are sent")
    parser.add_argument("--rate-limit", action="store_true", help="keep Slack's documented pace")
    options = parser.parse_args()
    if not 0 <= options.port <= 65535:
        parser.error(f"--port {options.port}: a port lies between 0 and 65535")
    slack = SlackServer(
        port=options.port,
        # From the environment rather than the command line, where every user of the machine could read them.
        token=os.environ.get("LOCAL_SLACK_TOKEN", ""),
        signing_secret=os.environ.get("LOCAL_SLACK_SIGNING_SECRET", ""),
        channels=options.channel or ["security-alerts"],
        rate_limit=options.rate_limit,
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with slack:
            slack.listen_at(options.request_url)
            print(f"Slack:          {slack.url}/")
            print(f"Web API:        {slack.api_url}")
            print(f"Bot token:      {slack.token}")
            print(f"Signing secret: {slack.signing_secret}")
            print("Ctrl-C ends it.", flush=True)
            stop.wait()
    except SlackServerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
