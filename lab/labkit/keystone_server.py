"""Keystone behind the standard library's web server, one thread a request: keystone_server.py PORT.

The configuration file comes from OS_KEYSTONE_CONFIG_FILES, as for any WSGI host.
"""

import socketserver
import sys
from wsgiref import simple_server

from keystone.server import wsgi


class Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self):
        # the base class looks its own name up, which may ask a DNS server
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]
        self.setup_environ()


class Handler(simple_server.WSGIRequestHandler):
    def address_string(self):
        return self.client_address[0]

    def log_message(self, format, *args):
        pass


def main():
    port = int(sys.argv.pop(1))     # Keystone reads what is left as its own arguments
    application = wsgi.initialize_public_application()
    with simple_server.make_server("127.0.0.1", port, application, Server, Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
