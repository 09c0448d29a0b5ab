"""Whether a page can be shown where the user wants it."""

import socket

from app.errors import UserError


def check_port(host, port):
    """Make sure that nobody else listens there.

    Args:
        host: What `--host` says.
        port: What `--port` says.

    Raises:
        UserError: The port is taken or not allowed, or the address is not this machine's.
    """
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"--port {port}: cannot listen on {host}: {reason}; name another") from None
