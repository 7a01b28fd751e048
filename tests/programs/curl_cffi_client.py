"""Asks `openssl s_server -www` for a page three times: in a full handshake, resumed, and with a
certificate: curl_cffi_client.py URL CERT KEY"""

import sys

import curl_cffi

url, cert, key = sys.argv[1:]


def new_session():
    return curl_cffi.requests.Session(verify=cert, http_version="v1")


def ask(session, *words, **how):
    page = session.get(url, **how).text
    assert all(word in page for word in words), page


session = new_session()
ask(session, "\nNew, ", "no client certificate")
ask(session, "\nReused, ")
ask(new_session(), "\nNew, ", "\nClient certificate", cert=(cert, key))
print("curl_cffi", curl_cffi.__version__, curl_cffi.Curl().version().decode())
