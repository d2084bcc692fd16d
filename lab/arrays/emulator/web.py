"""What both emulators share: a threaded HTTP server on loopback, basic authentication, faults made on purpose, a log.

An array is an object with answer(request) -> Answer.  Its calls run through
Control.run(), which counts them, makes the faults that were asked for and
writes the request log.  /lab/... is for tests, not part of any array:

  GET /lab/control                     faults with the number of calls they have seen
  PUT /lab/control {"faults": [...], "full": false}
  GET /lab/log?since=N                 entries of the request log, as a list

A fault is {"call": PATTERN|PATTERN..., "nth": 1, "times": 1, "how": HOW, "delay": SECONDS, "code", "message", "status"}.  HOW is
"error" (refused before anything is done), "error-after" (done, yet answered with an error), "drop" and "drop-after"
(the connection is closed without an answer) or "delay" alone.  "times" of 0 means always.
"""

import base64
import fnmatch
import hmac
import http.server
import json
import ssl
import sys
import threading
import time
import urllib.parse

MAX_BODY = 4 * 1024 * 1024
HOWS = ("error", "error-after", "drop", "drop-after", "delay")
FAULT_KEYS = {"call", "nth", "times", "how", "delay", "code", "message", "status"}


def _named(call, patterns):
    return any(fnmatch.fnmatchcase(call, pattern) for pattern in patterns.split("|"))


class ArrayError(Exception):
    """An array's own refusal; each emulator writes it in its array's format."""

    def __init__(self, code, message, status=200):
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Dropped(Exception):
    """The connection is to be closed without an answer."""


class Request:
    def __init__(self, method, target, headers, body):
        parts = urllib.parse.urlsplit(target)
        self.method, self.path, self.headers, self.body = method, parts.path, headers, body
        self.query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))

    def credentials(self):
        """(user, password) of basic authentication, or None."""
        scheme, _space, token = (self.headers.get("Authorization") or "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(token, validate=True).decode().partition(":")
        except ValueError:
            return None
        return (user, password) if colon else None


class Answer:
    def __init__(self, status, body=b"", content_type="application/json", headers=()):
        self.status, self.body, self.content_type, self.headers = status, body, content_type, headers


class Control:
    """Faults and the request log of one array."""

    def __init__(self, log_path):
        self.full = False
        self._faults = []
        self._lock = threading.Lock()
        self._log_path = log_path
        self._count = 0
        open(log_path, "w", encoding="utf-8").close()

    def run(self, call, arguments, work, default_error):
        """work(), with the faults that apply, and a line in the log. default_error is (code, message, status)."""
        begun = time.time()
        number, fault = self._begin(call)
        entry = {"number": number, "time": round(begun, 6), "call": call, "arguments": arguments, "result": "ok"}
        try:
            if fault:
                time.sleep(fault["delay"])
                self._fail(fault, "", default_error)
            result = work()
            if fault:
                self._fail(fault, "-after", default_error)
            return result
        except ArrayError as error:
            entry.update(result="error", code=error.code, message=error.message)
            raise
        except Dropped:
            entry["result"] = "dropped"
            raise
        finally:
            entry["seconds"] = round(time.time() - begun, 6)
            self._write(entry)

    def refused(self, call, reason):
        number, _fault = self._begin(None)
        self._write({"number": number, "time": round(time.time(), 6), "call": call, "result": reason})

    def _begin(self, call):
        with self._lock:
            self._count += 1
            found = None
            for fault in self._faults:
                if call is None or not _named(call, fault["call"]):
                    continue
                fault["seen"] += 1
                last = fault["nth"] + fault["times"] - 1 if fault["times"] else fault["seen"]
                if found is None and fault["nth"] <= fault["seen"] <= last:
                    fault["made"] += 1
                    found = fault
            return self._count, found

    @staticmethod
    def _fail(fault, when, default_error):
        if fault["how"] == "drop" + when:
            raise Dropped()
        if fault["how"] == "error" + when:
            code, message, status = default_error
            raise ArrayError(fault.get("code", code), fault.get("message", message), fault.get("status", status))

    def _write(self, entry):
        with self._lock, open(self._log_path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")

    # ---- /lab/... ----

    def answer(self, request):
        if request.path == "/lab/log" and request.method == "GET":
            with self._lock, open(self._log_path, encoding="utf-8") as stream:
                entries = [json.loads(line) for line in stream]
            since = int(request.query.get("since", "0"))
            return Answer(200, json.dumps([entry for entry in entries if entry["number"] > since]).encode())
        if request.path == "/lab/control" and request.method == "PUT":
            try:
                self._set(json.loads(request.body))
            except (ValueError, KeyError, TypeError) as error:
                return Answer(400, json.dumps({"error": str(error)}).encode())
        elif request.path != "/lab/control" or request.method != "GET":
            return Answer(404, b'{"error": "GET or PUT /lab/control, GET /lab/log"}')
        with self._lock:
            return Answer(200, json.dumps({"full": self.full, "faults": self._faults, "calls": self._count}).encode())

    def _set(self, wanted):
        if not isinstance(wanted, dict) or not set(wanted) <= {"faults", "full"}:
            raise ValueError("an object with faults, full or both")
        faults = []
        for fault in wanted.get("faults", []):
            unknown = set(fault) - FAULT_KEYS
            if unknown:
                raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
            fault = {"nth": 1, "times": 1, "how": "error", "delay": 0, "seen": 0, "made": 0, **fault}
            if fault["how"] not in HOWS:
                raise ValueError(f"how is one of {', '.join(HOWS)}")
            fault["call"], fault["delay"] = str(fault["call"]), float(fault["delay"])
            faults.append(fault)
        with self._lock:
            self._faults, self.full = faults, bool(wanted.get("full", False))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def _serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY:
            self.close_connection = True
            return self.send_error(413)
        request = Request(self.command, self.path, self.headers, self.rfile.read(length))
        array = self.server.array
        try:
            handler = array.control if request.path.startswith("/lab/") else array
            answer = handler.answer(request)
        except Dropped:
            self.close_connection = True
            return None
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)
        return None

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def log_message(self, *_arguments):
        """The request log says it all."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port, array, certificate=None):
        super().__init__(("127.0.0.1", port), Handler)
        self.array = array
        self._tls = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)

    def finish_request(self, request, client_address):
        # The handshake is made in the connection's own thread: a silent client holds up nobody else.
        if self._tls:
            request.settimeout(Handler.timeout)
            request = self._tls.wrap_socket(request, server_side=True)
        try:
            super().finish_request(request, client_address)
        finally:
            if self._tls:
                request.close()     # wrap_socket took the descriptor over: shutdown_request has nothing to close

    def handle_error(self, request, client_address):
        """A client that went away is its own affair; anything else is a bug here, and is shown."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, ssl.SSLError)):
            super().handle_error(request, client_address)


def same(credentials, user, password):
    return credentials is not None and hmac.compare_digest(
        "\0".join(credentials).encode(), f"{user}\0{password}".encode())


def run(port, array, certificate=None):
    server = Server(port, array, certificate)
    server.serve_forever(poll_interval=0.5)
