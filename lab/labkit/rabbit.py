"""RabbitMQ of an OpenStack lab: own node name, own epmd, own home (Erlang's cookie), loopback only."""

import os
import socket

from labkit import procs

ROLE = "rabbitmq"
SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"     # the one in sbin changes to another user


def url(ports):
    return f"rabbit://guest:guest@127.0.0.1:{ports['rabbit']}/"


def start(state, ports):
    """Start the broker and return its process at once; wait() for it later."""
    home = os.path.join(state, "rabbit")
    os.makedirs(home, mode=0o700, exist_ok=True)
    for name, text in (("rabbitmq.conf", "loopback_users = none\nlog.console = true\nlog.file = false\n"
                        "disk_free_limit.absolute = 50MB\n"), ("enabled_plugins", "[].\n")):
        with open(os.path.join(home, name), "w", encoding="utf-8") as stream:
            stream.write(text)
    env = {
        "PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8",
        "ERL_EPMD_PORT": str(ports["epmd"]), "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"vtlab{ports['rabbit']}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_NODE_PORT": str(ports["rabbit"]),
        "RABBITMQ_DIST_PORT": str(ports["rabbit_dist"]),
        "RABBITMQ_MNESIA_BASE": os.path.join(home, "mnesia"), "RABBITMQ_LOG_BASE": os.path.join(state, "log"),
        "RABBITMQ_CONFIG_FILE": os.path.join(home, "rabbitmq.conf"), "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_ENABLED_PLUGINS_FILE": os.path.join(home, "enabled_plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +SDio 1 +sbwt none +sbwtdcpu none +sbwtdio none "
                                               "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    return procs.spawn(state, ROLE, [SERVER], env=env)


def wait(state, ports, process):
    procs.wait_until(lambda: _greets(ports["rabbit"]), "RabbitMQ answers", 90, process, [procs.log_path(state, ROLE)])


def _greets(port):
    """A broker that is up answers the protocol header with its first frame; a listening one may still say nothing."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as sock:
            sock.sendall(b"AMQP\0\0\x09\x01")
            return sock.recv(1) == b"\x01"
    except OSError:
        return False


def has_consumer(ports, queue):
    """Whether somebody consumes the queue (the scheduler listens)."""
    import amqp
    try:
        with amqp.Connection(f"127.0.0.1:{ports['rabbit']}", "guest", "guest", connect_timeout=5) as connection:
            return connection.channel().queue_declare(queue, passive=True).consumer_count > 0
    except (OSError, amqp.exceptions.AMQPError):
        return False
