"""HTTP/3 by curl with BoringSSL and ngtcp2, disguised as Chrome, whose ClientHello takes two
datagrams: `curl.py PORT NAME...` prints how many bytes of each file it got."""

import sys

import curl_cffi

session = curl_cffi.Session(impersonate="chrome", http_version="v3only", verify=False, timeout=60)
for name in sys.argv[2:]:
    response = session.get(f"https://localhost:{sys.argv[1]}/{name}")
    print(len(response.content), flush=True)
