"""A scripted HTTP server on a raw socket, so that it can break off, trickle and lie at any byte.

    server.on("GET", "/v2/images/ID", Answer(503), Answer(json={...}))

Each request takes the next answer of its route; the last one repeats. Requests are kept with the connection they came on.
"""
import json
import re
import socket
import ssl
import struct
import threading
import time
from typing import Any, Dict, List, NamedTuple, Optional


class Request(NamedTuple):
    method: str
    path: str
    headers: Dict[str, str]
    body: bytes
    connection: int
    at: float


class Answer:
    """What the server sends. Everything that deviates from a plain answer is named by its argument."""

    def __init__(self, status: int = 200, json_body: Any = None, body: bytes = b"", headers: Optional[dict] = None,
                 content_type: Optional[str] = "application/json", raw: Optional[bytes] = None, delay: float = 0,
                 header_gap: float = 0, body_gap: float = 0, cut_at: Optional[int] = None, endless: bool = False,
                 length: Optional[int] = None):
        self.body = json.dumps(json_body).encode() if json_body is not None else body
        self.status, self.raw, self.delay = status, raw, delay
        self.header_gap, self.body_gap = header_gap, body_gap  # seconds before each byte of the header; of the body
        self.cut_at = cut_at        # reset the connection after so many bytes
        self.endless = endless      # the body never ends
        fields = {} if content_type is None or not self.body and not endless else {"Content-Type": content_type}
        fields.update(headers or {})
        if not endless:
            fields.setdefault("Content-Length", str(len(self.body) if length is None else length))
        self.head = ("HTTP/1.1 %d Scripted\r\n" % status +
                     "".join("%s: %s\r\n" % field for field in fields.items()) + "\r\n").encode("latin-1")

    def send(self, connection: socket.socket) -> bool:
        """Sends it; whether the connection can be kept."""
        time.sleep(self.delay)
        if self.raw is not None:
            connection.sendall(self.raw)
            return False
        if self.cut_at is not None:
            connection.sendall((self.head + self.body)[:self.cut_at])
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        self._trickle(connection, self.head, self.header_gap)
        self._trickle(connection, self.body, self.body_gap)
        while self.endless:
            connection.sendall(b" " * 65536)
        return True

    @staticmethod
    def _trickle(connection: socket.socket, data: bytes, gap: float) -> None:
        if gap == 0:
            connection.sendall(data)
            return
        for i in range(len(data)):
            connection.sendall(data[i:i + 1])
            time.sleep(gap)


class Server:
    def __init__(self, tls: Optional[ssl.SSLContext] = None):
        self._routes: List[list] = []
        self._lock = threading.Lock()
        self._tls = tls
        self._connections = 0
        self.requests: List[Request] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = "%s://127.0.0.1:%d" % ("https" if tls else "http", self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), which else takes one more
        except OSError:
            pass  # closed before
        self._listener.close()

    def on(self, method: str, path: str, *answers: Any) -> "Server":
        """answers: Answer, or a function of the request that gives one. A later route for the same comes first."""
        with self._lock:
            self._routes.insert(0, [method, re.compile(path + r"(\?.*)?$"), list(answers)])
        return self

    def seen(self, method: str, path: str) -> List[Request]:
        with self._lock:
            return [r for r in self.requests if r.method == method and re.match(path + r"(\?.*)?$", r.path)]

    def count(self) -> int:
        with self._lock:
            return len(self.requests)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections += 1
                number = self._connections
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as stream:
                while True:
                    request = self._read(stream, number)
                    if request is None or not self._choose(request).send(connection):
                        return
        except (OSError, ValueError):
            pass  # the client went away, which is often the point

    def _read(self, stream, number: int) -> Optional[Request]:
        line = stream.readline()
        if not line:
            return None
        method, path, _ = line.decode("latin-1").split(" ", 2)
        headers = {}
        for line in iter(stream.readline, b"\r\n"):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        request = Request(method, path, headers, body, number, time.monotonic())
        with self._lock:
            self.requests.append(request)
        return request

    def _choose(self, request: Request) -> Answer:
        with self._lock:
            for method, path, answers in self._routes:
                if method == request.method and path.match(request.path):
                    answer = answers.pop(0) if len(answers) > 1 else answers[0]
                    break
            else:
                return Answer(404, json_body={"error": {"message": "no such route in the script"}})
        return answer(request) if callable(answer) else answer
