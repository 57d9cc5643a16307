"""Run by the emulator's own Python: reads [pattern, envelope] pairs as JSON lines, writes what its engine says of each.

Its answer is true, false, or null where it refuses the pattern.
"""

import json
import sys

from ministack.services import eventbridge


def main() -> None:
    for line in sys.stdin:
        pattern, envelope = json.loads(line)
        text = json.dumps(pattern)
        if eventbridge._event_pattern_error(text):
            print("null")
            continue
        event = {
            "EventId": envelope.get("id"),
            "Source": envelope.get("source"),
            "DetailType": envelope.get("detail-type"),
            "Account": envelope.get("account"),
            "Region": envelope.get("region"),
            "Resources": envelope.get("resources", []),
            "Detail": json.dumps(envelope.get("detail", {})),
        }
        print(json.dumps(eventbridge._matches_pattern(text, event)))


main()
