"""ask: two requests with requests: URL CA CERT KEY; prints each answer."""
import sys

import requests

url, authority, certificate, key = sys.argv[1:]
with requests.Session() as session:
    for _ in range(2):
        answer = session.get(url, verify=authority, cert=(certificate, key), timeout=60)
        answer.raise_for_status()
        print(answer.text)
