"""connections.py URL N: N requests with urllib, one after another, in one process."""

import sys
import urllib.request

url, count = sys.argv[1], int(sys.argv[2])
for _ in range(count):
    with urllib.request.urlopen(url) as response:
        sys.stdout.write(response.read().decode())
