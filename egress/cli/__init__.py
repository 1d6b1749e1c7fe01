"""The command `egress`: one subcommand per file, all over the same settings as the Pulumi program."""
