"""A port for a server that is started later, perhaps by another process."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Returns a free port that the system hands out to nobody else for a minute.

    A connection that was closed from this side lingers on it, which keeps it from whoever asks for
    any port. A server that names it may listen there: one that sets SO_REUSEADDR, as ours do.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()):
            listener.accept()[0].close()
        return listener.getsockname()[1]
