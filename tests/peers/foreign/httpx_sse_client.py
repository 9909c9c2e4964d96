"""Follows a stream with httpx-sse as its docs show: the caller reconnects, with the last ID.

Prints one JSON object on a line for each thing that happens.
"""

import json
import sys
import time

import httpx
from httpx_sse import connect_sse


def say(**what):
    print(json.dumps(what), flush=True)


url = sys.argv[1]
last_event_id, wait = "", 3.0
with httpx.Client(timeout=None, trust_env=False) as client:
    while True:
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        try:
            with connect_sse(client, "GET", url, headers=headers) as source:
                say(open=source.response.status_code)
                for event in source.iter_sse():
                    last_event_id = event.id
                    if event.retry is not None:
                        wait = event.retry / 1000
                    say(event=event.event, data=event.data, id=event.id)
        except httpx.HTTPError as error:
            say(lost=repr(error))
        say(wait=round(wait * 1000))
        time.sleep(wait)
