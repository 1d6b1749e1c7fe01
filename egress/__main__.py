"""`python -m egress`: what the program decides, without an engine and without an account."""

from egress.cli.app import app

if __name__ == "__main__":
    app()
