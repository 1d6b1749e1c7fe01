"""`python -m egress`: what the program decides, without an engine and without an account."""

from egress.cli.entry import main

if __name__ == "__main__":
    main()
