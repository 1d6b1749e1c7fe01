"""Objects that somebody adds to a stack, or widens: generators that know by construction what each does
(check.py)."""
