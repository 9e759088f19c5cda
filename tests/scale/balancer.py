"""nginx before several nodes, as `docs/deploy.md` has it: one that cannot be reached is passed over for the next."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from programs import find
from servers import STOP_SECONDS, reserved_port, wait_for_port

NGINX = """
daemon off;
pid {folder}/pid;
error_log {folder}/log;
worker_processes 1;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream gatepost {{
    {servers}
    keepalive 16;
    keepalive_timeout 10s;
  }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 64k;
    location / {{
      proxy_pass http://gatepost;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
}}
"""


class Balancer(NamedTuple):
    port: int


@contextlib.contextmanager
def balancer(folder: Path, ports: list[int]) -> Iterator[Balancer]:
    """An nginx that spreads requests over these ports."""
    folder.mkdir()
    servers = "\n    ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in ports)
    with reserved_port() as port:
        configuration = folder / "nginx.conf"
        configuration.write_text(NGINX.format(folder=folder, port=port, servers=servers))
        process = subprocess.Popen([find("nginx"), "-c", configuration, "-p", folder, "-e", folder / "log"])
        try:
            wait_for_port(process, port, folder / "log")
            yield Balancer(port)
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)
