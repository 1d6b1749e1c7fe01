"""What would stop the first `pulumi up`, found before it: the account, the project and this machine, held
against what the plan needs. It asks and changes nothing; what it cannot learn it calls not known."""
