"""What the official Python SDK makes of webhooks.

Reads lines of JSON from stdin, each {"name", "key", "headers", "body"} with the body in base64, and says of each on
stdout, in a line of JSON, whether the SDK takes it and what it reads in it.
"""

import base64
import json
import sys

from telnyx import Telnyx


def judged(case):
    client = Telnyx(api_key="KEY_of_nobody", public_key=case["key"])
    try:
        event = client.webhooks.unwrap(base64.b64decode(case["body"]).decode(), headers=case["headers"])
    except Exception as refusal:
        return {"taken": False, "why": f"{type(refusal).__name__}: {refusal}"}
    data = getattr(event, "data", None) or event
    return {"taken": True, "kind": type(event).__name__, "event_type": data.event_type, "id": data.id}


for line in sys.stdin:
    case = json.loads(line)
    print(json.dumps({"name": case["name"], **judged(case)}), flush=True)
