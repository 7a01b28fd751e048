"""Reads a HAR file by haralyzer and prints one line of JSON per entry.

Usage: har_read.py FILE
"""

import json
import sys

from haralyzer import HarParser

parser = HarParser.from_file(sys.argv[1])
print(json.dumps({"version": parser.version, "creator": parser.creator["name"]}))
for page in parser.pages:
    for entry in page.entries:
        print(json.dumps({
            "method": entry.request.method,
            "url": entry.url,
            "agent": entry.request.headers.get("user-agent") if isinstance(entry.request.headers, dict)
            else next((field["value"] for field in entry.request.headers if field["name"].lower() == "user-agent"), None),
            "query": entry.request.queryString,
            "sent": entry.request.text,
            "status": entry.response.status,
            "got": entry.response.text,
            "encoding": entry.response.textEncoding,
            "size": entry.response.contentSize,
            "mime": entry.response.mimeType,
            "http": entry.response.httpVersion,
            "at": entry.startTime.isoformat(),
            "time": entry.time,
            "timings": entry.timings,
            "server": entry.serverAddress,
        }))
