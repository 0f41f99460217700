"""Serve the product on this machine: `python -m example_app`."""

import argparse
import errno
import logging
import os
import socket
import sys

from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from werkzeug.serving import make_server

from . import create_app, demo
from .models import Platform, db
from .seed import seed

HOST = "127.0.0.1"


def main() -> None:
    """Prepare the database, then serve until interrupted; `--reset` only seeds it anew."""
    parser = argparse.ArgumentParser(prog="python -m example_app", description=__doc__)
    parser.add_argument(
        "--reset", action="store_true", help="drop all tables, seed them anew, and exit"
    )
    if parser.parse_args().reset:
        prepare(create_app(), reset=True)
        return
    with listen() as listener:
        port = listener.getsockname()[1]
        app = create_app()
        prepare(app, reset=False)
        print(f"\nhttp://{HOST}:{port}\n\nSign in with the password {demo.PASSWORD!r} as")
        for sign_in in demo.SIGN_INS:
            print(f"  {sign_in.email:<24}{sign_in.note}")
        print("\nCtrl-C ends it.", flush=True)
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
        logging.getLogger("werkzeug").setLevel(logging.WARNING)  # access_log has more to say
        make_server(HOST, port, app, threaded=True, fd=listener.fileno()).serve_forever()


def listen() -> socket.socket:
    """Take the port before any work is done, or exit with the reason."""
    given = os.environ.get("PORT") or "5000"
    if not (given.isascii() and given.isdigit() and 0 < int(given) < 2**16):
        sys.exit(f"PORT={given} is not a port; choose one between 1 and 65535: PORT=5001 make run")
    try:
        return socket.create_server((HOST, int(given)))
    except OSError as error:
        taken = "is taken" if error.errno == errno.EADDRINUSE else "cannot be opened"
        other = "5002" if given == "5001" else "5001"
        sys.exit(f"Port {given} {taken}; choose another one: PORT={other} make run")


def prepare(app: Flask, *, reset: bool) -> None:
    """Create the tables, and seed them if they are empty."""
    with app.app_context():
        try:
            if reset:
                db.drop_all()
            db.create_all()
            if db.session.scalar(select(Platform.id).limit(1)) is None:
                print("Seeding the database …", flush=True)
                seed()
        except OperationalError as error:
            address = db.engine.url.render_as_string()
            sys.exit(f"The database {address} does not answer: {error.orig}")


if __name__ == "__main__":
    main()
